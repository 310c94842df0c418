"""What a loop wants of a history: its columns by name, what each is for, and the file's columns that are it.

Question answered: which column of the file is which name of the loop, what is missing, and what is nobody's?
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from policyloop.core.errors import nearest, unknown
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_episodes import ACTION
from policyloop.interop.historian.ledger import Ledger
from policyloop.interop.historian.reading import Reading, lagged_name
from policyloop.lake.episode_history import fields_of_history

Kind = Literal["number", "boolean", "text", "list"]
Role = Literal["context", "action", "outcome", "end", "said"]

TERMINATED, TRUNCATED = "terminated", "truncated"
SAID: Mapping[str, tuple[Kind, Role]] = {
    TERMINATED: ("boolean", "end"),
    TRUNCATED: ("boolean", "end"),
    "propensity": ("number", "said"),
    "propensity_kind": ("text", "said"),
    "action_source": ("text", "said"),
    "density": ("text", "said"),
    "pmf": ("list", "said"),
}
_KINDS: Mapping[str, Kind] = {"boolean": "boolean", "category": "text", "text": "text", "tensor": "list"}
_ELSEWHERE = {
    "done": TERMINATED,
    "terminal": TERMINATED,
    "is_terminal": TERMINATED,
    "timeout": TRUNCATED,
    "timeouts": TRUNCATED,
}
_SHOWN = 30


@dataclass(frozen=True, slots=True)
class Wanted:
    """One column of a history, by its name in the loop."""

    name: str
    kind: Kind
    role: Role
    is_needed: bool  # a row without it is no step


def wanted_of(spec: LoopSpec, reading: Reading) -> dict[str, Wanted]:
    """All that may be read, in order; what lags make is not read, but made."""
    made = {lagged_name(name, steps) for name, steps in reading.lags}
    found = [
        Wanted(field.name, _KINDS.get(field.type, "number"), "context", not (field.optional or field.default is not None))
        for field in fields_of_history(spec)
        if field.name not in made
    ]
    found += [Wanted(part.name, "number", "action", True) for part in spec.actions.box]
    labelled = [choice.name for choice in spec.actions.choices] or ([ACTION] if spec.actions.labels else [])
    found += [Wanted(name, "text", "action", True) for name in labelled]
    found += [Wanted(o.name, "boolean" if o.type == "boolean" else "number", "outcome", False) for o in spec.outcomes.values()]
    said = [Wanted(name, kind, role, False) for name, (kind, role) in SAID.items()]
    return {one.name: one for one in (*said, *found)}  # a name of the loop is the loop's


def match(
    wanted: Mapping[str, Wanted], there: Iterable[str], ours: Iterable[str], *, reading: Reading, into: Ledger
) -> dict[str, str]:
    """The loop's name of each column that is read -> the file's.

    Args:
        wanted: of the loop.
        there: columns or tags of the file.
        ours: those that have a use of their own: of times, episodes, steps, qualities.
        reading: renamings, and what is to be ignored.
        into: what is missing and what is nobody's.
    """
    names, own = list(there), set(ours)
    found = {name: reading.columns.get(name, name) for name in wanted}
    for name, column in reading.columns.items():
        if name not in wanted:
            into.fault("--column", unknown("column of the loop", name, wanted), "unknown_name")
        elif column not in names:
            into.fault("--column", unknown("column or tag of the file", column, names), "unknown_name")
    free = [name for name in names if name not in own | set(found.values()) | reading.ignore]
    for name, one in wanted.items():
        if one.is_needed and found[name] not in names and name not in reading.columns:
            into.fault(name, _missing(name, free), "missing")
    missing = [name for name in wanted if found[name] not in names]
    if free:
        told = "; ".join(_stranger(name, missing) for name in free[:_SHOWN])
        n = "column or tag is" if len(free) == 1 else "columns or tags are"
        more = f" and {len(free) - _SHOWN:,} more" if len(free) > _SHOWN else ""
        message = f"{len(free):,} {n} nothing that the loop knows: {told}{more}. `--ignore NAME` leaves one out."
        into.settle("drop-columns", "columns", message, n=len(free), code="unknown_name")
    known = {name: column for name, column in found.items() if column in names}
    for name, column in known.items():
        if column in reading.ignore and wanted[name].is_needed:
            as_ours = "" if column == name else f" as '{name}'"
            told = f"names '{column}', which the loop knows{as_ours}; expected a loop file without it, or not to be asked."
            into.fault("--ignore", told)
    return {name: column for name, column in known.items() if column not in reading.ignore}


def _missing(name: str, free: list[str]) -> str:
    """That a column is not there, and which might be it."""
    match = nearest(name.lower(), [one.lower() for one in free])
    near = next((one for one in free if one.lower() == match), None)
    if near is not None:
        return f"is no column or tag of the file; did you mean `--column {name}={near}`?"
    known = ", ".join(free[:_SHOWN]) if free else "none"
    return f"is no column or tag of the file; expected it, or `--column {name}=ITS-NAME`. Not used: {known}."


def _stranger(name: str, missing: list[str]) -> str:
    """An unknown column, with what it might be."""
    other = _ELSEWHERE.get(name.lower())
    if other in missing:
        return f"'{name}' (if it says so: --column {other}={name})"
    near = nearest(name, missing)
    return f"'{name}'" if near is None else f"'{name}' (did you mean '{near}'?)"
