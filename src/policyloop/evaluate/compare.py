"""A challenger beside the champion, on examples that neither learned from.

Question answered: what would each have earned, and how sure are we of the difference?
Source: doubly robust estimation, Dudík et al. 2014 (arXiv:1503.02834); the difference is paired, example by example,
so that what both policies share cancels. Whole probabilities are used, never one sampled action.
Letters: n examples, k actions; phi is the difference that one example speaks for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.core.policy import Policy
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.interval import mean_estimate
from policyloop.evaluate.overlap import Overlap, ess, overlap
from policyloop.evaluate.pseudo import pseudo_outcomes

ESTIMATORS = "policyloop.evaluate.estimators"


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Two policies on the same examples, and what the logging policies really earned there."""

    challenger: Estimate
    champion: Estimate
    baseline: Estimate  # mean reward of the logged traffic
    difference: Estimate  # challenger minus champion, paired, with an honest error; its ess counts the telling examples
    overlap: Overlap  # of the challenger with the log
    phi: NDArray[np.float64]  # (n,) the differences whose mean `difference` is


def evidence(examples: Examples, *, split: float, before: int | None = None) -> Examples:
    """The examples that may speak for or against a policy.

    That is: those at or above `split`, which nobody learned from, that were not decided by the fallback and whose
    propensity is known. Conflicting decisions never become examples. Evidence stops at the first decision that still
    waits: among those after it, the ones that are settled early are not like the others.

    Args:
        examples: matured, in the order of the log.
        split: the share learned from, in [0, 1].
        before: decided_at of the first decision that waits, microseconds; None when none does.
    """
    is_known = np.isfinite(examples.propensity)
    is_in_order = np.full(len(examples), True) if before is None else examples.decided_at < before
    return examples.where((examples.split >= split) & ~examples.is_fallback & is_known & is_in_order)


def value_of(
    policy: Policy, examples: Examples, *, predicted: NDArray[np.float64] | None = None, estimator: str = "dr"
) -> Estimate:
    """What a policy would have earned on the examples.

    Args:
        policy: loaded, over the same actions as the examples.
        examples: n examples as `evidence` gives them.
        predicted: (n, k) expected rewards by a model that did not learn from them; dm and dr need them.
        estimator: a plug-in of evaluate/estimators.

    Raises:
        BadPropensity: a logged propensity is outside (0, 1].
        Invalid: arrays do not fit together.
        UnknownName: no estimator has that name.
    """
    pmf = policy.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)
    return _estimate(estimator, examples, pmf, predicted)


def logged_value(examples: Examples) -> Estimate:
    """What the logging policies earned: the plain mean of the rewards, the baseline of every comparison."""
    return mean_estimate("logged", examples.reward, ess=float(len(examples)))


def compare(
    examples: Examples,
    *,
    challenger: Policy,
    champion: Policy,
    predicted: NDArray[np.float64],
    estimator: str = "dr",
) -> Comparison:
    """Both policies on the same examples.

    Args:
        examples: n examples as `evidence` gives them.
        challenger: loaded, over the same actions as the examples.
        champion: the same.
        predicted: (n, k) expected rewards by models that did not learn from the examples.
        estimator: names the two single estimates; the difference is always doubly robust.

    Raises:
        BadPropensity: a logged propensity is outside (0, 1].
        Invalid: arrays do not fit together, such as a policy whose probabilities do not sum to 1.
        UnknownName: no estimator has that name.
    """
    pmf = challenger.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)
    champion_pmf = champion.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)
    challenger_value = _estimate(estimator, examples, pmf, predicted)
    champion_value = _estimate(estimator, examples, champion_pmf, predicted)
    moved = pmf - champion_pmf
    phi = paired_differences(examples, moved, predicted=predicted)
    seen = mean_estimate("dr", phi, ess=ess(phi))
    foretold = foretold_stderr(examples, moved, predicted=predicted)
    return Comparison(
        challenger=challenger_value,
        champion=champion_value,
        baseline=logged_value(examples),
        difference=replace(seen, stderr=max(seen.stderr, foretold)),
        overlap=overlap(examples.propensity, taken(pmf, examples.action), target_pmf=pmf, logged_pmf=examples.pmf),
        phi=phi,
    )


def paired_differences(
    examples: Examples, pmf_difference: NDArray[np.float64], *, predicted: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(n,) doubly robust pseudo-outcomes of challenger minus champion.

    Args:
        examples: n examples with known propensities.
        pmf_difference: (n, k) probabilities of the challenger minus those of the champion.
        predicted: (n, k) expected rewards.
    """
    return pseudo_outcomes(
        examples.reward, examples.propensity, action=examples.action, moved=pmf_difference, predicted=predicted
    )


def foretold_stderr(examples: Examples, pmf_difference: NDArray[np.float64], *, predicted: NDArray[np.float64]) -> float:
    """The standard error of the mean of `paired_differences` that the logged probabilities foretell.

    Where an action was logged with probability .01, one event in a hundred weighs a hundred. Until such events have
    come, the sample looks calmer than it is and harmless models look harmful (simulated: 22 % false alarms, not 5).
    What is foretold does not wait for them: variance of the predictions, plus squared residual times sum_a d(a)^2 / p(a).

    Args:
        examples: n examples with known propensities; where the whole pmf is unknown, the logged action stands for it.
        pmf_difference: (n, k) probabilities of the challenger minus those of the champion.
        predicted: (n, k) expected rewards.

    Returns:
        Infinite when n < 2, or where an action that tells the two apart could never be logged.
    """
    n = len(examples)
    if n < 2:
        return math.inf
    squares = pmf_difference**2
    with np.errstate(divide="ignore", invalid="ignore"):
        by_pmf = np.where(squares > 0, squares / examples.pmf, 0.0).sum(axis=1)
    by_action = taken(squares, examples.action) / examples.propensity**2
    weight = float(np.where(np.isnan(examples.pmf).any(axis=1), by_action, by_pmf).mean())
    noise = float(((examples.reward - taken(predicted, examples.action)) ** 2).mean())
    believed = (pmf_difference * predicted).sum(axis=1)
    variance = float(believed.var(ddof=1)) + (noise * weight if noise > 0 else 0.0)
    return math.sqrt(variance / n)


def _estimate(estimator: str, examples: Examples, pmf: NDArray[np.float64], predicted: NDArray[np.float64] | None) -> Estimate:
    result: Estimate = plugins.load(ESTIMATORS, estimator).estimate(
        examples.reward, examples.propensity, action=examples.action, target_pmf=pmf, predicted=predicted
    )
    return result
