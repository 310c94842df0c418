"""The history: what the episodes of another policy can support, before anything is learned from them and after.

Question answered: are there enough episodes to choose a checkpoint by, what did the policy that made them earn, how much could
any policy earn at most, and is it known with which chance it acted?
Letters: n transitions, e episodes.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import NothingToDo
from policyloop.learn.thin import FEWEST_EPISODES, FEWEST_HELD_OUT

_Z = 1.959964  # two-sided, 95 %
_IS_KNOWN = ("probability", "density", "mixed", "point")

Kind = Literal[
    "too_few_episodes",
    "no_held_out",
    "propensity_unknown",
    "no_overlap",
    "no_history",
    "too_few_checkpoints",
    "models_disagree",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One thing that a history cannot support."""

    kind: Kind
    sentence: str
    is_blocking: bool  # True: no checkpoint can be chosen by it; False: the choice stands on less


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryFacts:
    """What the history is and what its policy earned."""

    n_transitions: int
    n_episodes: int  # learned from
    n_held_out: int  # episodes
    mean_return: float  # undiscounted, of all episodes
    low: float  # the interval of that mean, 95 %, over episodes
    high: float
    mean_value: float  # mean discounted return from each row on: what an expected return on the data is to be held against
    value_deviation: float  # standard deviation of the same, over rows
    largest_value: float  # no discounted return can be more; infinite where that is not known
    known_propensities: float  # share of rows, [0, 1]
    doubts: tuple[Doubt, ...] = ()

    @property
    def is_enough(self) -> bool:
        """Whether a checkpoint can be chosen by it."""
        return not any(doubt.is_blocking for doubt in self.doubts)

    def to_json(self) -> dict[str, Any]:
        """As the record of a choice keeps it; infinite numbers are None."""
        told = asdict(self)
        return {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in told.items()}


def facts_of(train: Transitions, held_out: Transitions, *, highest_reward: float = math.inf) -> HistoryFacts:
    """What is known of a history before a policy is learned from it.

    Args:
        train: episodes that are learned from.
        held_out: episodes that are not; may have none.
        highest_reward: of one step, as the loop's range says it.
    """
    returns = np.concatenate([train.returns, held_out.returns])
    n, e = len(train) + len(held_out), len(returns)
    values = np.concatenate([values_to_go(train), values_to_go(held_out)])
    mean = float(returns.mean()) if e else math.nan
    half = _Z * float(returns.std(ddof=1)) / math.sqrt(e) if e > 1 else math.inf
    kinds = np.concatenate([train.propensity_kind, held_out.propensity_kind])
    facts = HistoryFacts(
        n_transitions=n,
        n_episodes=train.n_episodes,
        n_held_out=held_out.n_episodes,
        mean_return=mean,
        low=mean - half,
        high=mean + half,
        mean_value=float(values.mean()) if n else math.nan,
        value_deviation=float(values.std()) if n else math.nan,
        largest_value=_largest_value(highest_reward, train.discount),
        known_propensities=float(np.isin(kinds, _IS_KNOWN).mean()) if n else 0.0,
    )
    return _with_doubts(facts)


def check_is_enough(facts: HistoryFacts, *, loop: str) -> None:
    """Refuse a history by which no checkpoint could be chosen, before anything is learned from it.

    Args:
        facts: of `facts_of`.
        loop: its name, for the message.

    Raises:
        NothingToDo: it cannot support a choice; the reasons are in the message.
    """
    if facts.is_enough:
        return
    why = " ".join(doubt.sentence for doubt in facts.doubts if doubt.is_blocking)
    raise NothingToDo(f"loop '{loop}': nothing was learned, for the history cannot support a choice. {why}")


def possible_returns(transitions: Transitions) -> tuple[float, float]:
    """Between which numbers every discounted return lies, as far as the history's rewards tell; without a discount, any."""
    steps = np.inf if transitions.discount >= 1 else 1 / (1 - transitions.discount)
    least, most = min(float(transitions.reward.min()), 0.0), max(float(transitions.reward.max()), 0.0)
    return least * steps if least else 0.0, most * steps if most else 0.0


def values_to_go(transitions: Transitions) -> NDArray[np.float64]:
    """(n,) the discounted return from each row to the end of its episode's record."""
    left = transitions.reward.astype(np.float64)
    ends, lengths = np.flatnonzero(transitions.is_last), transitions.lengths
    for back in range(1, int(lengths.max(initial=0))):  # from the second last step of every episode towards its first
        rows = ends[lengths > back] - back
        left[rows] += transitions.discount * left[rows + 1]
    return left


def _largest_value(highest_reward: float, discount: float) -> float:
    """The return of the highest reward for ever."""
    if discount >= 1:
        return math.inf if highest_reward > 0 else 0.0
    return max(highest_reward, 0.0) / (1 - discount)


def _with_doubts(facts: HistoryFacts) -> HistoryFacts:
    doubts = []
    if facts.n_episodes < FEWEST_EPISODES:
        told = (
            f"There are {facts.n_episodes:,} episodes to learn from, and {FEWEST_EPISODES} are the fewest that a choice can "
            f"rest on: bring more history."
        )
        doubts.append(Doubt(kind="too_few_episodes", sentence=told, is_blocking=True))
    if facts.n_held_out < FEWEST_HELD_OUT:
        told = (
            f"There are {facts.n_held_out:,} episodes that nothing was learned from, and {FEWEST_HELD_OUT} are the fewest: "
            f"lower train.split, or bring more history."
        )
        doubts.append(Doubt(kind="no_held_out", sentence=told, is_blocking=True))
    if facts.known_propensities < 1:
        unknown = 100 * (1 - facts.known_propensities)
        told = (
            f"Of {unknown:.3g} % of the steps nobody logged the propensity, so nothing can be weighed: curves and a fitted "
            f"model of the return are all there is."
        )
        doubts.append(Doubt(kind="propensity_unknown", sentence=told, is_blocking=False))
    return replace(facts, doubts=tuple(doubts))
