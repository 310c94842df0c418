"""Fields of type tensor: nested lists of a declared shape, such as a board of 20 rows of 16 cells.

Question answered: are these lists of the declared shape, is every number in them what the field keeps, and if not, where are
those that are not?
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import Annotated, Any

from msgspec import Meta

from policyloop.core.errors import Fault
from policyloop.core.loop import Field
from policyloop.core.state import MAX_FLOAT32
from policyloop.ingest.quoting import shown

_MAX_FAULTS = 20  # listed per tensor; the rest is counted


def shape_of(field: Field) -> tuple[int, ...]:
    """The field's dimensions."""
    assert field.shape is not None, "a tensor has a shape"
    return field.shape


def tensor_type(field: Field) -> Any:
    """The type that the quick check converts to."""
    kind: Any = Annotated[float, Meta(ge=-MAX_FLOAT32, le=MAX_FLOAT32)]  # what is not finite lies outside
    if field.dtype == "uint8":
        kind = Annotated[int, Meta(ge=0, le=255)]
    for side in reversed(shape_of(field)):
        kind = Annotated[list[kind], Meta(min_length=side, max_length=side)]
    return kind


def clean_tensor(value: Any, field: Field, where: str, faults: list[Fault]) -> Any:
    """Nested lists of plain numbers; None, and faults appended, when something does not fit. Takes NumPy's arrays too."""
    found: list[Fault] = []
    number = _byte if field.dtype == "uint8" else _float
    cleaned = _level(value, shape_of(field), number, where, found)
    if not found:
        return cleaned
    faults.extend(found[:_MAX_FAULTS])
    if len(found) > _MAX_FAULTS:
        faults.append(Fault(where, f"has {len(found) - _MAX_FAULTS:,} more faults; expected {described_tensor(field)}."))
    return None


def described_tensor(field: Field) -> str:
    """What the field takes, in words."""
    sides = " x ".join(f"{side:,}" for side in shape_of(field))
    return f"nested lists of {sides} {'whole numbers from 0 to 255' if field.dtype == 'uint8' else 'finite numbers'}"


def tensor_schema(field: Field) -> dict[str, Any]:
    """The same as JSON schema."""
    schema: dict[str, Any] = {"type": "number"}
    if field.dtype == "uint8":
        schema = {"type": "integer", "minimum": 0, "maximum": 255}
    for side in reversed(shape_of(field)):
        schema = {"type": "array", "items": schema, "minItems": side, "maxItems": side}
    return schema


def _level(
    value: Any, shape: tuple[int, ...], number: Callable[[Any, str, list[Fault]], Any], where: str, found: list[Fault]
) -> Any:
    """One level of lists, and all below it."""
    if not shape:
        return number(value, where, found)
    entries = value.tolist() if hasattr(value, "tolist") else value
    if not isinstance(entries, list | tuple):
        found.append(Fault(where, f"is {shown(value)}; expected a list of {shape[0]:,}."))
        return None
    if len(entries) != shape[0]:
        found.append(Fault(where, f"has {len(entries):,} entries; expected {shape[0]:,}."))
        return None
    return [_level(entry, shape[1:], number, f"{where}[{place}]", found) for place, entry in enumerate(entries)]


def _float(value: Any, where: str, found: list[Fault]) -> float | None:
    if not isinstance(value, bool) and isinstance(value, Real):
        try:
            number = float(value)
        except OverflowError:
            number = MAX_FLOAT32 * 2
        if abs(number) <= MAX_FLOAT32:
            return number
    found.append(Fault(where, f"is {shown(value)}; expected a finite number of at most {MAX_FLOAT32:.3g}."))
    return None


def _byte(value: Any, where: str, found: list[Fault]) -> int | None:
    is_whole = isinstance(value, Integral) or (isinstance(value, float) and value.is_integer())
    if is_whole and not isinstance(value, bool) and 0 <= value <= 255:
        return int(value)
    found.append(Fault(where, f"is {shown(value)}; expected a whole number from 0 to 255."))
    return None
