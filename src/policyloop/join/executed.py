"""What was really carried out, where that was not the chosen action.

Question answered: which action must the example or the transition of this decision name?
Someone else than the policy chose it, so its propensity is unknown: such an example is fit for models, and barred from gates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.loop import ActionSpec
from policyloop.lake.schema import DECISION_SCHEMA

_KIND = DECISION_SCHEMA.field("action").type
_VALUES_KIND = DECISION_SCHEMA.field("action_value").type


def done_instead(reports: pa.Table, chosen: pa.ChunkedArray) -> tuple[pa.Array, NDArray[np.bool_]]:
    """The actions carried out instead of the chosen ones.

    The report of what happened first counts. One that names what was chosen anyway says nothing new.

    Args:
        reports: outcomes with the columns decision (row in `chosen`), happened_at, received_at and executed (JSON or null).
        chosen: (n,) lists of indices.

    Returns:
        (n,) lists of indices, null where what was chosen was done; and (n,) whether what was reported can be read.
    """
    n = len(chosen)
    is_usable = np.ones(n, dtype=bool)
    instead: dict[int, list[int]] = {}
    for decision, text in _first_reports(reports).items():
        action = _indices(text)
        if action is None:
            is_usable[decision] = False
        elif action not in (places := chosen[decision].as_py(), places[:1]):  # of a ranking the first place is the decision
            instead[decision] = action
    return (pa.array([instead.get(i) for i in range(n)], _KIND) if instead else pa.nulls(n, _KIND)), is_usable


def values_done_instead(
    reports: pa.Table, chosen: pa.ChunkedArray, values: pa.ChunkedArray, actions: ActionSpec
) -> tuple[pa.Array, pa.Array, NDArray[np.bool_]]:
    """The same for actions with numbers: places of labels and numbers, each null where what was chosen was done.

    Args:
        reports: as for `done_instead`.
        chosen: (n,) lists of places, one a labelled part.
        values: (n,) lists of numbers.
        actions: the parts. A report names them all, or lists them, labelled ones first; or it has places and numbers apart.
    """
    n = len(chosen)
    is_usable = np.ones(n, dtype=bool)
    places: dict[int, list[int]] = {}
    numbers: dict[int, list[float]] = {}
    for decision, text in _first_reports(reports).items():
        done = _parts(text, actions)
        if done is None:
            is_usable[decision] = False
        elif done != (chosen[decision].as_py() or [], values[decision].as_py() or []):
            places[decision], numbers[decision] = done
    if not places:
        return pa.nulls(n, _KIND), pa.nulls(n, _VALUES_KIND), is_usable
    return (
        pa.array([places.get(i) for i in range(n)], _KIND),
        pa.array([numbers.get(i) for i in range(n)], _VALUES_KIND),
        is_usable,
    )


def _parts(text: str, actions: ActionSpec) -> tuple[list[int], list[float]] | None:
    """Places and numbers of a report; None when it is something else."""
    names = [*(choice.name for choice in actions.choices), *(part.name for part in actions.box)]
    try:
        told = msgspec.json.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    given = [told] if isinstance(told, int | float) else told
    if isinstance(given, Mapping) and given.keys() == {"action", "action_value"}:  # as our own log keeps it
        given = [*_listed(given["action"]), *_listed(given["action_value"])]
    elif isinstance(given, Mapping):
        given = [given.get(name) for name in names]
    if not isinstance(given, list) or len(given) != len(names):
        return None
    places = [_place(one, choice.labels) for one, choice in zip(given, actions.choices, strict=False)]
    numbers = [float(one) for one in given[len(places) :] if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < len(actions.box) or not all(isinstance(place, int) for place in places):
        return None
    return [place for place in places if place is not None], numbers


def _listed(told: Any) -> list[Any]:
    return told if isinstance(told, list) else []


def _place(told: Any, labels: tuple[str, ...]) -> int | None:
    """The place of a label, or of one that is told by its place."""
    if isinstance(told, str):
        return labels.index(told) if told in labels else None
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 <= told < len(labels) else None


def _first_reports(reports: pa.Table) -> dict[int, str]:
    """What was told first, by decision."""
    told = reports.filter(pc.is_valid(reports["executed"])).select(["decision", "happened_at", "received_at", "executed"])
    first: dict[int, tuple[int, int, str]] = {}
    for row in told.to_pylist():
        report = (row["happened_at"], row["received_at"], row["executed"])
        first[row["decision"]] = min(report, first.get(row["decision"], report))
    return {decision: text for decision, (_, _, text) in first.items()}


def _indices(text: str) -> list[int] | None:
    """`2` or `[2]` as indices; None when it is something else."""
    try:
        value = msgspec.json.decode(text, type=int | list[int])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return value if isinstance(value, list) else [value]
