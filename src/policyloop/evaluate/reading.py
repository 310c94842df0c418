"""A reading: all that a log says about one policy, for a person to read. Nothing here promotes anything.

Question answered: what would the policy have earned by every estimator, how sure is each, do they agree, may they be
believed, and in which slice of the traffic would it do worst?
Letters: n examples, k actions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.belief import Belief, belief_of
from policyloop.evaluate.compare import ESTIMATORS
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.moments import moments, skewness
from policyloop.evaluate.overlap import Overlap, overlap
from policyloop.evaluate.reach import UNKNOWN, reach_of
from policyloop.evaluate.slices import Sliced, sliced, slices_of
from policyloop.evaluate.weighed import Weighed, weigh

INTERVALS = "policyloop.evaluate.intervals"
_IN_ORDER = ("dr", "sndr", "switch_dr", "dr_os", "dm", "ips", "snips", "clipped_ips")  # the first speaks for all
_APART = 3.0  # standard errors of their paired difference


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One estimator's answer."""

    estimate: Estimate
    low: float
    high: float
    lopsidedness: float  # skewness of the contributions over the root of n


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the log says about one policy."""

    lines: tuple[Line, ...]  # one for each estimator, doubly robust ones first
    interval: str  # the plug-in of evaluate/intervals that the bounds are made by
    level: float
    overlap: Overlap
    belief: Belief
    disagreements: tuple[str, ...]  # a sentence for each estimator that does not agree with the first; mostly none
    slices: Sliced | None  # the policy less what the traffic really earned; None where nobody asked

    @property
    def agreement(self) -> str:
        """Whether the estimators agree, in words."""
        return " ".join(self.disagreements) or f"The {len(self.lines)} estimators agree."


def names_in_order() -> list[str]:
    """All estimators, the doubly robust ones first and those of other packages last."""
    known = plugins.names(ESTIMATORS)
    return [name for name in _IN_ORDER if name in known] + [name for name in known if name not in _IN_ORDER]


def read(
    examples: Examples,
    pmf: NDArray[np.float64],
    *,
    predicted: NDArray[np.float64],
    rewards: tuple[float, float],
    interval: str = "normal",
    level: float = 0.95,
    by: str | None = None,
) -> Reading:
    """All that the examples say about the policy that gives these probabilities.

    Args:
        examples: n examples as `evidence` gives them.
        pmf: (n, k) probabilities of the policy.
        predicted: (n, k) expected rewards by models that did not learn from the examples that they predict.
        rewards: the loop's smallest and largest reward.
        interval: a plug-in of evaluate/intervals.
        level: of the intervals, in (0, 1).
        by: the field of the context to cut slices by.

    Raises:
        BadPropensity: a logged propensity is outside (0, 1].
        Invalid: arrays do not fit together.
        UnknownName: no interval, or no field, has that name.
    """
    weighed = weigh(examples.reward, examples.propensity, action=examples.action, target_pmf=pmf, predicted=predicted)
    made = {name: plugins.load(ESTIMATORS, name).contributions(weighed) for name in names_in_order()}
    bounds = _Bounds(interval, level, examples, pmf, predicted, rewards, weighed)
    lines = tuple(bounds.line(name, one) for name, one in made.items())
    seen = overlap(examples.propensity, taken(pmf, examples.action), target_pmf=pmf, logged_pmf=examples.pmf)
    first = next(iter(made.values()))
    return Reading(
        lines=lines,
        interval=interval,
        level=level,
        overlap=seen,
        belief=belief_of(seen, lopsidedness=lines[0].lopsidedness),
        disagreements=_disagreements(made),
        slices=None if by is None else _slices(first, examples, by, level),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Bounds:
    """Makes the interval of each estimator."""

    interval: str
    level: float
    examples: Examples
    pmf: NDArray[np.float64]
    predicted: NDArray[np.float64]
    rewards: tuple[float, float]
    weighed: Weighed

    def line(self, name: str, made: Contributions) -> Line:
        """The estimate with its bounds; what holding weights back may have cost widens them."""
        chosen = plugins.load(INTERVALS, self.interval)
        lopsidedness = skewness(made.n, made.of) / math.sqrt(made.n) if made.n and made.ess else 0.0
        low, high = self._reach(name)
        weight = None if name == "dm" else self.weighed.weight
        lower, upper = chosen.interval(made.values(), level=self.level, weight=weight, low=low, high=high)
        cost = abs(made.bias)
        return Line(estimate=made.estimate(), low=lower - cost, high=upper + cost, lopsidedness=lopsidedness)

    def _reach(self, name: str) -> tuple[float, float]:
        if plugins.file_name(self.interval) in ("normal", "anytime"):  # they do not ask
            return UNKNOWN
        return reach_of(
            plugins.load(ESTIMATORS, name).contributions,
            target_pmf=self.pmf,
            logged_pmf=self.examples.pmf,
            predicted=self.predicted,
            rewards=self.rewards,
        )


def _disagreements(made: Mapping[str, Contributions]) -> tuple[str, ...]:
    """Sentences about the estimators that are far from the first, example by example."""
    (first_name, first), *others = made.items()
    its = first.estimate()
    found = []
    for name, other in others:
        apart = moments(first.n, lambda part, other=other: other.of(part) - first.of(part))  # type: ignore[misc]
        is_sure = abs(apart.mean) > _APART * apart.stderr
        if is_sure and abs(apart.mean) > its.stderr:
            side = "above" if apart.mean > 0 else "below"
            found.append(f"{name} stands {abs(apart.mean):.4g} {side} {first_name}: {_why(name)}.")
    return tuple(found)


def _why(name: str) -> str:
    if name == "dm":
        return "the reward model is wrong where the policy goes, so do not believe dm"
    if name in ("ips", "snips", "sndr"):
        return "the weights do not add up, so look at the overlap before you believe either"
    return "a few large weights carry the estimate"


def _slices(first: Contributions, examples: Examples, by: str, level: float) -> Sliced:
    """Of what the policy would have earned beyond what was earned, example by example."""
    return sliced(first.values() - examples.reward, slices_of(examples.contexts, by), field=by, level=level)


def worst_told(found: Sliced) -> str:
    """The worst slice in a sentence."""
    worst = found.worst_slice
    if worst is None:
        return f"No slice of {found.field} has enough examples to be judged."
    told = f"Worst slice of {found.field}: {worst.name} ({worst.n:,} examples), {worst.value:+.4g} against the logged traffic"
    if found.is_surely_below_zero:
        return f"{told}; it is worse there, also when it is remembered that {len(found.slices)} slices were looked at."
    return f"{told}; among {len(found.slices)} slices that may be luck."
