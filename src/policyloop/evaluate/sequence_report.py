"""Estimates of whole episodes: what a policy would have returned, by every estimator that the history allows, with intervals.

Question answered: does the policy return more than the one that made the history, and can this history tell at all? Returns are
discounted, from the first state of an episode on, in the loop's reward unit. Where weights are not to be had, or are worth too
few episodes, it is said why, and what remains is an opinion: a fitted model of the return.
Letters: n transitions, e episodes.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid, NoOverlap
from policyloop.core.estimate import Estimate
from policyloop.evaluate.contributions import Contributions
from policyloop.evaluate.fitted_q import cross_judged, fit, judged, model_for
from policyloop.evaluate.history import Doubt, Kind, possible_returns, values_to_go
from policyloop.evaluate.interval import mean_estimate
from policyloop.evaluate.sequences import FEWEST_ESS, Sequences, ratios
from policyloop.evaluate.target import Target

ESTIMATORS = "policyloop.evaluate.sequence_estimators"
INTERVALS = "policyloop.evaluate.intervals"
WEIGHING = ("per_decision", "weighted_per_decision", "dr", "weighted_dr")
_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceEstimate:
    """One estimator's answer."""

    estimate: Estimate  # n counts episodes
    low: float  # of the interval
    high: float
    interval: str  # by name, or `bootstrap`, or `first_states`, which leaves the model's error out


@dataclass(frozen=True, slots=True, kw_only=True)
class SequenceReport:
    """A target policy on a history."""

    history: SequenceEstimate  # what the policy that logged returned, discounted, in the same episodes
    estimates: dict[str, SequenceEstimate]  # by estimator
    model: str  # of the return
    ess: float | None  # episodes that the weights are worth; None where nothing could be weighed
    reach: int | None  # steps, from the first, in which `dr` corrects its model; None where nothing could be weighed
    doubts: tuple[Doubt, ...] = ()

    @property
    def has_overlap(self) -> bool:
        """Whether what was logged says anything about the policy without a model's help."""
        return not any(doubt.kind in ("no_overlap", "propensity_unknown") for doubt in self.doubts)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was found, for people."""
        told = [f"The history returned {_told(self.history)} from the first state of an episode on, discounted."]
        told += [f"By {name} the policy returns {_told(one)}, discounted as well." for name, one in self.estimates.items()]
        if self.reach is not None:
            told.append(f"What was logged corrects the model of dr in the first {self.reach:,} steps of an episode.")
        return (*told, *(doubt.sentence for doubt in self.doubts))

    def to_json(self) -> dict[str, Any]:
        """The record; numbers that are infinite or unknown are None."""
        told = {name: _as_map(one) for name, one in self.estimates.items()}
        return {
            "history": _as_map(self.history),
            "estimates": told,
            "model": self.model,
            "ess": self.ess,
            "reach": self.reach,
            "doubts": [asdict(doubt) for doubt in self.doubts],
        }


def evaluate_sequences(
    transitions: Transitions,
    target: Target,
    *,
    model: str = "auto",
    interval: str = "normal",
    n_resamples: int = 0,
    is_weighed: bool = True,
    seed: int = 0,
) -> SequenceReport:
    """All estimates that a history allows of a policy.

    Args:
        transitions: the history, best of episodes that the policy did not learn from.
        target: what the policy would do at its rows.
        model: of the return: `tabular`, `linear`, `network`, `trees`, or `auto`.
        interval: by name, of the estimates that are means over episodes.
        n_resamples: how often fqe's model is fitted again on episodes drawn anew, for its interval; 0: the interval is that of
            the first states alone, and says so.
        is_weighed: False: fqe alone is asked.
        seed: of what is drawn.

    Raises:
        Invalid: there is no episode.
    """
    if len(transitions) == 0:
        raise Invalid([Fault("transitions", "have no row; expected at least one episode.")])
    name = model_for(transitions) if model == "auto" else model
    told = judged(fit(transitions, target, model=name, seed=seed), transitions, target)
    estimates = {"fqe": _of_fqe(told, target, model=name, interval=interval, n_resamples=n_resamples, seed=seed)}
    weight_ess, reach, doubts = None, None, []
    try:
        ratio = ratios(transitions, target) if is_weighed else None
    except NoOverlap as error:
        sentence = f"Nothing could be weighed: {error.message}"
        is_known = bool(np.isfinite(transitions.propensity).all())
        kind: Kind = "no_overlap" if is_known else "propensity_unknown"
        doubts.append(Doubt(kind=kind, sentence=sentence, is_blocking=False))
        ratio = None
    if ratio is not None:
        sequences = cross_judged(transitions, target, ratio=ratio, model=name, seed=seed)
        weight_ess, reach = sequences.ess(), sequences.reach()
        for estimator in WEIGHING:
            contributions: Contributions = plugins.load(ESTIMATORS, estimator).contributions(sequences)
            estimates[estimator] = _with_interval(contributions, interval)
        doubts += _of_weights(weight_ess, transitions.n_episodes)
    return SequenceReport(
        history=_of_history(transitions, interval),
        estimates=estimates,
        model=name,
        ess=weight_ess,
        reach=reach,
        doubts=tuple(doubts),
    )


def _of_weights(weight_ess: float, n_episodes: int) -> list[Doubt]:
    if weight_ess >= FEWEST_ESS:
        return []
    told = (
        f"The weights of {n_episodes:,} episodes are worth {weight_ess:.3g} of them, and {FEWEST_ESS:g} are the fewest: the "
        f"policy goes too far from the one that logged. Shorter episodes, or more exploration, help."
    )
    return [Doubt(kind="no_overlap", sentence=told, is_blocking=False)]


def _of_history(transitions: Transitions, interval: str) -> SequenceEstimate:
    returns = values_to_go(transitions)[transitions.is_first]
    n = len(returns)
    return _with_interval(Contributions(estimator="history", n=n, of=lambda part: returns[part], ess=float(n)), interval)


def _with_interval(contributions: Contributions, interval: str) -> SequenceEstimate:
    estimate = contributions.estimate()
    if not np.isfinite(estimate.value):
        return SequenceEstimate(estimate=estimate, low=-np.inf, high=np.inf, interval=interval)
    low, high = plugins.load(INTERVALS, interval).interval(contributions.values(), level=_LEVEL)
    return SequenceEstimate(estimate=estimate, low=float(low), high=float(high), interval=interval)


def _of_fqe(told: Sequences, target: Target, *, model: str, interval: str, n_resamples: int, seed: int) -> SequenceEstimate:
    """By the bootstrap where it is asked for: the model is fitted again on episodes drawn with replacement.

    No number is told that lies beyond what an episode with rewards like those of the history can return.
    """
    least, most = possible_returns(told.transitions)
    contributions: Contributions = plugins.load(ESTIMATORS, "fqe").contributions(told)
    if n_resamples < 2:
        found = _with_interval(contributions, interval)
        value, low, high = np.clip([found.estimate.value, found.low, found.high], least, most).tolist()
        return SequenceEstimate(estimate=replace(found.estimate, value=value), low=low, high=high, interval="first_states")
    values = resampled_fqe(told.transitions, target, model=model, n_resamples=n_resamples, seed=seed)
    point = mean_estimate("fqe", contributions.values(), ess=contributions.ess)
    spread = float(values.std(ddof=1))
    ends = np.quantile(values, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    value, low, high = np.clip([point.value, *ends], least, most).tolist()
    estimate = Estimate("fqe", value, spread, point.n, point.ess)
    return SequenceEstimate(estimate=estimate, low=low, high=high, interval="bootstrap")


def resampled_fqe(transitions: Transitions, target: Target, *, model: str, n_resamples: int, seed: int) -> NDArray[np.float64]:
    """(n_resamples,) what fqe says when episodes are drawn anew, with replacement, and the model is fitted to them."""
    rng = np.random.default_rng(seed)
    e, starts = transitions.n_episodes, transitions.is_first
    of_row = np.cumsum(starts) - 1
    first, then = transitions.where(starts), target.where(starts)
    values = np.empty(n_resamples)
    for i in range(n_resamples):
        drawn = np.bincount(rng.integers(0, e, e), minlength=e).astype(np.float64)
        fitted = fit(transitions, target, model=model, weight=drawn[of_row], seed=seed)
        values[i] = np.average(then.mean_of(fitted.expects, first.state), weights=drawn)
    return values


def _told(one: SequenceEstimate) -> str:
    between = f"{100 * _LEVEL:g} % sure between {one.low:.4g} and {one.high:.4g}"
    if one.interval == "first_states":
        between = f"between {one.low:.4g} and {one.high:.4g} by its first states alone; the model's own error is left out"
    return f"{one.estimate.value:.4g} ({between})"


def _as_map(one: SequenceEstimate) -> dict[str, Any]:
    numbers = {
        "value": one.estimate.value,
        "stderr": one.estimate.stderr,
        "ess": one.estimate.ess,
        "low": one.low,
        "high": one.high,
    }
    told = {name: float(value) if np.isfinite(value) else None for name, value in numbers.items()}
    return {**told, "n": one.estimate.n, "interval": one.interval}
