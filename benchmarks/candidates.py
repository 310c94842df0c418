"""What a decision among candidates costs: in process, the log left out, and in bytes of log.

Candidates have 5 numeric features, the context 2 numbers and a category; the model is linear, the explorer squarecb. A set
is offered again in the same words, or registered ahead and named, or never seen before. The targets are p50 <= 60 us for 50
candidates, <= 1,500 us for 1,000, and <= 10 KB of log a decision for 1,000 candidates of a repeated set. The machine's noise
only adds, so the best of several rounds counts.
Run: python benchmarks/candidates.py [decisions per round] [rounds]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from policyloop.core.clock import SystemClock
from policyloop.core.event import ActionSet, Logged, encode
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import CandidateAction, DecideRequest
from policyloop.log.segment import frame_bytes
from policyloop.policy.candidate_features import CandidateEncoder
from policyloop.policy.features import Encoder
from policyloop.policy.scored import explorer_of
from policyloop.policy.scored_candidates import ScoredCandidates
from policyloop.policy.shared_linear import Weights, create
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of

FEATURES = [f"feature_{i}" for i in range(5)]
TARGET_US = {50: 60.0, 1000: 1500.0}


def spec() -> LoopSpec:
    """The loop that is decided for."""
    return read_spec(
        {
            "loop": "shelf",
            "context": {"age": "number", "spent": "number", "device": {"type": "category", "values": ["phone", "desktop"]}},
            "actions": {"kind": "candidates", "features": dict.fromkeys(FEATURES, "number")},
            "outcomes": {"clicked": {"type": "boolean"}},
            "reward": {"expression": "clicked", "range": [0, 1]},
        }
    )


def offer(k: int, rng: np.random.Generator) -> list[CandidateAction]:
    """k candidates that were never seen before."""
    numbers, ids = rng.normal(size=(k, len(FEATURES))).tolist(), rng.integers(2**40, size=k)
    return [
        CandidateAction(id=f"item-{i}", features=dict(zip(FEATURES, row, strict=True)))
        for i, row in zip(ids, numbers, strict=True)
    ]


def context(rng: np.random.Generator) -> dict[str, Any]:
    """Someone."""
    return {"age": float(rng.normal()), "spent": float(rng.normal()), "device": "phone"}


def policy(rng: np.random.Generator) -> ScoredCandidates:
    """A model with weights of chance; what it costs does not depend on their values."""
    encoder = Encoder.fit(spec().context, [context(rng) for _ in range(1000)])
    of_candidates = Encoder.fit(spec().actions.features, [one.features or {} for one in offer(1000, rng)])
    e, d = of_candidates.n_features, encoder.n_features
    weights = Weights(rng.normal(0, 0.1, size=(e, d)), np.triu(rng.normal(0, 0.1, size=(e, e))), np.zeros((0, d)))
    explorer = explorer_of("squarecb", {}, n_examples=10_000, reward_span=1.0)
    return ScoredCandidates(encoder, CandidateEncoder(of_candidates, []), create(weights), explorer, 0.02)


def p50_us(requests: Sequence[DecideRequest], decider: Decider) -> float:
    """Of one round."""
    took = []
    for request in requests:
        began = time.perf_counter_ns()
        decider.decide(request)
        took.append(time.perf_counter_ns() - began)
    assert not decider.counts(), "the baseline decided"
    return float(np.median(took)) / 1e3


def main(arguments: list[str]) -> None:
    """Print a line per size and kind, then the bytes."""
    n, n_rounds = (*map(int, arguments), *(2000, 5)[len(arguments) :])
    rng = np.random.default_rng(1)
    logged: list[Logged] = []

    def append(record: Logged) -> int:
        logged.append(record)
        return len(logged)

    known: dict[str, list[CandidateAction]] = {}
    live = live_of(spec(), salt=bytes(range(32)), policy=policy(rng), name="a" * 32)
    decider = Decider(live, clock=SystemClock(), append=append, find_set=lambda loop, name: known.get(name))
    for k in (7, 50, 1000):
        known[str(k)] = offer(k, rng)
        count = n if k < 1000 else n // 10
        ways = {
            "offered again": lambda k=k: DecideRequest(context=context(rng), actions=known[str(k)]),
            "registered": lambda k=k: DecideRequest(context=context(rng), action_set=str(k)),
            "new": lambda k=k: DecideRequest(context=context(rng), actions=offer(k, rng)),
        }
        for way, make in ways.items():
            rounds = [p50_us([make() for _ in range(count)], decider) for _ in range(n_rounds)]
            target = f"   demanded {TARGET_US[k]:,.0f}" if k in TARGET_US else ""
            print(f"{k:5,} candidates, {way:14} p50 {min(rounds):8.1f} us{target}   rounds {[round(r, 1) for r in rounds]}")
            logged.clear()
    live.checks.candidates.forget_logged()
    logged.clear()
    for _ in range(100):
        decider.decide(DecideRequest(context=context(rng), actions=known["1000"]))
    size = {
        is_set: sum(frame_bytes(len(encode(r))) for r in logged if isinstance(r, ActionSet) is is_set)
        for is_set in (True, False)
    }
    print(
        "1,000 candidates of one set, 100 decisions: "
        f"the set once {size[True]:,} bytes, a decision {size[False] / 100:,.0f} bytes; demanded 10,000"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
