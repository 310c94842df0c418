"""A log with a known fault: the logged probabilities are not those that the actions were drawn from.

Question answered: what does the log check see of a fault whose size is known, and does it keep quiet without one?
Contexts come in kinds; a champion takes the best action of each kind, with a floor shared evenly, and another model, of
which half the kinds have another best action, does the same. What is logged is always the champion, or in a canary the
mixture of both.
Letters: n decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.example import Examples, Trial
from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, ExploreSpec, Field, LoopSpec, OutcomeSpec, RewardSpec
from policyloop.core.shadow import CHALLENGER, CHAMPION
from policyloop.gate.checks.contract import Known
from policyloop.gate.logcheck import LogState, check

FLOOR = 0.1
SHARE = 0.1  # of a canary
N_KINDS = 20
DISAGREE = 0.5  # share of the kinds in which the two models take different actions
LOOK_EVERY = 500
KNOWN = Known(policies=frozenset({"champion"}))

Fault = Literal["none", "other", "half", "less", "argmax", "canary"]
# What is wrong, by name. A canary has nothing wrong; it is there for the checks of sides.
FAULTS: Mapping[Fault, str] = {
    "none": "nothing",
    "canary": "nothing, 10 % canary",
    "other": "10 % of traffic from another model",
    "half": "epsilon .05 for a logged .10",
    "less": "epsilon .08 for a logged .10",
    "argmax": "argmax served",
}
_DRAWN_FLOOR: Mapping[Fault, float] = {"half": 0.05, "less": 0.08, "argmax": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FaultyLog:
    """A log, and what is true of it."""

    examples: Examples
    champion: NDArray[np.float64]  # (n, k) its pmf
    other: NDArray[np.float64]  # (n, k) the other model's pmf


def play(fault: Fault, *, seed: int, n: int = 20_000, k: int = 4, disagree: float = DISAGREE, begins: int = 0) -> FaultyLog:
    """A log of n decisions.

    Args:
        fault: a name of `FAULTS`.
        seed: of everything random in it.
        n: how many decisions.
        k: how many actions, at least 2.
        disagree: share of the kinds of context in which the other model's best action is another.
        begins: decisions before the fault sets in.
    """
    rng = np.random.default_rng([seed, k])
    best = rng.integers(k, size=N_KINDS)
    is_other = np.arange(N_KINDS) < round(disagree * N_KINDS)
    best_of_other = np.where(is_other, (best + rng.integers(1, k, size=N_KINDS)) % k, best)
    kind = rng.integers(N_KINDS, size=n)
    champion = _greedy(best[kind], k=k, floor=FLOOR)
    other = _greedy(best_of_other[kind], k=k, floor=FLOOR)
    pmf = (1 - SHARE) * champion + SHARE * other if fault == "canary" else champion
    truth = _greedy(best[kind], k=k, floor=_DRAWN_FLOOR.get(fault, FLOOR)) if fault in _DRAWN_FLOOR else pmf
    truth = 0.9 * champion + 0.1 * other if fault == "other" else truth
    truth = np.where((np.arange(n) < begins)[:, np.newaxis], pmf, truth)
    action = _drawn(truth, rng)
    reward = (rng.random(n) < np.where(action == best[kind], 0.6, 0.3)).astype(np.float64)
    trial = _trial(champion, other, action, rng) if fault == "canary" else None
    return FaultyLog(examples=_examples(pmf, action, reward, kind=kind, trial=trial), champion=champion, other=other)


def spec_of(k: int) -> LoopSpec:
    """The loop that such a log is of, with k actions."""
    return LoopSpec(
        loop="mislogged",
        context={"kind": Field(name="kind", type="integer")},
        actions=ActionSpec(kind="discrete", labels=tuple(f"action-{i}" for i in range(k))),
        outcomes={"clicked": OutcomeSpec(name="clicked", type="boolean")},
        reward=RewardSpec(expression=Expression.parse("clicked", ["clicked"]), low=0.0, high=1.0, window_s=600.0),
        baseline="first",
        explore=ExploreSpec(floor=FLOOR),
    )


def found_at(log: FaultyLog, *, is_known: bool, look_every: int = LOOK_EVERY) -> int | None:
    """Decisions up to the first alarm of the log check; None without one.

    Args:
        log: as `play` gives it.
        is_known: whether the check knows the other model, as the one that was live before.
        look_every: decisions between two looks.
    """
    spec = spec_of(log.champion.shape[1])
    state: LogState | None = None
    for n in range(look_every, len(log.examples) + 1, look_every):
        others = {"previous": log.other} if is_known else None
        told, state = check(log.examples, spec=spec, known=KNOWN, state=state, before=n * US_PER_S, others=others)
        if told.is_alarm:
            exact = [reason.numbers.get("found_at") for reason in told.alarms]
            return min((int(at) for at in exact if at is not None), default=n)
    return None


def _greedy(best: NDArray[np.int64], *, k: int, floor: float) -> NDArray[np.float64]:
    """(n, k) the best action, with a floor."""
    pmf = np.full((len(best), k), floor / k)
    pmf[np.arange(len(best)), best] += 1 - floor
    return pmf


def _drawn(pmf: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """(n,) an action each."""
    above: NDArray[np.bool_] = rng.random(len(pmf))[:, np.newaxis] >= pmf.cumsum(axis=1)[:, :-1]
    return np.asarray(above.sum(axis=1), dtype=np.int64)


def _examples(
    pmf: NDArray[np.float64],
    action: NDArray[np.int64],
    reward: NDArray[np.float64],
    *,
    kind: NDArray[np.int64],
    trial: Trial | None,
) -> Examples:
    n = len(action)
    return Examples(
        contexts=[{"kind": one} for one in kind.tolist()],
        allowed=np.ones(pmf.shape, dtype=bool),
        action=action,
        reward=reward,
        propensity=pmf[np.arange(n), action],
        pmf=pmf,
        split=np.full(n, 0.9),
        decided_at=np.arange(n, dtype=np.int64) * US_PER_S,
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.full(n, "champion", dtype=object),
        is_rewarded=reward > 0,
        trial=trial,
    )


def _trial(
    champion: NDArray[np.float64], other: NDArray[np.float64], action: NDArray[np.int64], rng: np.random.Generator
) -> Trial:
    """Sides drawn after the action, as they are in a canary that is not sticky."""
    n = len(action)
    mine = SHARE * other[np.arange(n), action]
    chance = mine / (mine + (1 - SHARE) * champion[np.arange(n), action])
    return Trial(
        challenger=np.full(n, "challenger", dtype=object),
        champion=np.full(n, "champion", dtype=object),
        challenger_pmf=other,
        champion_pmf=champion,
        share=np.full(n, SHARE),
        hold_out=np.zeros(n),
        side=np.where(rng.random(n) < chance, CHALLENGER, CHAMPION).astype(object),
        subject=np.full(n, "", dtype=object),
        challenger_us=np.full(n, 10.0),
        champion_us=np.full(n, 10.0),
        is_broken=np.zeros(n, dtype=bool),
    )
