"""Evaluations: what policies would have earned on the logged events, by inverse propensity, in the endpoint's words.

Question answered: which policies can be evaluated, what did the events say of each, and how is that told? What decided is
`Online`, with what it earned; the loop's baseline and chance stand beside it, and policies of the client's that always do the
same. Sums are kept for each stretch of time, so that any longer stretch, and any style, can be told from them.
Letters: n events.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Sequence
from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S, from_iso
from policyloop.core.errors import Fault
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.overlap import importance_weights
from policyloop.interop.personalizer.refusals import Misfit
from policyloop.interop.personalizer.wire import EvaluationContract, PolicyContract
from policyloop.policy.scored import baseline

KIND = "personalizer/evaluation"
INVALID = "InvalidEvaluationContract"
MAX_CUSTOM = 10
CONSTANT = "--constant"  # our own word for a policy that always does the same
_STRETCHES_S = (300, 3600, 21_600, 43_200, 86_400)
_MAX_STRETCHES = 2000  # of one evaluation; a longer one has longer stretches

_CANNOT = (
    f"cannot be evaluated from the log alone; expected '{CONSTANT} first', '{CONSTANT} uniform' or '{CONSTANT} ACTION_ID', a "
    f"policy that always does the same. To compare learners, `policyloop evaluate` a model of each."
)


class Sums(msgspec.Struct, frozen=True):
    """What one policy's events of one stretch of time add up to; `w` is the importance weight, `r` the reward."""

    at: int  # when the stretch begins, microseconds since 1970 UTC
    n: int
    n_nonzero: int  # with a weight above 0
    w: float
    wr: float
    wr_squared: float

    @property
    def value(self) -> float:
        """Inverse propensity scoring; 0 without events."""
        return self.wr / self.n if self.n else 0.0

    @property
    def half_width(self) -> float:
        """Of the normal 95 % interval; 0 with fewer than two events, since the protocol knows no infinity."""
        if self.n < 2:
            return 0.0
        variance = max(0.0, self.wr_squared - self.wr**2 / self.n) / (self.n - 1)
        return 1.96 * math.sqrt(variance / self.n)


class Result(msgspec.Struct, frozen=True):
    """One policy of an evaluation."""

    name: str
    arguments: str
    source: str  # Online, Baseline, Random or Custom
    sums: list[Sums]  # by time


class KeptEvaluation(msgspec.Struct, frozen=True, kw_only=True):
    """An evaluation as it is kept."""

    contract: EvaluationContract
    created_at: str
    state: str  # pending, completed, failed
    job: str
    stretch_s: int = 300
    results: list[Result] = []
    why: str | None = None  # it failed


def checked(contract: EvaluationContract) -> tuple[int, int]:
    """From when to when, microseconds since 1970 UTC.

    Raises:
        Misfit: the evaluation cannot be made.
    """
    start, end = times_of(contract.startTime, contract.endTime)
    policies = contract.policies or []
    if not contract.name:
        raise Misfit(INVALID, [Fault("$.name", "is empty; expected a name.")])
    if contract.enableOfflineExperimentation or contract.enablePolicyOptimization:
        message = "is true; expected false: learning settings are not searched for. Name the policies to be evaluated."
        key = "enableOfflineExperimentation" if contract.enableOfflineExperimentation else "enablePolicyOptimization"
        raise Misfit(INVALID, [Fault(f"$.{key}", message)])
    if len(policies) > MAX_CUSTOM:
        message = f"A maximum of {MAX_CUSTOM} custom policies are allowed"
        raise Misfit("MaximumEvaluationCustomPoliciesExceeded", [Fault("$.policies", message)])
    names = [policy.name for policy in policies]
    if len(set(names)) < len(names):
        raise Misfit("DuplicateCustomPolicyNames", [Fault("$.policies", "Custom policies must have unique names.")])
    faults = [
        Fault(f"$.policies[{index}].arguments", _CANNOT) for index, policy in enumerate(policies) if constant_of(policy) is None
    ]
    if faults:
        raise Misfit(INVALID, faults)
    return start, end


def times_of(start: str, end: str) -> tuple[int, int]:
    """From when to when, microseconds since 1970 UTC.

    Raises:
        Misfit: one is no time, or they are not in order.
    """
    try:
        times = from_iso(start), from_iso(end)
    except (ValueError, OverflowError):
        times = 0, 0
    if not times[0] < times[1]:
        message = f"from '{start[:40]}' to '{end[:40]}' is no time; expected two RFC 3339 times in order."
        raise Misfit("InvalidDateTimesInEvaluationContract", [Fault("$.startTime", message)])
    return times


def constant_of(policy: PolicyContract) -> str | None:
    """The action that a policy always takes, `first` or `uniform`; None when it is no such policy."""
    try:
        words = shlex.split(policy.arguments)
    except ValueError:
        return None
    rest = [word for word in words if word != "--cb_explore_adf"]
    return rest[1] if len(rest) == 2 and rest[0] == CONSTANT else None


def results_of(rows: Examples, spec: LoopSpec, contract: EvaluationContract, *, stretch_s: int) -> list[Result]:
    """What each policy's events add up to.

    Args:
        rows: n examples with known propensities, in order of time.
    """
    customs = [(policy.name, policy.arguments, "Custom", constant_of(policy) or "first") for policy in contract.policies or []]
    standard = [("Baseline", "--first", "Baseline", spec.baseline), ("Random", "--random", "Random", "uniform")]
    online = Result("Online", "", "Online", sums_of(rows, np.ones(len(rows)), stretch_s=stretch_s))
    others = [
        Result(name, arguments, source, sums_of(rows, weights_of(rows, spec, choice), stretch_s=stretch_s))
        for name, arguments, source, choice in [*standard, *customs]
    ]
    return [online, *others]


def weights_of(rows: Examples, spec: LoopSpec, choice: str) -> NDArray[np.float64]:
    """(n,) importance weights of a policy that always does the same."""
    actions = spec.actions if choice in ("first", "uniform") else replace(spec.actions, ids=(choice,))
    policy = baseline(actions, choice, floor=0.0)
    pmf = policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates)
    return importance_weights(rows.propensity, taken(pmf, rows.action))


def sums_of(rows: Examples, weight: NDArray[np.float64], *, stretch_s: int) -> list[Sums]:
    """The sums of each stretch of time in which there are events."""
    wr = weight * rows.reward
    starts, place = np.unique(rows.decided_at // (stretch_s * US_PER_S), return_inverse=True)
    columns = [np.bincount(place, weights=column, minlength=len(starts)) for column in (weight > 0, weight, wr, wr**2)]
    counts = np.bincount(place, minlength=len(starts))
    return [
        Sums(int(start) * stretch_s * US_PER_S, int(n), int(nonzero), float(w), float(total), float(squares))
        for start, n, nonzero, w, total, squares in zip(starts, counts, *columns, strict=True)
    ]


def stretch_of(start: int, end: int) -> int:
    """How long the stretches of an evaluation are, seconds: short ones, unless there would be too many."""
    span_s = (end - start) / US_PER_S
    return next((s for s in _STRETCHES_S if span_s / s <= _MAX_STRETCHES), _STRETCHES_S[-1])


def together(sums: Sequence[Sums], *, stretch_s: int) -> list[Sums]:
    """The same in longer stretches of time."""
    found: dict[int, Sums] = {}
    width = stretch_s * US_PER_S
    for one in sums:
        at = one.at // width * width
        found[at] = added(found.get(at) or Sums(at, 0, 0, 0.0, 0.0, 0.0), one)
    return [found[at] for at in sorted(found)]


def total_of(sums: Sequence[Sums], *, at: int) -> Sums:
    """All of them as one that begins then."""
    whole = Sums(at, 0, 0, 0.0, 0.0, 0.0)
    for one in sums:
        whole = added(whole, one)
    return whole


def added(a: Sums, b: Sums) -> Sums:
    """Both as one that begins with the first."""
    return Sums(a.at, a.n + b.n, a.n_nonzero + b.n_nonzero, a.w + b.w, a.wr + b.wr, a.wr_squared + b.wr_squared)
