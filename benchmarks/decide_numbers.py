"""How long one decision that is a number takes in process, beside one over labels: everything but the log.

The loop is the cart-pole's: five numbers of state, one force, limits from step to step, a network with two critics and two
layers, of 128 units each as in the cart-pole's recipe and of 256 as is usual, whose support is checked, exploration by a bell
with a floor, and the value of the action that is returned. The row `labels` is `decide_in_process` with the default explorer,
timed in the same run; rounds of the rows take turns, and the best counts.
Run: python benchmarks/decide_numbers.py [decisions per round] [rounds] [--json]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import decide_in_process
import numpy as np

from policyloop.core.clock import SystemClock
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.core.state import StateEncoder
from policyloop.core.wire import DecideRequest
from policyloop.policy.boxed import BoxPolicy, explorer_of
from policyloop.policy.onnx_network import OnnxNetwork
from policyloop.policy.policies.network import random_network
from policyloop.policy.support import support_of, support_tensors
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of

FIELDS = ("x", "v", "th", "w", "goal")
LOOP = {
    "loop": "cart-pole",
    "context": dict.fromkeys(FIELDS, "number"),
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "limits": {"force": {"min": -0.9, "max": 0.9, "max_change": 0.5}},
    "episodes": {"max_steps": 1000},
    "outcomes": {},
    "reward": {"expression": "10 * (abs(next.x - next.goal) < 0.1)", "range": [0, 10]},
    "baseline": "middle",
    "learner": {"name": "cql"},
    "explore": {"name": "gaussian", "floor": 0.02},
}
STEPS = 1000  # of an episode
WIDTHS = (128, 256)  # the recipe of the cart-pole's; what is usual


def states(n: int, rng: np.random.Generator) -> list[dict[str, float]]:
    """n contexts, all different."""
    return [dict(zip(FIELDS, row, strict=True)) for row in rng.normal(size=(n, len(FIELDS))).tolist()]


def policy_of(spec: LoopSpec, rng: np.random.Generator, *, width: int = WIDTHS[0]) -> BoxPolicy:
    """A network with weights of chance; what it costs does not depend on their values."""
    encoder = StateEncoder.of(list(spec.context.values()))
    network = random_network(head="tanh_gaussian", state_shape=encoder.shape, n_outputs=1, rng=rng, width=width)
    support = support_of(support_tensors(encoder.encode_many(states(100_000, rng))))
    return BoxPolicy(encoder, OnnxNetwork(network), explorer_of("gaussian", {"scale": 0.1}), 0.02, ("force",), support)


def numbers(n: int, width: int) -> Callable[[], np.ndarray[Any, np.dtype[np.float64]]]:
    """A round of decisions that are numbers: how long each took, in seconds."""
    spec, rng = read_spec(LOOP), np.random.default_rng(1)
    policy, offered = policy_of(spec, rng, width=width), states(n, rng)
    live = live_of(spec, salt=decide_in_process.SALT, policy=policy, name="a" * 32)

    def play() -> np.ndarray[Any, np.dtype[np.float64]]:
        decider = Decider(live, clock=SystemClock(), append=lambda event: 1)
        took_ns = []
        for i, context in enumerate(offered):
            start_ns = time.perf_counter_ns()
            decider.decide(DecideRequest(context=context, episode_id=f"e{i // STEPS}", step=i % STEPS))
            took_ns.append(time.perf_counter_ns() - start_ns)
        n_guessed = decider.counts().get("outside_history", 0)
        assert sum(decider.counts().values()) == n_guessed < n / 100, decider.counts()
        return np.array(took_ns) / 1e9

    return play


def labels(n: int) -> Callable[[], np.ndarray[Any, np.dtype[np.float64]]]:
    """A round of decisions over labels, with the default explorer."""
    rng = np.random.default_rng(1)
    policy, offered = decide_in_process.model("none", "squarecb", rng), decide_in_process.contexts(n, rng)
    return lambda: decide_in_process.seconds_of_each(policy, offered)


def rows(n: int, n_rounds: int) -> list[dict[str, Any]]:
    """A row for each kind, in microseconds."""
    players = {"labels": labels(n), **{f"numbers, 2 x {width}": numbers(n, width) for width in WIDTHS}}
    rounds: dict[str, list[Any]] = {kind: [] for kind in players}
    for _ in range(n_rounds):
        for kind, play in players.items():
            rounds[kind].append(np.percentile(play(), [50, 99]) * 1e6)
    return [
        {
            "kind": kind,
            "p50_us": round(float(min(two[0] for two in of_kind)), 1),
            "p99_us": round(float(min(of_kind, key=lambda two: float(two[0]))[1]), 1),
            "p50_us_of_rounds": [round(float(two[0]), 1) for two in of_kind],
        }
        for kind, of_kind in rounds.items()
    ]


def main(arguments: list[str]) -> None:
    """Print a line per kind, or all of them as JSON."""
    given = [int(argument) for argument in arguments if argument.isdigit()]
    n, n_rounds = (*given, *(20_000, 5)[len(given) :])
    found = rows(n, n_rounds)
    if "--json" in arguments:
        print(json.dumps(found))
        return
    for row in found:
        print(
            f"{row['kind']:16} p50 {row['p50_us']:6.1f} us   p99 {row['p99_us']:6.1f} us   of rounds {row['p50_us_of_rounds']}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
