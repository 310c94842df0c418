"""One field's value, looked at closely: the slow path of the context check, with a sentence for each fault.

Question answered: is this value what the field declares, and if not, what was expected and what is nearest?
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

from policyloop.core.errors import Fault, nearest
from policyloop.core.loop import Field
from policyloop.ingest.json_values import clean_json, described_json
from policyloop.ingest.quoting import MAX_SHOWN_CHARS, shown
from policyloop.ingest.tensors import clean_tensor, described_tensor

MAX_FLOAT = sys.float_info.max
MAX_INTEGER = 2**53  # beyond it neither float64 nor JavaScript tells neighbours apart
MAX_CATEGORY_CHARS = 1024
MAX_TEXT_CHARS = 65_536
MAX_ITEMS = 1024  # of an array whose spec names no limit
_MAX_VALUES_SHOWN = 10


def max_items_of(field: Field) -> int:
    """How many items an array field takes at most."""
    return MAX_ITEMS if field.max_items is None else field.max_items


def clean(value: Any, field: Field, where: str, faults: list[Fault]) -> Any:
    """The value in the form that policies see; None, and a fault appended, when it does not fit."""
    if value is None and field.optional:
        return None
    return _CLEANER_OF_TYPE[field.type](value, field, where, faults)


def described(field: Field) -> str:
    """What the field takes, in words: `a whole number from 0 to 23`."""
    if field.type == "json":
        words = described_json(field)
    elif field.type == "tensor":
        words = described_tensor(field)
    else:
        words = _array_in_words(field) if field.type == "array" else _item_in_words(field.type, field)
    return f"{words}, or null" if field.optional else words


def _number(value: Any, field: Field, where: str, faults: list[Fault]) -> float | None:
    if isinstance(value, bool) or not isinstance(value, Real):
        _refuse(value, field, where, faults)
        return None
    try:
        number = float(value)
    except OverflowError:
        _refuse(value, field, where, faults)
        return None
    if not math.isfinite(number) or not _is_within(number, field):
        _refuse(value, field, where, faults)
        return None
    return number


def _integer(value: Any, field: Field, where: str, faults: list[Fault]) -> int | None:
    if isinstance(value, bool) or not isinstance(value, Integral):
        _refuse(value, field, where, faults)
        return None
    whole = int(value)
    if abs(whole) > MAX_INTEGER or not _is_within(whole, field):
        _refuse(value, field, where, faults)
        return None
    return whole


def _boolean(value: Any, field: Field, where: str, faults: list[Fault]) -> bool | None:
    if isinstance(value, bool):
        return value
    _refuse(value, field, where, faults)
    return None


def _category(value: Any, field: Field, where: str, faults: list[Fault]) -> str | None:
    if not isinstance(value, str):
        _refuse(value, field, where, faults)
        return None
    if field.values is None:
        return _text_up_to(MAX_CATEGORY_CHARS, value, field, where, faults)
    if value in field.values:
        return str(value)
    near = nearest(value, field.values) if len(value) <= 2 * MAX_SHOWN_CHARS else None
    hint = f"; did you mean {shown(near)}? Expected " if near is not None else "; expected "
    faults.append(Fault(where, f"is {shown(value)}{hint}{_item_in_words('category', field)}.", "unknown_category"))
    return None


def _text(value: Any, field: Field, where: str, faults: list[Fault]) -> str | None:
    if not isinstance(value, str):
        _refuse(value, field, where, faults)
        return None
    return _text_up_to(MAX_TEXT_CHARS, value, field, where, faults)


def _text_up_to(n_chars: int, value: str, field: Field, where: str, faults: list[Fault]) -> str | None:
    if len(value) > n_chars:
        faults.append(Fault(where, f"is {len(value):,} characters long; expected {described(field)}."))
        return None
    at = next((i for i, char in enumerate(value) if "\ud800" <= char <= "\udfff"), None)
    if at is not None:
        faults.append(Fault(where, f"has half a surrogate pair at character {at}; expected valid Unicode text."))
        return None
    return str(value)


def _array(value: Any, field: Field, where: str, faults: list[Fault]) -> list[Any] | None:
    if not isinstance(value, list | tuple | set | frozenset):
        _refuse(value, field, where, faults)
        return None
    if len(value) > max_items_of(field):
        faults.append(Fault(where, f"has {len(value):,} items; expected at most {max_items_of(field):,}."))
        return None
    cleaner = _category if field.items == "category" else _number
    return [cleaner(item, field, f"{where}[{i}]", faults) for i, item in enumerate(value)]


def _refuse(value: Any, field: Field, where: str, faults: list[Fault]) -> None:
    words = (
        _item_in_words(field.items or "number", field) if field.type == "array" and where.endswith("]") else described(field)
    )
    faults.append(Fault(where, f"is {shown(value)}; expected {words}."))


def _is_within(value: float, field: Field) -> bool:
    return (field.min is None or value >= field.min) and (field.max is None or value <= field.max)


def _array_in_words(field: Field) -> str:
    return f"a list of at most {max_items_of(field):,} entries, each {_item_in_words(field.items or 'number', field)}"


def _item_in_words(kind: str, field: Field) -> str:
    if kind == "boolean":
        return "true or false"
    if kind == "text":
        return f"text of at most {MAX_TEXT_CHARS:,} characters"
    if kind == "category":
        return _values_in_words(field.values) if field.values else f"text of at most {MAX_CATEGORY_CHARS:,} characters"
    return _range_in_words("a whole number" if kind == "integer" else "a finite number", field, kind)


def _values_in_words(values: tuple[str, ...]) -> str:
    listed = ", ".join(shown(value) for value in values[:_MAX_VALUES_SHOWN])
    more = f" and {len(values) - _MAX_VALUES_SHOWN:,} more" if len(values) > _MAX_VALUES_SHOWN else ""
    return f"one of {listed}{more}"


def _range_in_words(noun: str, field: Field, kind: str) -> str:
    low, high = _bound(field.min, kind), _bound(field.max, kind)
    if low is not None and high is not None:
        return f"{noun} from {low} to {high}"
    if low is not None:
        return f"{noun} of at least {low}"
    if high is not None:
        return f"{noun} of at most {high}"
    return noun


def _bound(value: float | None, kind: str) -> str | None:
    if value is None:
        return None
    return f"{int(value)}" if kind == "integer" or float(value).is_integer() else f"{value:g}"


_CLEANER_OF_TYPE: dict[str, Callable[[Any, Field, str, list[Fault]], Any]] = {
    "number": _number,
    "integer": _integer,
    "boolean": _boolean,
    "category": _category,
    "text": _text,
    "array": _array,
    "tensor": clean_tensor,
    "json": clean_json,
}
