"""A twin: a world made of a loop's own log, so that a question about the gate is answered for this loop and no other.

Question answered: which decisions come along, what does the champion do there, which rewards follow, and what would a
challenger look like that truly earns so much more? Decisions are drawn from those of the log, with what was offered in each.
What an action brings is what a model that learned the log expects, and rewards scatter around that as they do in the log:
where they are 0 or 1 there, they are 0 or 1 here. A hold-out is the baseline's here too. The challenger has the champion's
probabilities with another favourite in some of the decisions, where it wins some and loses some; the truth of these
favourites is set so that it earns the wanted lift, exactly. The champion earns what it earns in the log.
Letters: n decisions of the log, k actions, m events, v values of the reward, b bins, t tilts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.example import Examples
from policyloop.core.policy import Policy
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.predicted import PredictsRewards
from policyloop.simulate.scatter import Scatter, scatter_of

MAX_DECISIONS = 5000  # that are drawn from, evenly over the log
_MAX_CELLS = 2**21  # of decisions times actions
SHARES_APART = (0.3, 0.6, 1.0)  # of the decisions in which the challenger has another favourite; the first that suffices
_SPREAD = 0.2  # of the mean reward: how unequal the gains are
_HALVINGS = 50


@dataclass(frozen=True, slots=True, eq=False)
class HoldOut:
    """What the baseline keeps."""

    share: float  # of all decisions, in (0, 1)
    pmf: NDArray[np.float64]  # (n, k) what the baseline does in each decision, with its floor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TwinLog:
    """What a twin is made of."""

    champion: NDArray[np.float64]  # (n, k) what the champion does in each decision, with its floor
    expected: NDArray[np.float64]  # (n, k) reward to expect of each action, by a model that learned the log
    allowed: NDArray[np.bool_]  # (n, k)
    scatter: Scatter  # of rewards around what is expected
    floor: float
    low: float  # smallest reward of the loop
    high: float
    hold_out: HoldOut | None = None

    @property
    def held_out(self) -> float:
        """The share of all decisions that the baseline keeps."""
        return 0.0 if self.hold_out is None else self.hold_out.share

    @property
    def least_propensity(self) -> float:
        """No action is served with less, as the gate reckons: by champion or challenger."""
        return (1 - self.held_out) * self.floor / int(self.allowed.sum(axis=1).max())

    @property
    def mean_reward(self) -> float:
        """What the champion earns a decision."""
        return float((self.champion * self.expected).sum(axis=1).mean())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Truth:
    """One challenger, and what every action truly brings."""

    challenger: NDArray[np.float64]  # (n, k)
    expected: NDArray[np.float64]  # (n, k)
    share_apart: float  # of the decisions in which the two have different favourites
    lift: float  # what the challenger truly earns more, a decision


def twin_of(
    examples: Examples,
    *,
    champion: Policy,
    rewards: PredictsRewards,
    floor: float,
    low: float,
    high: float,
    baseline: Policy | None = None,
    hold_out: float = 0.0,
) -> TwinLog:
    """The twin of a log.

    Args:
        examples: of both splits, in the order of the log.
        champion: as it would serve with that floor.
        rewards: a model that learned from the log.
        floor: of the explorer, in (0, 1].
        low: the loop's smallest reward.
        high: its largest.
        baseline: as it would serve with that floor; None: nothing is held out.
        hold_out: the share of all decisions that the baseline keeps, in [0, 1).

    Raises:
        BadSetting: without a floor the log of a challenge cannot tell anything.
    """
    if not 0 < floor <= 1:
        raise BadSetting(f"floor is {floor:g}; expected a number above 0 and at most 1, such as 0.02: set explore.floor.")
    rows = _some(examples)
    expected = _wide(rewards.rewards_of_many(rows.contexts, rows.candidates), rows.allowed.shape[1])
    scatter = scatter_of(rows.reward, taken(expected, rows.action))
    return TwinLog(
        champion=_pmf(champion, rows),
        expected=scatter.within(expected),
        allowed=rows.allowed,
        scatter=scatter,
        floor=floor,
        low=low,
        high=high,
        hold_out=None if baseline is None or hold_out == 0 else HoldOut(hold_out, _pmf(baseline, rows)),
    )


def truth_of(log: TwinLog, lift: float, *, rng: np.random.Generator) -> Truth:
    """A challenger with that lift, and the world in which it has it.

    Args:
        lift: wanted; where not even another favourite in every decision makes it possible, the largest that is.
        rng: of who is favoured where.
    """
    truths = (_truth_apart(log, lift, share, np.random.default_rng(seed)) for share, seed in _seeded(rng))
    found = None
    for truth in truths:
        if found is None or abs(truth.lift - lift) < abs(found.lift - lift):
            found = truth
        if abs(truth.lift - lift) < 1e-9:
            break
    assert found is not None
    return found


def _seeded(rng: np.random.Generator) -> list[tuple[float, int]]:
    return [(share, int(seed)) for share, seed in zip(SHARES_APART, rng.integers(2**63, size=len(SHARES_APART)), strict=True)]


def _truth_apart(log: TwinLog, lift: float, share: float, rng: np.random.Generator) -> Truth:
    """With another favourite in a share of the decisions that offer a choice."""
    n = len(log.champion)
    apart = np.flatnonzero((rng.random(n) < share) & (log.allowed.sum(axis=1) > 1))
    top = log.champion[apart].argmax(axis=1)
    other = _another(log.allowed[apart], top, rng)
    moved = log.champion[apart, top] - log.champion[apart, other]  # probability that changes sides
    of_top = log.expected[apart, top]
    sway = _SPREAD * (log.mean_reward - log.low) * rng.uniform(-1, 1, size=len(apart))

    def gained(gap: float) -> NDArray[np.float64]:
        """(apart,) what the other favourite brings more, when it should bring `gap` more on average."""
        return np.asarray(log.scatter.within(of_top + gap + sway) - of_top)

    span = log.high - log.low
    low, high = -2 * span, 2 * span
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float((moved * gained(middle)).sum()) / n < lift else (low, middle)
    gain = gained((low + high) / 2)
    challenger, expected = log.champion.copy(), log.expected.copy()
    challenger[apart, top], challenger[apart, other] = log.champion[apart, other], log.champion[apart, top]
    expected[apart, other] = of_top + gain
    return Truth(challenger=challenger, expected=expected, share_apart=len(apart) / n, lift=float((moved * gain).sum()) / n)


def _another(allowed: NDArray[np.bool_], top: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    """(m,) an allowed action that is not the favourite, by even chance."""
    luck = np.where(allowed, rng.random(allowed.shape), -1.0)
    luck[np.arange(len(top)), top] = -1.0
    return np.asarray(luck.argmax(axis=1))


def _some(examples: Examples) -> Examples:
    """Evenly over the log, no more than fit."""
    n, k = examples.allowed.shape
    most = max(min(MAX_DECISIONS, _MAX_CELLS // k), 1)
    if n <= most:
        return examples
    keep = np.zeros(n, dtype=bool)
    keep[np.linspace(0, n - 1, most).astype(int)] = True
    return examples.where(keep)


def _pmf(policy: Policy, rows: Examples) -> NDArray[np.float64]:
    """(n, k) of its probabilities."""
    return _wide(policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates), rows.allowed.shape[1])


def _wide(table: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """(n, k), padded with 0 where the largest set of these rows is smaller."""
    return np.pad(table, ((0, 0), (0, k - table.shape[1])))
