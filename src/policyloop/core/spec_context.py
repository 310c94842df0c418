"""The section `context:` of a loop file, and wherever else fields are declared: what is known before acting.

Names of fields and values are the user's; types and options are ours, so a wrong one is answered with the known ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from policyloop.core.errors import Fault, unknown
from policyloop.core.loop import Field
from policyloop.core.section import QUOTE_HINT, Section, is_number, show

FIELD_TYPES = ("number", "integer", "boolean", "category", "text", "array", "tensor", "json")
TENSOR_TYPES = ("float32", "uint8")
MAX_TENSOR_NUMBERS = 2**20
MAX_FIELDS = 1000
MAX_VALUES = 10_000
MAX_ITEMS = 1024
MAX_JSON_FIELDS = 10_000
USUAL_JSON_FIELDS = 500  # of a field of type json whose spec names no limit
MAX_JSON_DEPTH = 32
_MAX_NAME = 128
_MAX_LABEL = 256


def read_context(value: Any, where: str, faults: list[Fault]) -> dict[str, Field]:
    """The fields by name, in the file's order."""
    section = Section(value, where, faults, expected="the fields, such as `hour: {type: integer, min: 0, max: 23}`")
    if len(section.body) > MAX_FIELDS:
        section.fault(None, f"has {len(section.body):,} fields; expected at most {MAX_FIELDS:,}.")
        return {}
    for name in section.body:
        if not is_field_name(name):
            section.fault(
                None,
                f"has a field named {show(name)}; expected 1 to {_MAX_NAME} printable characters without blanks, "
                f"that do not start with '$'.",
            )
    return {name: _read_field(name, body, f"{where}.{name}", faults) for name, body in section.body.items()}


def is_field_name(name: str) -> bool:
    """Whether a field may be named so."""
    return 1 <= len(name) <= _MAX_NAME and name.isprintable() and " " not in name and not name.startswith("$")


def _read_field(name: str, body: Any, where: str, faults: list[Fault]) -> Field:
    """One field; `number` alone is short for `{type: number}`."""
    section = Section({"type": body} if isinstance(body, str) else body, where, faults, expected="`{type: ...}`")
    kind = _read_type(section)
    n_faults = len(faults)
    options = _options_of_type(kind, section) if kind is not None else _options_of_any_type(section)
    options["optional"] = section.truth("optional", False)
    options["learn"] = section.truth("learn", True)
    store = section.take("store", "yes")
    options["store"] = "yes" if store is True else store  # YAML reads a bare yes as true
    if options["store"] not in ("yes", "hash", "never"):
        section.fault("store", f"is {show(store)}; expected yes, hash or never.")
        options["store"] = "yes"
    default = section.take("default", None)
    section.finish("option of a field" if kind is None else f"option of a field of type {kind}")
    field = Field(name=name, type=kind or "text", **options)
    if kind is None or len(faults) > n_faults or default is None:
        return field
    reason = why_not(field, default)
    if reason:
        section.fault("default", f"is {show(default)}; expected {reason}.")
        return field
    return Field(name=name, type=kind, **options, default=default)


def _read_type(section: Section) -> Any:
    """A known type; None for a wrong one."""
    kind = section.take("type", expected=f"one of {', '.join(FIELD_TYPES)}")
    if kind in FIELD_TYPES:
        return kind
    if isinstance(kind, str):
        section.fault("type", unknown("field type", kind, FIELD_TYPES))
    elif kind is not None:
        section.fault("type", f"is {show(kind)}; expected one of {', '.join(FIELD_TYPES)}.")
    elif "type" in section.body:
        section.fault("type", f"is empty; expected one of {', '.join(FIELD_TYPES)}.")
    return None


def _options_of_type(kind: str, section: Section) -> dict[str, Any]:
    """The options that only some types have."""
    if kind in ("number", "integer"):
        return _read_bounds(section, is_whole=kind == "integer")
    if kind == "category":
        return {"values": read_names(section, "values", MAX_VALUES, None)}
    if kind == "array":
        items = section.choice("items", ("number", "category"), kind="item type")
        options = {"items": items, "max_items": section.whole("max_items", None, low=1, high=MAX_ITEMS)}
        if items is None:
            options |= _options_of_any_type(section)
        elif items == "category":
            options["values"] = read_names(section, "values", MAX_VALUES, None)
        else:
            options |= _read_bounds(section, is_whole=False)
        return options
    if kind == "tensor":
        dtype = section.choice("dtype", TENSOR_TYPES, "float32", kind="type of a tensor's numbers")
        return {"shape": _read_shape(section), "dtype": dtype}
    if kind == "json":
        return {"max_fields": section.whole("max_fields", None, low=1, high=MAX_JSON_FIELDS)}
    return {}


def _options_of_any_type(section: Section) -> dict[str, Any]:
    """Where the type is wrong, every type's options may stand: only a name that none of them has is a fault of its own."""
    for key in ("min", "max", "values", "items", "max_items", "max_fields", "shape", "dtype"):
        section.take(key, None)
    return {}


def _read_shape(section: Section) -> tuple[int, ...]:
    """The dimensions of a tensor, each 1 or more."""
    value = section.take("shape", expected="the dimensions, such as [20, 16]")
    sides = value if isinstance(value, list) else []
    is_whole = all(isinstance(side, int) and not isinstance(side, bool) and side >= 1 for side in sides)
    if sides and is_whole and math.prod(sides) <= MAX_TENSOR_NUMBERS:
        return tuple(sides)
    if "shape" in section.body:
        section.fault(
            "shape",
            f"is {show(value)}; expected a list of whole numbers, such as [20, 16], of at most {MAX_TENSOR_NUMBERS:,} in all.",
        )
    return (1,)


def _read_bounds(section: Section, *, is_whole: bool) -> dict[str, Any]:
    """`min` and `max`, in order."""
    low, high = section.number("min", None), section.number("max", None)
    if low is not None and high is not None and low > high:
        section.fault("max", f"is {high:g}, below min {low:g}; expected {low:g} or more.")
        return {}
    for key, bound in (("min", low), ("max", high)):
        if is_whole and bound is not None and not bound.is_integer():
            section.fault(key, f"is {bound:g}; expected a whole number, as the type is integer.")
    return {"min": low, "max": high}


def read_names(section: Section, key: str, at_most: int, default: Any) -> Any:
    """A list of different texts; whole numbers are taken as texts, booleans are asked to be quoted."""
    value = section.take(key, default, expected="a list of names, such as [calm, bold]")
    if key not in section.body:
        return default
    if not isinstance(value, list) or not value or len(value) > at_most:
        many = f"has {len(value):,} entries" if isinstance(value, list) else f"is {show(value)}"
        section.fault(key, f"{many}; expected a list of 1 to {at_most:,} names, such as [calm, bold].")
        return None
    names = [_as_name(entry, f"{key}[{i}]", section) for i, entry in enumerate(value)]
    for i, name in enumerate(names):
        if name is not None and name in names[:i]:
            section.fault(f"{key}[{i}]", f"is '{name}' a second time; expected each name once.")
    return tuple(name for name in names if name is not None)


def _as_name(entry: Any, key: str, section: Section) -> str | None:
    """One label or category value."""
    if isinstance(entry, bool):
        section.fault(key, f"is {show(entry)}; put it in quotes: {QUOTE_HINT}.")
        return None
    if isinstance(entry, int):
        return str(entry)
    if isinstance(entry, str) and 1 <= len(entry) <= _MAX_LABEL and entry.isprintable():
        return entry
    quote = "; put it in quotes" if isinstance(entry, float) or entry is None else ""
    section.fault(key, f"is {show(entry)}; expected a text of 1 to {_MAX_LABEL} printable characters{quote}.")
    return None


def why_not(field: Field, value: Any) -> str | None:
    """What was expected instead, when `value` is no value of the field; None when it is one."""
    if field.type in _WHY_NOT:
        return _WHY_NOT[field.type](field, value)
    if field.type == "boolean":
        return None if isinstance(value, bool) else "true or false"
    if not isinstance(value, str):
        return "a text"
    return None if field.values is None or value in field.values else f"one of {', '.join(field.values)}"


def _why_no_array(field: Field, value: Any) -> str | None:
    if not isinstance(value, list) or len(value) > (field.max_items or MAX_ITEMS):
        return f"a list of at most {field.max_items or MAX_ITEMS} items"
    item = Field(name=field.name, type=field.items or "category", min=field.min, max=field.max, values=field.values)
    return next((f"items that are each {reason}" for entry in value if (reason := why_not(item, entry))), None)


def _why_no_number(field: Field, value: Any) -> str | None:
    if not is_number(value) or (field.type == "integer" and not isinstance(value, int)):
        return "a whole number" if field.type == "integer" else "a number"
    if field.min is not None and value < field.min:
        return f"{field.min:g} or more"
    return f"{field.max:g} or less" if field.max is not None and value > field.max else None


def _why_no_json(field: Field, value: Any) -> str | None:
    if not isinstance(value, dict | list):
        return "an object or a list, such as {}"
    most, n_values = field.max_fields or USUAL_JSON_FIELDS, 0
    level: list[Any] = [value]
    for _ in range(MAX_JSON_DEPTH):
        inner = [entry for holder in level for entry in (holder.values() if isinstance(holder, dict) else holder)]
        names = [name for holder in level if isinstance(holder, dict) for name in holder]
        if not all(isinstance(name, str) for name in names):
            return "names that are text; put them in quotes"
        level = [entry for entry in inner if isinstance(entry, dict | list) and entry]
        n_values += len(inner) - len(level)
        if n_values > most:
            return f"at most {most:,} values in all"
        if not all(entry is None or isinstance(entry, dict | list | str | bool) or is_number(entry) for entry in inner):
            return "numbers, texts, true, false, null, and objects and lists of these"
        if not level:
            return None
    return f"at most {MAX_JSON_DEPTH} levels of objects and lists"


def _why_no_tensor(field: Field, value: Any) -> str | None:
    """Nested lists of the declared shape."""
    assert field.shape is not None
    level = [value]
    for side in field.shape:
        if not all(isinstance(entry, list) and len(entry) == side for entry in level):
            return f"nested lists of shape {list(field.shape)}"
        level = [inner for entry in level for inner in entry]
    if field.dtype == "uint8":
        is_fine = all(isinstance(v, int) and not isinstance(v, bool) and 0 <= v <= 255 for v in level)
        return None if is_fine else "whole numbers from 0 to 255"
    return None if all(is_number(v) for v in level) else "numbers"


_WHY_NOT: dict[str, Callable[[Field, Any], str | None]] = {
    "array": _why_no_array,
    "integer": _why_no_number,
    "json": _why_no_json,
    "number": _why_no_number,
    "tensor": _why_no_tensor,
}
