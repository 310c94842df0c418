"""A first loop from a table of past data: the type, the values and the bounds of each column, with head-room.

Question answered: what would a person write into `context:` and `actions:` after looking at this table?
The result is a proposal to be edited: bounds are wider than the data, so that tomorrow's values fit too.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from policyloop.core.errors import Fault, Invalid, UnknownName
from policyloop.core.spec_actions import MAX_LABELS, RESERVED_LABELS

MAX_CATEGORY_VALUES = 50  # more different texts than that are hashed, not listed
_LONG_TEXT = 40  # characters on average, from which a text is no category
_TINY, _HUGE = 1e-300, 1e100  # beyond them, rounding would overflow
_BOOLEANS = frozenset({"true", "false"})
_MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "?"})
_INTEGER = re.compile(r"[-+]?\d{1,15}")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")

Columns = Mapping[str, Sequence[str]]


def infer_document(columns: Columns, *, label: str | None = None) -> dict[str, Any]:
    """Keys of a loop file for a table.

    Args:
        columns: texts by column name, all of one length.
        label: the column whose values become the actions; the reward is then 1 for the right one.

    Returns:
        The mapping without `loop`, for `read_spec`; without a label, the actions are placeholders.

    Raises:
        UnknownName: no column is named `label`.
        Invalid: the label column cannot be actions.
    """
    if label is not None and label not in columns:
        raise UnknownName("column", label, columns)
    context = {_field_name(name): infer_field(values) for name, values in columns.items() if name != label}
    labels = ["first-action", "second-action"] if label is None else _labels(label, columns[label])
    outcome = "good" if label is None else "right"
    return {
        "context": context,
        "actions": {"kind": "discrete", "labels": labels},
        "outcomes": {outcome: {"type": "boolean", "take": "max"}},
        "reward": {"expression": outcome, "range": [0, 1]},
    }


def infer_field(values: Sequence[str]) -> dict[str, Any]:
    """Options of the field that holds these values; empty cells make it optional."""
    present = [value.strip() for value in values if value.strip().lower() not in _MISSING]
    options = _infer_type(present)
    return options if len(present) == len(values) else {**options, "optional": True}


def _infer_type(present: list[str]) -> dict[str, Any]:
    """Type and options of values that are all there."""
    if not present:
        return {"type": "text"}
    if all(value.lower() in _BOOLEANS for value in present):
        return {"type": "boolean"}
    if all(_NUMBER.fullmatch(value) and math.isfinite(float(value)) for value in present):
        return _infer_number(present)
    if all(map(_is_json, present)):
        return {"type": "json"}
    counts = Counter(present)
    if len(counts) <= min(MAX_CATEGORY_VALUES, max(2, len(present) // 2)) and all(map(str.isprintable, counts)):
        return {"type": "category", "values": sorted(counts)}
    return {"type": "text" if sum(map(len, present)) > _LONG_TEXT * len(present) else "category"}


def _is_json(text: str) -> bool:
    """Whether it is a JSON object or list."""
    if text[:1] not in ("{", "["):
        return False
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False
    return True


def _infer_number(present: list[str]) -> dict[str, Any]:
    """A number or integer with its bounds."""
    is_whole = all(_INTEGER.fullmatch(value) for value in present)
    numbers = [float(value) for value in present]
    if max(map(abs, numbers)) > _HUGE:
        return {"type": "number"}
    low, high = with_head_room(numbers)
    return (
        {"type": "integer", "min": math.floor(low), "max": math.ceil(high)}
        if is_whole
        else {"type": "number", "min": low, "max": high}
    )


def with_head_room(numbers: Sequence[float]) -> tuple[float, float]:
    """Bounds as far again beyond the data as the data spans, rounded outwards; what was never negative stays so."""
    smallest, largest = min(numbers), max(numbers)
    span = (largest - smallest) or abs(largest) or 1.0
    low, high = _round_out(smallest - span, down=True), _round_out(largest + span, down=False)
    if smallest >= 0:
        low = 0.0
    if smallest < 0 and largest <= 0:
        high = 0.0
    return low, high


def _round_out(number: float, *, down: bool) -> float:
    """Two significant digits, away from the data."""
    if abs(number) < _TINY:
        return 0.0 if number == 0 else -_TINY if down else _TINY
    digits = 1 - math.floor(math.log10(abs(number)))
    scale = 10.0**digits
    rounded = (math.floor if down else math.ceil)(number * scale) / scale
    return float(f"{rounded:.12g}")


def _labels(column: str, values: Sequence[str]) -> list[str]:
    """The values of the label column as actions: numbers in their order, texts in the alphabet's."""
    different = {value.strip() for value in values} - {""}
    if not different or len(different) > MAX_LABELS:
        raise Invalid(
            [Fault(column, f"has {len(different):,} different values; expected 1 to {MAX_LABELS:,}, one per action.")]
        )
    taken = different & set(RESERVED_LABELS)
    if taken:
        raise Invalid(
            [Fault(column, f"has the value '{taken.pop()}', a word that baseline uses; expected another in the table.")]
        )
    if all(_NUMBER.fullmatch(value) for value in different):
        return sorted(different, key=float)
    return sorted(different)


def _field_name(column: str) -> str:
    """A column's name as a field may be named."""
    name = re.sub(r"\s+", "_", column.strip()).lstrip("$")[:128]
    return "".join(character for character in name if character.isprintable()) or "unnamed"
