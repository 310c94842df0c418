"""Steps: may the log of a loop with episodes be believed, where actions are labels, numbers, or both?

Question answered: does each decision keep the contract (its propensity is what its own record gives the action, inside limits
that the spec allows, with the floor, by a model and a spec that are known), and were actions drawn from what was logged? Labels
alone are held to the same tests as elsewhere. Of numbers a density has no sum to be checked, but a true one has likelihood
ratios with mean 1: stakes are put on numbers that vary more or less than logged, lie above or below, or come from the floor
more or less often, and on labels beside them that are sharper or flatter. A sure action is held to the contract alone.
Source: as in `wealth.py` and `truth.py`. Letters: n steps, j alternatives, k labels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.density import Density
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, IMPORTED
from policyloop.gate.checks import truth
from policyloop.gate.checks import wealth as wealths
from policyloop.gate.checks.contract import Contract, Fault
from policyloop.gate.checks.truth import Drawn, Truth
from policyloop.gate.checks.wealth import Claim, Wealth
from policyloop.gate.logcheck import LogCheck
from policyloop.gate.verdict import Call, Reason

FORM = "steps 1"  # of what is remembered

_ALPHA = 0.001
_TOLERANCE = 1e-6
_BELLS = ("normal", "tanh_normal")
_SCALES = {0.5: "vary about half as much as logged", 0.8: "vary less than logged"} | {
    1.25: "vary more than logged",
    2.0: "vary about twice as much as logged",
}
_SHIFTS = {-0.5: "lie below what was logged", 0.5: "lie above what was logged"}  # in standard deviations
_FLOORS = {0.5: "come from the floor half as often as logged", 2.0: "come from the floor twice as often as logged"}
_POWERS = {0.5: "come with flatter labels than logged", 2.0: "come with sharper labels than logged"}
_SAID = (*_SCALES.values(), *_SHIFTS.values(), *_FLOORS.values(), *_POWERS.values())
CLAIM = Claim(alpha=_ALPHA, prior=(1 / len(_SAID),) * len(_SAID))


class Step(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One decision as it was logged."""

    decision_id: str
    policy: str
    spec: str  # digest
    action: list[int]
    values: list[float] = []
    pmfs: list[list[float]] = []  # of each labelled part
    mask: list[bool] | None = None
    density: Density | None = None
    propensity: float | None = None
    kind: str
    is_fallback: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StepLog:
    """What is remembered between looks; its size does not grow with the log."""

    contract: Contract = field(default_factory=Contract)
    truth: Truth = field(default_factory=truth.begin)  # of labels alone
    wealth: Wealth = field(default_factory=lambda: wealths.begin(CLAIM))  # of numbers
    until: int | None = None  # decided_at of the newest decision that was seen, microseconds; None: none was

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {
            "form": FORM,
            "until": self.until,
            "contract": self.contract.to_mapping(),
            "truth": self.truth.to_mapping(),
            "wealth": self.wealth.to_mapping(),
        }

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any]) -> StepLog | None:
        """The inverse of `to_mapping`; None where another version wrote it."""
        if raw.get("form") != FORM:
            return None
        return cls(
            contract=Contract.from_mapping(raw["contract"]),
            truth=Truth.from_mapping(raw["truth"]),
            wealth=Wealth.from_mapping(raw["wealth"], CLAIM),
            until=raw["until"],
        )


def checked(log: StepLog, steps: Sequence[Step], *, specs: Mapping[str, LoopSpec], policies: frozenset[str]) -> StepLog:
    """After further decisions, in the order of the log.

    Args:
        log: before them.
        steps: the decisions.
        specs: digest -> every spec that the loop ever had.
        policies: digests of the loop's models.
    """
    faults = dict(log.contract.faults)
    fit, seen = [], set()
    for row, step in enumerate(steps):
        found = dict(_faults(step, specs.get(step.spec), policies=policies))
        if step.decision_id in seen:
            found["duplicate"] = "decision_id came before; expected each once"
        seen.add(step.decision_id)
        for name, told in found.items():
            first = f"row {log.contract.n + row} (decision '{step.decision_id}'): {told}"
            earlier = faults.get(name, Fault(n=0, first=first))
            faults[name] = Fault(n=earlier.n + 1, first=earlier.first)
        if not found and not step.is_fallback and step.kind in ("probability", "density", "mixed"):
            fit.append(step)
    return replace(
        log,
        contract=Contract(n=log.contract.n + len(steps), faults=faults),
        truth=_of_labels(log.truth, [step for step in fit if step.density is None]),
        wealth=_of_numbers(log.wealth, [step for step in fit if step.density is not None]),
    )


def said(log: StepLog, *, is_of_numbers: bool) -> LogCheck:
    """What is said of a log of which this is remembered.

    Args:
        is_of_numbers: whether actions have numbers.
    """
    drawn = _reason(log.wealth) if is_of_numbers else log.truth.reason()
    return LogCheck(reasons=(log.contract.reason(), drawn), n=log.contract.n)


def _faults(step: Step, spec: LoopSpec | None, *, policies: frozenset[str]) -> Iterator[tuple[str, str]]:
    """What is wrong with one decision: name, and in words."""
    is_imported = step.policy.startswith(IMPORTED)
    if step.policy != BASELINE and step.policy not in policies and not is_imported:
        yield "policy", f"policy is '{step.policy}'; expected a model of this loop"
    if spec is None:
        yield "spec", f"spec is '{step.spec}'; expected one that this loop had"
    if step.kind in ("unknown", "estimated") or step.propensity is None:
        return
    p = step.propensity
    if not (0 < p < math.inf and (p <= 1 or step.kind in ("density", "mixed"))):
        yield "propensity", f"propensity is {p}; expected a probability in (0, 1], or a density above 0"
    for pmf in step.pmfs:
        if min(pmf) < 0 or not abs(sum(pmf) - 1) <= _TOLERANCE:
            yield (
                "pmf",
                f"a pmf has the least entry {min(pmf):.4g} and the sum {sum(pmf):.6g}; expected probabilities that sum to 1",
            )
            return
    expected = _of_record(step)
    if expected is not None and not abs(expected - p) <= _TOLERANCE * max(p, expected):
        yield "entry", f"propensity is {p:.9g}; expected {expected:.9g}, which its own record gives the action"
    if spec is not None and not is_imported:
        yield from _of_bounds(step, spec)


def _of_record(step: Step) -> float | None:
    """The propensity as pmfs and density of the record have it; None where it has neither."""
    if step.density is None and not step.pmfs:
        return None
    start = 1.0 if step.density is None else step.density.at(step.values)
    return math.prod((pmf[label] for pmf, label in zip(step.pmfs, step.action, strict=False)), start=start)


def _of_bounds(step: Step, spec: LoopSpec) -> Iterator[tuple[str, str]]:
    """Limits and floor."""
    floor, density = spec.explore.floor, step.density
    if density is not None:
        for part, x, low, high in zip(spec.actions.box, step.values, density.low, density.high, strict=False):
            if not part.low - _TOLERANCE <= low <= x <= high <= part.high + _TOLERANCE:
                yield (
                    "limits",
                    f"{part.name} is {x:.9g} between the logged limits {low:.9g} and {high:.9g}; expected them in that order, "
                    f"within {part.low:g} to {part.high:g}",
                )
                return
        if density.kind != "point" and density.family != "uniform" and density.floor < floor - _TOLERANCE:
            yield "floor", f"the floor of the density is {density.floor:.6g}; expected at least {floor:.6g}"
    elif step.kind == "probability" and step.pmfs:
        allowed = step.mask or [True] * len(step.pmfs[0])
        share = floor / max(sum(allowed), 1)
        if any(is_allowed and p < share - _TOLERANCE for p, is_allowed in zip(step.pmfs[0], allowed, strict=False)):
            yield (
                "floor",
                f"the least of its pmf is {min(step.pmfs[0]):.6g}; expected at least {share:.6g}, its share of the floor",
            )


def _of_labels(before: Truth, steps: Sequence[Step]) -> Truth:
    """The tests of labels; of candidates, whose number varies, those with as many as the most have."""
    steps = [step for step in steps if step.pmfs]
    if not steps:
        return before
    k = max(len(step.pmfs[0]) for step in steps)
    rows = [step for step in steps if len(step.pmfs[0]) == k]
    drawn = Drawn(
        action=np.array([step.action[0] for step in rows], dtype=np.int64),
        pmf=np.array([step.pmfs[0] for step in rows]),
        allowed=np.array([step.mask or [True] * k for step in rows], dtype=bool),
        others={},
    )
    return truth.update(before, drawn)


def _of_numbers(before: Wealth, steps: Sequence[Step]) -> Wealth:
    """The same of numbers: likelihood ratios of each alternative."""
    if not steps:
        return before
    return wealths.bet(before, np.array([_factors(step) for step in steps]).T)


def _factors(step: Step) -> list[float]:
    """(j,) what each alternative's stake is multiplied by."""
    density = step.density
    assert density is not None, "a step of numbers has one"
    own, f = density.at(step.values), density.floor
    is_bell = density.family in _BELLS
    told: list[Density | None] = []
    for times in _SCALES:
        told.append(msgspec.structs.replace(density, scale=[times * one for one in density.scale]) if is_bell else None)
    for shift in _SHIFTS:
        loc = [m + shift * s for m, s in zip(density.loc, density.scale, strict=False)]
        told.append(msgspec.structs.replace(density, loc=loc) if is_bell else None)
    for times in _FLOORS:
        other = min(times * f, (1 + f) / 2)
        told.append(density.with_floor(other) if 0 < f < 1 and density.family != "uniform" else None)
    return [*(1.0 if one is None or own <= 0 else one.at(step.values) / own for one in told), *_of_powers(step)]


def _of_powers(step: Step) -> list[float]:
    """The same of labels beside numbers."""
    factors = []
    for power in _POWERS:
        factor = 1.0
        for pmf, label in zip(step.pmfs, step.action, strict=False):
            raised: NDArray[np.float64] = np.asarray(pmf, dtype=np.float64) ** power
            factor *= float(raised[label] / raised.sum()) / pmf[label]
        factors.append(factor)
    return factors


def _reason(wealth: Wealth) -> Reason:
    """REFUSE where the wealth ever reached its bound."""
    if not wealth.is_alarm:
        sentence = f"The numbers of {wealth.n:,} decisions are drawn as logged, as far as bets on the contrary can tell."
        return Reason(name=truth.NAME, call=Call.PROMOTE, sentence=sentence, numbers=wealth.numbers, is_check=True)
    likeliest = _SAID[int(np.argmax(wealth.stakes))]
    sentence = (
        f"Actions were not drawn from the densities that were logged: the numbers {likeliest}. That was sure after "
        f"{wealth.found_at:,} decisions. Serve exactly what is drawn, and report what is done otherwise as `executed`."
    )
    return Reason(name=truth.NAME, call=Call.REFUSE, sentence=sentence, numbers=wealth.numbers, is_check=True)
