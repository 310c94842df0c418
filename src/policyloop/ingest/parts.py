"""The parts of an action that is numbers, as callers send them: what was done, by name or in order.

Question answered: which labels and which numbers are these, do they lie in the bounds of the action, and what is wrong if
they do not? In order, the labelled parts come first and the numbers after them.
Letters: p labelled parts, a numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from policyloop.core.errors import Fault
from policyloop.core.loop import ActionSpec, BoxPart
from policyloop.ingest.quoting import place, shown, unknown_name


class Parts(msgspec.Struct, frozen=True, gc=False):
    """An action that is numbers."""

    choices: list[int]  # (p,) places of the labels
    values: list[float]  # (a,)


def parts_of(sent: Any, actions: ActionSpec, faults: list[Fault], *, where: str) -> Parts | None:
    """The parts of an action; None, and faults appended, when they are none.

    Args:
        sent: a mapping or a list, or whatever stands there instead.
        where: its place in the request, for messages.
    """
    names = part_names(actions)
    if isinstance(sent, Mapping):
        found: list[Fault] = []
        found += [Fault(place(where, key), unknown_name("part of the action", key, names)) for key in sent if key not in names]
        found += [_missing(f"{where}.{name}", actions, name) for name in names if name not in sent]
        given = [(sent[name], place(where, name)) for name in names if name in sent]
    elif isinstance(sent, list | tuple) and len(sent) == len(names):
        found = []
        given = [(value, f"{where}[{i}]") for i, value in enumerate(sent)]
    else:
        what = f"has {len(sent):,} entries" if isinstance(sent, list | tuple) else f"is {shown(sent)}"
        faults.append(Fault(where, f"{what}; expected {described_parts(actions)}."))
        return None
    if found:
        faults.extend(found[:20])  # a hostile body has a million of them
        return None
    n_before = len(faults)
    n_labelled = len(actions.choices)
    choices = [
        _label(value, part.labels, at, faults) for (value, at), part in zip(given[:n_labelled], actions.choices, strict=True)
    ]
    values = [_number(value, part, at, faults) for (value, at), part in zip(given[n_labelled:], actions.box, strict=True)]
    return Parts(choices, values) if len(faults) == n_before else None


def part_names(actions: ActionSpec) -> list[str]:
    """Labelled parts first, then numbers."""
    return [*(part.name for part in actions.choices), *(part.name for part in actions.box)]


def named_parts(choices: Sequence[int], values: Sequence[float], actions: ActionSpec) -> dict[str, float | str]:
    """The parts by name, labels as labels: how the wire tells an action that is numbers."""
    labels: dict[str, float | str] = {
        part.name: part.labels[choice] for part, choice in zip(actions.choices, choices, strict=True)
    }
    return labels | {part.name: value for part, value in zip(actions.box, values, strict=True)}


def described_parts(actions: ActionSpec) -> str:
    """What an action is made of, in words: `force (a number from -1 to 1)`."""
    return ", ".join(f"{name} ({_expected(actions, name)})" for name in part_names(actions))


def _missing(where: str, actions: ActionSpec, name: str) -> Fault:
    return Fault(where, f"is missing; expected {_expected(actions, name)}.", "missing_field")


def _expected(actions: ActionSpec, name: str) -> str:
    for choice in actions.choices:
        if choice.name == name:
            labels = ", ".join(shown(label) for label in choice.labels[:10])
            return f"one of {labels}" + (f" and {len(choice.labels) - 10:,} more" if len(choice.labels) > 10 else "")
    part = next(part for part in actions.box if part.name == name)
    return f"a number from {part.low:g} to {part.high:g}"


def _label(value: Any, labels: Sequence[str], where: str, faults: list[Fault]) -> int:
    if isinstance(value, str) and value in labels:
        return labels.index(value)
    message = unknown_name("label", value, labels) if isinstance(value, str) else f"is {shown(value)}; expected a label."
    faults.append(Fault(where, message, "unknown_action"))
    return 0


def _number(value: Any, part: BoxPart, where: str, faults: list[Fault]) -> float:
    """The value, when it lies in the box."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and part.low <= value <= part.high:  # NaN does not
        return float(value)
    is_outside = is_number and not (isinstance(value, float) and math.isnan(value))
    message = f"is {shown(value)}; expected a number from {part.low:g} to {part.high:g}, the bounds of {part.name}."
    faults.append(Fault(where, message, "out_of_bounds" if is_outside else "invalid"))
    return 0.0
