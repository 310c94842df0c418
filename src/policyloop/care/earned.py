"""What a loop earned: more than its baseline would have, and what it gave up for the sake of learning.

Question answered: was it worth it? Where the baseline keeps a hold-out, the first is measured: who was held out was drawn,
so the two kinds of decisions differ in nothing else. Without one it is estimated, doubly robust, on the decisions that
models made. Either way each decision speaks with the chance that it really had, and is predicted by others alone.
Decisions about one subject count as one unit. Intervals are of one look.
Source: evaluate/pseudo.py for the contributions; Liang & Zeger 1986 for errors by cluster.
Letters: n decisions, k actions, c clusters.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadModel, UnknownModel
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import IMPORTED
from policyloop.core.policy import Policy
from policyloop.core.shadow import CHALLENGER, HOLD_OUT
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.compare import foretold_stderr, paired_differences
from policyloop.evaluate.cross_fitted import cross_fitted
from policyloop.evaluate.predicted import predicted_rewards
from policyloop.join.history import examples_of
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of

MOST_EXAMPLES = 100_000  # the newest that are looked at, so that a report stays a matter of seconds
_FEWEST = 2
_FITS = 1e-6  # what a mixture may differ from its parts by arithmetic
_TWO_SIDED = NormalDist().inv_cdf(0.975)


class Gain(msgspec.Struct, frozen=True, kw_only=True):
    """A mean difference in reward a decision, with its 95 % interval; None where too little is known."""

    value: float | None
    low: float | None
    high: float | None


class Uplift(msgspec.Struct, frozen=True, kw_only=True):
    """By how much the loop earned more than its baseline would have."""

    is_measured: bool  # against a hold-out; else estimated
    gain: Gain
    n: int  # decisions that it rests on
    n_held_out: int  # of these, made by the baseline for the hold-out
    n_decided: int  # decisions that models made in the time, which `total` is about
    total: Gain  # the same for all of these together
    sentence: str


class Exploration(msgspec.Struct, frozen=True, kw_only=True):
    """The price of trying what does not seem best: what the models' best actions would have earned more."""

    gain: Gain  # given up a decision
    n: int
    total: Gain
    sentence: str


class Earned(msgspec.Struct, frozen=True, kw_only=True):
    """What it earned, and what that cost."""

    uplift: Uplift
    exploration: Exploration


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """The decisions of models and of the hold-out, and the parts that each was drawn from."""

    examples: Examples  # n; their pmf and propensity are those of all sides together
    baseline: NDArray[np.float64]  # (n, k) what the baseline gives
    champion: NDArray[np.float64]  # (n, k) what the champion gave on its own
    rest: NDArray[np.float64]  # (n, k) what decides where nobody is held out
    hold_out: NDArray[np.float64]  # (n,) the baseline's share
    is_held_out: NDArray[np.bool_]  # (n,)
    who: NDArray[np.object_]  # (n,) digest of the champion

    def where(self, keep: NDArray[np.bool_]) -> _Rows:
        columns = {name: getattr(self, name) for name in self.__slots__ if name != "examples"}
        return _Rows(examples=self.examples.where(keep), **{name: column[keep] for name, column in columns.items()})


def earned_of(deployment: Deployment, spec: LoopSpec, *, since: int) -> Earned:
    """What a loop earned since then (microseconds), as the tables have it."""
    examples, _ = examples_of(deployment.lake, deployment.registry, spec, since=since)
    rows = _rows_of(examples, entrant_of(deployment.registry, spec, None).policy)
    n_decided = int((~rows.is_held_out).sum())
    newest = np.arange(len(rows.examples)) >= len(rows.examples) - MOST_EXAMPLES
    looked_at = rows.where(newest)
    predicted = cross_fitted(looked_at.examples, spec)
    return Earned(
        uplift=_uplift(looked_at, predicted, n_decided),
        exploration=_exploration(deployment, spec, looked_at, predicted, n_decided),
    )


def _rows_of(examples: Examples, baseline: Policy) -> _Rows:
    """The decisions of this loop whose probabilities are known and fit the parts that they were mixed from.

    What other programs decided is not what this loop earned.
    """
    known = np.isfinite(examples.propensity) & ~examples.is_fallback & np.isfinite(examples.pmf).all(axis=1)
    is_ours = np.array([not policy.startswith(IMPORTED) for policy in examples.policy], dtype=bool)
    rows = examples.where(known & is_ours)
    base = baseline.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates)
    trial = rows.trial
    if trial is None:
        free, none = np.zeros(len(rows)), np.zeros(len(rows), dtype=bool)
        return _Rows(rows, base, rows.pmf, rows.pmf, free, none, rows.policy)
    champion = np.where(np.isfinite(trial.champion_pmf), trial.champion_pmf, rows.pmf)
    challenger = np.where(np.isfinite(trial.challenger_pmf), trial.challenger_pmf, champion)
    share, held = trial.share[:, np.newaxis], trial.hold_out[:, np.newaxis]
    of_models = (1.0 - share - held) * champion + share * challenger
    mixture = of_models + held * base
    is_held_out = trial.side == HOLD_OUT
    own = np.where(trial.side[:, np.newaxis] == CHALLENGER, challenger, champion)
    own = np.where(is_held_out[:, np.newaxis], base, own)  # what the action was drawn from, where the side came first
    fits = [np.abs(rows.pmf - one).max(axis=1, initial=0.0) < _FITS for one in (mixture, own)]
    who = np.where(trial.champion == "", rows.policy, trial.champion)
    together = replace(rows, pmf=mixture, propensity=taken(mixture, rows.action))
    made = _Rows(together, base, champion, of_models / (1.0 - held), trial.hold_out, is_held_out, who)
    return made.where(fits[0] | fits[1])


def _uplift(rows: _Rows, predicted: NDArray[np.float64], n_decided: int) -> Uplift:
    is_measured = bool(rows.is_held_out.any())
    keep = rows.hold_out > 0 if is_measured else np.full(len(rows.examples), True)
    some = rows.where(keep)
    gain = _difference(some, some.rest - some.baseline, predicted[keep])
    total, n, n_held_out = _times(gain, n_decided), len(some.examples), int(some.is_held_out.sum())
    return Uplift(
        is_measured=is_measured,
        gain=gain,
        n=n,
        n_held_out=n_held_out,
        n_decided=n_decided,
        total=total,
        sentence=_uplift_told(gain, n=n, n_held_out=n_held_out),
    )


def _exploration(
    deployment: Deployment, spec: LoopSpec, rows: _Rows, predicted: NDArray[np.float64], n_decided: int
) -> Exploration:
    best, is_known = _best_actions(deployment, spec, rows)
    some = rows.where(is_known)
    gain = _difference(some, best[is_known] - some.champion, predicted[is_known])
    return Exploration(
        gain=gain,
        n=len(some.examples),
        total=_times(gain, n_decided),
        sentence=_exploration_told(gain, n=len(some.examples), mean=_mean(some.examples.reward)),
    )


def _best_actions(deployment: Deployment, spec: LoopSpec, rows: _Rows) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """(n, k) what each decision's champion gives without exploring, and (n,) whether that model is still to be had."""
    best = np.zeros(rows.examples.allowed.shape)
    is_known = np.zeros(len(rows.examples), dtype=bool)
    for model in np.unique(rows.who.astype(str)):
        its = rows.who == model
        some = rows.examples.where(its)
        try:
            expected = entrant_of(deployment.registry, spec, model).rewards
        except (UnknownModel, BadModel):  # imported, or not kept any more
            continue
        if expected is not None:
            best[its] = best_allowed(some, predicted_rewards(some, [expected], low=spec.reward.low, high=spec.reward.high))
            is_known |= its
    return best, is_known


def best_allowed(examples: Examples, rewards: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, k) all probability on the best allowed action, by expected rewards (n, k); ties share it."""
    offered = np.where(examples.allowed, rewards, -np.inf)
    is_best = offered == offered.max(axis=1, keepdims=True, initial=-np.inf)
    return np.asarray(is_best / is_best.sum(axis=1, keepdims=True), dtype=np.float64)


def _difference(rows: _Rows, moved: NDArray[np.float64], predicted: NDArray[np.float64]) -> Gain:
    """The mean of what the decisions say about moving probability so (n, k)."""
    examples = rows.examples
    if len(examples) < _FEWEST:
        return Gain(value=None, low=None, high=None)
    phi = paired_differences(examples, moved, predicted=predicted)
    stderr = max(_stderr(phi, _units(examples)), foretold_stderr(examples, moved, predicted=predicted))
    mean = _mean(phi)
    if not math.isfinite(stderr):
        return Gain(value=mean, low=None, high=None)
    return Gain(value=mean, low=mean - _TWO_SIDED * stderr, high=mean + _TWO_SIDED * stderr)


def _stderr(phi: NDArray[np.float64], unit: NDArray[np.int64]) -> float:
    """Of the mean (n,), where what belongs to one unit (n,) may go together; infinite for a single unit."""
    c = int(unit.max()) + 1
    if c < _FEWEST:
        return math.inf
    of_units = np.bincount(unit, weights=phi - phi.mean(), minlength=c)
    return float(np.sqrt((of_units**2).sum() * c / (c - 1)) / len(phi))


def _units(examples: Examples) -> NDArray[np.int64]:
    """(n,) numbers of the units: a subject where one is known, else the decision itself."""
    n = len(examples)
    own = np.arange(n).astype(str).astype(object)
    subject = own if examples.trial is None else np.where(examples.trial.subject == "", own, "s" + examples.trial.subject)
    return np.asarray(np.unique(subject.astype(str), return_inverse=True)[1], dtype=np.int64)


def _times(gain: Gain, n: int) -> Gain:
    """The same for n decisions."""
    if gain.value is None or gain.low is None or gain.high is None:
        return Gain(value=None, low=None, high=None)
    return Gain(value=gain.value * n, low=gain.low * n, high=gain.high * n)


def _uplift_told(gain: Gain, *, n: int, n_held_out: int) -> str:
    if gain.value is None:
        return "No model decided in this time, so there is nothing to compare with the baseline."
    if gain.low is None or gain.high is None:
        return (
            f"In {n:,} decisions the baseline's own actions were never taken, so nothing is known of what it would have earned."
        )
    verb = "more" if gain.value >= 0 else "less"
    sure = f"95 % sure between {gain.low:+.3g} and {gain.high:+.3g}"
    told = f"The loop earned {abs(gain.value):.3g} a decision {verb} than its baseline, {sure}"
    if n_held_out:
        return f"{told}: measured in {n:,} decisions, of which the baseline made {n_held_out:,} for the hold-out."
    return (
        f"{told}: estimated from {n:,} decisions, as there is no hold-out. `gate.hold_out: 0.05` would have the baseline "
        f"decide 5 % of the time, and measure it."
    )


def _exploration_told(gain: Gain, *, n: int, mean: float) -> str:
    if gain.value is None or gain.low is None or gain.high is None:
        return "What exploring cost cannot be said: too few decisions of models that are still kept."
    share = f", {abs(gain.value) / mean:.1%} of what was earned" if mean > 0 and gain.value > 0 else ""
    sure = f"95 % sure between {gain.low:+.3g} and {gain.high:+.3g}"
    if gain.low <= 0:
        return (
            f"Exploring cost nothing that shows in {n:,} decisions: the models' best actions would have earned "
            f"{gain.value:+.3g} a decision, {sure}."
        )
    return (
        f"Exploring gave up {gain.value:.3g} a decision{share} ({sure}, in {n:,} decisions): so much more the models' best "
        f"actions would have earned. It is what later models, and all evidence, are made from."
    )


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else 0.0
