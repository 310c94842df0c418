"""How long one decision takes in process: 10 numeric fields, 2 categories, 7 actions, everything but the log.

Everything is: the check of the context, features, expected rewards, exploration, floor, draw, id, the record and the
answer. Each explorer over a linear model without and with products of features, and the default one over a boosted model
(its target is 50 us); the target (p50 <= 25 us) is for the
default explorer, squarecb. It is timed again with others beside the champion: a hold-out, and a challenger of the
same cost that only watches or decides a tenth. The machine's noise only adds, so the best of several rounds counts, and the
rounds' range is shown.
Run: python benchmarks/decide_in_process.py [decisions per round] [rounds] [--json]
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from policyloop.core.clock import SystemClock
from policyloop.core.event import Event
from policyloop.core.example import ExampleBatch
from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, Field, LoopSpec, OutcomeSpec, RewardSpec
from policyloop.core.wire import DecideRequest
from policyloop.learn.learners import boosted
from policyloop.policy.features import Encoder
from policyloop.policy.policies import linear
from policyloop.policy.scored import ScoredPolicy, explorer_of
from policyloop.serve.decider import Decider
from policyloop.serve.fallback import Breaker
from policyloop.serve.live import live_of
from policyloop.serve.traffic import STATES, Challenger, Traffic

SALT = bytes(range(32))
N_ACTIONS = 7
N_EXAMPLES = 10_000  # that the model is said to have learned from; sets squarecb's gamma
CATEGORIES = {"device": ("phone", "tablet", "desktop"), "country": ("de", "es", "fr", "it", "nl", "pl", "se")}


def spec() -> LoopSpec:
    """The loop that is decided for."""
    fields = [Field(name=f"number_{i}", type="number") for i in range(10)]
    fields += [Field(name=name, type="category", values=values) for name, values in CATEGORIES.items()]
    outcomes = {"clicked": OutcomeSpec(name="clicked", type="boolean")}
    return LoopSpec(
        loop="front-page",
        context={field.name: field for field in fields},
        actions=ActionSpec(kind="discrete", labels=tuple(f"action-{i}" for i in range(N_ACTIONS))),
        outcomes=outcomes,
        reward=RewardSpec(expression=Expression.parse("clicked", outcomes), low=0.0, high=1.0, window_s=600.0),
        baseline="first",
        digest="5" * 32,
    )


def contexts(n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """n contexts, all different."""
    numbers = rng.normal(size=(n, 10)).tolist()
    chosen = {name: rng.choice(values, size=n).tolist() for name, values in CATEGORIES.items()}
    return [
        {f"number_{i}": value for i, value in enumerate(row)} | {name: values[j] for name, values in chosen.items()}
        for j, row in enumerate(numbers)
    ]


def model(expansion: str, explorer: str, rng: np.random.Generator) -> ScoredPolicy:
    """A linear model with weights of chance; what it costs does not depend on their values."""
    encoder = Encoder.fit(spec().context, contexts(1_000, rng))
    explores = explorer_of(explorer, {}, n_examples=N_EXAMPLES, reward_span=1.0)
    shape = (N_ACTIONS, linear.n_terms(expansion, encoder.n_features))
    weights = rng.normal(0, 0.1, size=shape)
    draws = rng.normal(0, 0.1, size=(explores.n_draws, *shape)) if explores.n_draws else None
    return ScoredPolicy(encoder, linear.create(expansion, weights, draws=draws), explores, 0.02, N_ACTIONS)


def boosted_model(rng: np.random.Generator) -> tuple[ScoredPolicy, int]:
    """A boosted model of thresholds that lines do not tell, with all its trees; and how many these are."""
    seen = contexts(N_EXAMPLES, rng)
    encoder = Encoder.fit(spec().context, seen)
    x, action = encoder.encode_many(seen), rng.integers(N_ACTIONS, size=N_EXAMPLES)
    is_right = (x[np.arange(N_EXAMPLES), 1 + action] > 0) ^ (x[:, 9] > 0.5) ^ (x[:, 10] < -0.5)
    learner = boosted.create(n_actions=N_ACTIONS, n_features=encoder.n_features, rng=rng, reward_default=0.0)
    learner.learn(
        ExampleBatch(
            features=x,
            allowed=np.ones((N_EXAMPLES, N_ACTIONS), dtype=bool),
            action=action,
            reward=is_right.astype(np.float64),
            propensity=np.full(N_EXAMPLES, 1 / N_ACTIONS),
            decided_at=np.arange(N_EXAMPLES),
        )
    )
    made = learner.reward_model()
    explores = explorer_of("squarecb", {}, n_examples=N_EXAMPLES, reward_span=1.0)
    return ScoredPolicy(encoder, made, explores, 0.02, N_ACTIONS), len(made.forest.trees)


def boosted_row(n: int, n_rounds: int) -> dict[str, Any]:
    """The same with trees; the target is a p50 of 50 us."""
    rng = np.random.default_rng(1)
    policy, n_trees = boosted_model(rng)
    return timed(policy, contexts(n, rng), n_rounds) | {"explorer": "squarecb", "expansion": f"{n_trees} trees"}


def rows_of_traffic(n: int, n_rounds: int) -> Iterator[dict[str, Any]]:
    """The default explorer with others beside the champion."""
    rng = np.random.default_rng(1)
    policy, offered = model("none", "squarecb", rng), contexts(n, rng)
    other = model("none", "squarecb", rng)
    watching, deciding = (
        Challenger(challenge="1", state=state, name="b" * 32, policy=other, share=0.1, breaker=Breaker(budget_s=0.05))
        for state in (STATES[0], STATES[1])
    )
    for told, traffic in (
        ("hold-out", Traffic(hold_out=0.05)),
        ("shadow", Traffic(challenger=watching)),
        ("canary", Traffic(challenger=deciding)),
        ("canary+hold-out", Traffic(challenger=deciding, hold_out=0.05)),
    ):
        yield timed(policy, offered, n_rounds, traffic=traffic) | {"explorer": "squarecb", "expansion": told}


def timed(
    policy: ScoredPolicy, offered: list[dict[str, Any]], n_rounds: int, *, traffic: Traffic | None = None
) -> dict[str, Any]:
    """Percentiles of the best round."""
    seconds_of_each(policy, offered[:1_000], traffic=traffic)  # warm caches
    rounds = [np.percentile(seconds_of_each(policy, offered, traffic=traffic), [50, 99]) * 1e6 for _ in range(n_rounds)]
    best = min(rounds, key=lambda two: float(two[0]))
    return {
        "p50_us": round(float(best[0]), 1),
        "p99_us": round(float(best[1]), 1),
        "p50_us_of_rounds": [round(float(two[0]), 1) for two in rounds],
    }


def seconds_of_each(
    policy: ScoredPolicy, offered: list[dict[str, Any]], *, traffic: Traffic | None = None
) -> np.ndarray[Any, np.dtype[np.float64]]:
    """(n,) how long each decision took."""
    n_logged = 0

    def append(event: Event) -> int:
        nonlocal n_logged
        n_logged += 1
        return n_logged

    live = live_of(spec(), salt=SALT, policy=policy, name="a" * 32, traffic=traffic)
    decider = Decider(live, clock=SystemClock(), append=append)
    decide, now = decider.decide, time.perf_counter_ns
    took_ns = []
    for context in offered:
        start_ns = now()
        decide(DecideRequest(context=context))
        took_ns.append(now() - start_ns)
    assert not decider.counts(), "the baseline decided"
    return np.array(took_ns) / 1e9


def rows(n: int, n_rounds: int) -> Iterator[dict[str, Any]]:
    """One row per explorer and expansion, in microseconds."""
    for explorer in ("squarecb", "epsilon_greedy", "greedy", "thompson"):
        for expansion in linear.EXPANSIONS:
            rng = np.random.default_rng(1)
            policy, offered = model(expansion, explorer, rng), contexts(n, rng)
            yield timed(policy, offered, n_rounds) | {"explorer": explorer, "expansion": expansion}
    yield boosted_row(n, n_rounds)
    yield from rows_of_traffic(n, n_rounds)


def main(arguments: list[str]) -> None:
    """Print a line per row, or all of them as JSON."""
    numbers = [int(argument) for argument in arguments if argument.isdigit()]
    n, n_rounds = (*numbers, *(20_000, 5)[len(numbers) :])
    found = rows(n, n_rounds)
    if "--json" in arguments:
        print(json.dumps(list(found)))
        return
    for row in found:
        print(
            f"{row['explorer']:15} {row['expansion']:15} p50 {row['p50_us']:6.1f} us   p99 {row['p99_us']:6.1f} us   "
            f"p50 of rounds {row['p50_us_of_rounds']}"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
