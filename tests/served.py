"""What tests of serve share: a clock moved by hand, a log in memory, and policies of a known kind for the front page."""

import functools
import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

from front_page import NOW_US, SALT, front_page
from policyloop.core.event import Decision
from policyloop.core.loop import LoopSpec
from policyloop.policy.features import Encoder
from policyloop.policy.policies import linear
from policyloop.policy.scored import ScoredPolicy, explorer_of
from policyloop.serve.decider import Decider
from policyloop.serve.fallback import Breaker
from policyloop.serve.live import live_of
from policyloop.serve.traffic import Challenger, State, Traffic


class HandClock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.time_us = NOW_US
        self.time_s = 1000.0

    def now_us(self) -> int:
        return self.time_us

    def monotonic_s(self) -> float:
        return self.time_s

    def sleep(self, seconds: float) -> None:
        self.time_s += seconds
        self.time_us += round(seconds * 1_000_000)


class MemoryLog:
    """Keeps records in a list; raises what it is told to."""

    def __init__(self) -> None:
        self.events: list[Decision] = []
        self.error: Exception | None = None
        self._seqs = itertools.count(1)

    def append(self, event: Decision) -> int:
        if self.error is not None:
            raise self.error
        self.events.append(event)
        return next(self._seqs)


@functools.cache
def some_model(explorer: str = "squarecb", floor: float = 0.02, seed: int = 0) -> ScoredPolicy:
    """A linear model of the front page with weights of chance, and an explorer."""
    rng = np.random.default_rng(seed)
    encoder = Encoder.fit(front_page().context, [context_of(rng) for _ in range(300)])
    explores = explorer_of(explorer, {}, n_examples=300, reward_span=1.0)
    weights = rng.normal(0, 0.1, size=(3, encoder.n_features))
    draws = weights + rng.normal(0, 0.1, size=(explores.n_draws, *weights.shape)) if explores.n_draws else None
    return ScoredPolicy(encoder, linear.create("none", weights, draws=draws), explores, floor, 3)


DEVICES = np.array(["phone", "tablet", "desktop"])


def context_of(rng: np.random.Generator) -> dict[str, Any]:
    """A context that the front page's spec allows, with all fields."""
    return {
        "hour": int(rng.integers(0, 24)),
        "device": str(rng.choice(DEVICES)),
        "price": float(rng.exponential(10)),
        "is_member": bool(rng.integers(0, 2)),
        "query": None if rng.integers(0, 2) else "a query",
        "tags": ["x"] * int(rng.integers(0, 3)),
        "recent": None,
        "campaign": None,
    }


@dataclass(frozen=True, eq=False)
class Stored:
    """A model as a source gives it."""

    ready: ScoredPolicy
    labels: tuple[str, ...] = ("calm", "bold", "playful")

    def loaded(self) -> ScoredPolicy:
        return self.ready


class Gives:
    """A policy that gives these numbers, whatever it is asked."""

    def __init__(self, *pmf: float) -> None:
        self._pmf = list(pmf)

    def pmf(self, context: Any, allowed: Any, candidates: Any = None) -> list[float]:
        return self._pmf


def traffic_of(
    challenger: Any = None, *, state: State = "canary", share: float = 0.25, hold_out: float = 0.0, is_sticky: bool = False
) -> Traffic:
    """Traffic with a challenger of that policy; without one only the baseline decides beside the champion."""
    breaker = Breaker(budget_s=0.05)
    asked = None
    if challenger is not None:
        asked = Challenger(challenge="7", state=state, name="c" * 32, policy=challenger, share=share, breaker=breaker)
    return Traffic(challenger=asked, hold_out=hold_out, is_sticky=is_sticky)


def decider_of(
    policy: Any = None,
    *,
    spec: LoopSpec | None = None,
    name: str = "m" * 32,
    clock: Any = None,
    log: MemoryLog | None = None,
    traffic: Traffic | None = None,
) -> Decider:
    """A decider of the front page; without a policy the baseline decides."""
    named = "baseline" if policy is None else name
    live = live_of(spec or front_page(), salt=SALT, policy=policy, name=named, traffic=traffic)
    return Decider(live, clock=clock or HandClock(), append=(log or MemoryLog()).append)
