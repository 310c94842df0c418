"""What another system did where actions are numbers: the numbers themselves, and how likely they were.

Question answered: do the numbers lie in the bounds of the action, and is their logged propensity one that can be true? A
chance is told in one of these ways: `density`, any numbers could have come; `mixed`, mostly one action for sure, whose
propensity is a mass, and otherwise any, by a density (`action_source` says which it was); `point`, this action for sure;
`estimated` or `unknown`. Where the whole density is sent, the propensity follows from it.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from policyloop.core.density import Density
from policyloop.core.errors import Fault
from policyloop.core.loop import LoopSpec
from policyloop.core.wire import TrackedDecision
from policyloop.ingest.parts import Parts, described_parts, parts_of
from policyloop.ingest.quoting import shown

PROPENSITY_TOLERANCE = 1e-6  # relative: other systems log with fewer digits than we do
_KINDS = "density, mixed, point, estimated or unknown"
_CHANCE = "the density, above 0, that the numbers really had"


class Taken(msgspec.Struct, frozen=True):
    """What a row of track says was done, checked: the part of its record that depends on the kind of action."""

    action: list[int]
    propensity: float  # NaN where it is unknown
    propensity_kind: str
    action_value: list[float] | None = None
    pmf: list[float] | None = None
    mask: list[bool] | None = None
    density: dict[str, Any] | None = None


def parts_taken(row: TrackedDecision, spec: LoopSpec, faults: list[Fault], where: str) -> Taken | None:
    """What was done where actions are numbers; None, and faults appended, when that cannot be."""
    for name in ("action", "pmf", "mask", "exclude"):
        if getattr(row, name) is not None:
            message = f"is sent, but this loop's actions are numbers; expected values: {described_parts(spec.actions)}."
            faults.append(Fault(f"{where}.{name}", message))
    parts = None
    if row.values is None:
        message = f"are missing; expected {described_parts(spec.actions)}."
        faults.append(Fault(f"{where}.values", message, "missing_field"))
    else:
        parts = parts_of(row.values, spec.actions, faults, where=f"{where}.values")
    density = None if row.density is None else _density_of(row.density, spec, faults, f"{where}.density")
    if parts is None or (density is None and row.density is not None):
        return None
    if density is not None:
        return _drawn_from(row, density, parts, faults, where)
    propensity = _propensity_of(row, faults, where)
    return Taken(parts.choices, propensity, row.propensity_kind, action_value=parts.values)


def refuse_parts(row: TrackedDecision, faults: list[Fault], where: str) -> None:
    """Append a fault for what only actions that are numbers have."""
    for name in ("values", "density"):
        if getattr(row, name) is not None:
            faults.append(Fault(f"{where}.{name}", "is sent, but this loop's actions have names; expected action."))
    if row.propensity_kind in ("density", "mixed"):
        expected = "probability, point, estimated or unknown"
        message = f"is '{row.propensity_kind}', but this loop's actions have names; expected {expected}."
        faults.append(Fault(f"{where}.propensity_kind", message))


def _density_of(sent: dict[str, Any], spec: LoopSpec, faults: list[Fault], where: str) -> Density | None:
    """The density that a row tells; None, and a fault appended, when it is none over this loop's numbers."""
    if spec.actions.choices:
        faults.append(Fault(where, "is sent, but it says nothing of the labelled parts; expected propensity instead."))
        return None
    try:
        density = msgspec.convert(sent, Density)
    except msgspec.ValidationError as error:
        faults.append(Fault(where, f"is no density: {error}; expected family, low and high, and what the family has."))
        return None
    wrong = density.fault(len(spec.actions.box))
    if wrong is not None:
        faults.append(Fault(where, wrong))
        return None
    return density


def _drawn_from(row: TrackedDecision, density: Density, parts: Parts, faults: list[Fault], where: str) -> Taken | None:
    """What was done, by a density that was sent whole."""
    propensity = density.at(parts.values)
    if not 0.0 < propensity < math.inf:
        faults.append(Fault(f"{where}.density", f"gives these values {shown(propensity)}; expected {_CHANCE}."))
    elif row.propensity is not None and not math.isclose(row.propensity, propensity, rel_tol=PROPENSITY_TOLERANCE):
        message = (
            f"is {shown(row.propensity)}, but the density gives these values {shown(propensity)}; expected the same number."
        )
        faults.append(Fault(f"{where}.propensity", message))
    if row.propensity_kind not in ("probability", density.kind):
        message = f"is '{row.propensity_kind}', but the density is '{density.kind}'; expected that, or leave it out."
        faults.append(Fault(f"{where}.propensity_kind", message))
    return Taken(parts.choices, propensity, density.kind, action_value=parts.values, density=density.to_json())


def _propensity_of(row: TrackedDecision, faults: list[Fault], where: str) -> float:
    """What a row says of the chance; NaN when it is unknown."""
    kind, said = row.propensity_kind, row.propensity
    if kind == "probability":
        message = f"is 'probability', but this loop's actions are numbers; expected {_KINDS}."
        faults.append(Fault(f"{where}.propensity_kind", message))
    elif kind == "point" and said not in (None, 1.0):
        faults.append(Fault(f"{where}.propensity", f"is {shown(said)} of a point; expected 1: it was taken for sure."))
    elif kind not in ("point", "unknown") and said is None:
        faults.append(
            Fault(f"{where}.propensity", f"is missing; expected {_CHANCE}, or propensity_kind unknown.", "missing_field")
        )
    elif said is not None and not 0.0 < said < math.inf:
        faults.append(Fault(f"{where}.propensity", f"is {shown(said)}; expected {_CHANCE}."))
    if kind == "point":
        return 1.0
    return math.nan if said is None else said
