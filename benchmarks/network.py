"""How long a network takes for one state of five numbers, and how well ONNX and NumPy agree.

Two sizes: two layers of 128, as in the cart-pole's recipe, and of 256, as is usual.

Timed: the ONNX file of the action alone, with its buffers bound once as they are where it serves (target 15 us) and without;
what a decision asks of it, the action wanted and then the value of the action drawn; and all of a policy's part in a decision:
state, density, draw and value. One thread; the machine's noise only adds, so the best of several rounds counts, and CPU time
is told beside wall time.
Run: python benchmarks/network.py [calls per round] [rounds]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
import onnxruntime

from policyloop.core.loop import Field
from policyloop.core.state import StateEncoder
from policyloop.policy import onnx_writer
from policyloop.policy.boxed import BoxPolicy, explorer_of
from policyloop.policy.network import Network
from policyloop.policy.onnx_network import OneState, OnnxNetwork, session
from policyloop.policy.policies.network import random_network

TARGET_US = 15.0
WIDTHS = (128, 256)
Call = tuple[str, Callable[[], object]]
NAMES = ("x", "v", "th", "w", "goal")


def best_us(timed: Sequence[Call], calls: int, rounds: int) -> list[tuple[float, float]]:
    """Of each, microseconds of CPU and of wall time of one call, in the best round; rounds of all take turns."""
    best = [(float("inf"), float("inf"))] * len(timed)
    for _ in range(rounds):
        for i, (_, call) in enumerate(timed):
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            for _ in range(calls):
                call()
            took = (time.process_time() - cpu_s) / calls * 1e6, (time.perf_counter() - wall_s) / calls * 1e6
            best[i] = min(best[i], took)
    return best


def policy_of(network: Network) -> BoxPolicy:
    """It, as a decision in process asks it."""
    encoder = StateEncoder.of([Field(name=name, type="number") for name in NAMES])
    return BoxPolicy(encoder, OnnxNetwork(network), explorer_of("own", {}), 0.02, ("force",))


def main(calls: int, rounds: int) -> None:
    """Measure and print, size by size."""
    sizes = {width: calls_of(width) for width in WIDTHS}
    took = iter(best_us([one for _, timed in sizes.values() for one in timed], calls, rounds))
    for width, (agrees, timed) in sizes.items():
        print(f"\ntwo layers of {width}\n{agrees}")
        found = [next(took) for _ in timed]
        for (name, _), (cpu, wall) in zip(timed, found, strict=True):
            print(f"{name:42s} {cpu:6.1f} us of CPU, {wall:6.1f} us")
        cpu, _ = found[0]
        print(
            f"one state answered in {cpu:.1f} us: the target of {TARGET_US:.0f} us is {'met' if cpu <= TARGET_US else 'missed'}"
        )


def calls_of(width: int) -> tuple[str, list[Call]]:
    """Of one size: how well ONNX agrees, and what is to be timed."""
    rng = np.random.default_rng(1)
    network = random_network(head="tanh_gaussian", state_shape=(5,), n_outputs=1, rng=rng, width=width)
    states = rng.normal(size=(1000, 5)).astype(np.float32)
    actor = session(onnx_writer.policy_bytes(network, has_value=False))
    whole = session(onnx_writer.policy_bytes(network))
    action, value = whole.run(None, {"state": states})
    off = np.abs(action - network.act(states)).max(), np.abs(value - network.value(states, action)).max()
    agrees = (
        f"ONNX beside NumPy on 1,000 states: actions differ by {off[0]:.1e} at most, values by {off[1]:.1e} (demanded: 1e-5)"
    )

    policy, one = policy_of(network), {"state": states[:1]}
    served, bound = OnnxNetwork(network), OneState(actor)
    context = dict(zip(NAMES, states[0].tolist(), strict=True))

    def decided() -> None:
        drawn, _ = policy.density(context, [-0.9], [0.9]).draw(0.5, [0.3])
        policy.value(context, drawn)

    def answered() -> None:
        (given,), run, _ = bound.own
        given[:] = states[0]
        run()

    options = onnxruntime.RunOptions()
    timed: list[Call] = [
        ("ONNX: action, buffers bound once", answered),
        ("ONNX: action", lambda: actor.run(["action"], one, options)),
        ("ONNX: action and its value", lambda: whole.run(["action", "value"], one, options)),
        ("as served: what it wants", lambda: served.wanted(states[0])),
        ("as served: what it expects of an action", lambda: served.value(states[0], [0.3])),
        ("density, draw and value, from a context", decided),
        ("NumPy: action", lambda: network.act(states[:1])),
    ]
    return agrees, timed


if __name__ == "__main__":
    main(*(int(argument) for argument in (sys.argv[1:] + ["2000", "20"][len(sys.argv) - 1 :])))
