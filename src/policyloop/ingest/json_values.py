"""Values of a field of type json: any object or list, within bounds.

Question answered: is this plain JSON, no larger and no deeper than the field takes, and if not, where not? Values are
counted however nested, those under names with `_` too. The quick look is for the fast path of the context check; the close
look takes what only Python callers send, such as tuples and NumPy numbers, and has a sentence for each fault.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

from policyloop.core.errors import Fault
from policyloop.core.loop import Field
from policyloop.core.spec_context import MAX_JSON_DEPTH, USUAL_JSON_FIELDS
from policyloop.ingest.quoting import place, shown

MAX_STRING_CHARS = 65_536
_MAX_FLOAT = sys.float_info.max
_MAX_FAULTS = 20
_MAX_LOOKED_AT = 1_000_000  # values; what holds itself many times over has no end
_CONTAINERS = (list, tuple, set, frozenset)


def max_fields_of(field: Field) -> int:
    """How many values a field of type json takes at most."""
    return USUAL_JSON_FIELDS if field.max_fields is None else field.max_fields


def check_plain(value: Any, max_fields: int) -> None:
    """The quick look.

    Raises:
        ValueError: the close look has to tell what is wrong, or to make it plain.
    """
    if type(value) not in (dict, list) or _n_values(value, max_fields, levels=MAX_JSON_DEPTH) > max_fields:
        raise ValueError


def clean_json(value: Any, field: Field, where: str, faults: list[Fault]) -> Any:
    """The value in the form that policies see; None, and a fault appended, when it does not fit."""
    if not isinstance(value, Mapping | list | tuple | set | frozenset):
        hint = " Send the object itself, not its text." if isinstance(value, str) and value[:1] in ("{", "[") else ""
        faults.append(Fault(where, f"is {shown(value)}; expected {described_json(field)}.{hint}"))
        return None
    look = _CloseLook()
    cleaned = look.at(value, where, MAX_JSON_DEPTH)
    faults.extend(look.faults)
    if look.n_values > max_fields_of(field):
        many = f"{look.n_values:,}" if look.n_values < _MAX_LOOKED_AT else f"more than {_MAX_LOOKED_AT:,}"
        text = (
            f"has {many} values; expected at most {max_fields_of(field):,}. Send fewer, or raise max_fields in the loop file."
        )
        faults.append(Fault(where, text, "too_many_fields"))
    return cleaned


def described_json(field: Field) -> str:
    """What the field takes, in words."""
    return f"an object or a list of at most {max_fields_of(field):,} values"


def _n_values(holder: dict[Any, Any] | list[Any], most: int, *, levels: int) -> int:
    """How many values there are in an object or list; stops soon after `most`."""
    if levels == 0:
        raise ValueError
    n = 0
    if type(holder) is dict and not all(type(name) is str for name in holder):
        raise ValueError
    for value in holder.values() if type(holder) is dict else holder:
        kind = type(value)
        if kind is str:
            if len(value) > MAX_STRING_CHARS:
                raise ValueError
        elif kind is float or kind is int:
            if not -_MAX_FLOAT <= value <= _MAX_FLOAT:  # NaN and infinities are not, either
                raise ValueError
        elif (kind is dict or kind is list) and value:
            n += _n_values(value, most, levels=levels - 1) - 1
        elif value is not None and kind is not bool and kind is not dict and kind is not list:
            raise ValueError
        n += 1
        if n > most:
            raise ValueError
    return n


class _CloseLook:
    """Looks at every value, makes it plain, and collects what is wrong."""

    def __init__(self) -> None:
        self.n_values = 0
        self.faults: list[Fault] = []

    def at(self, value: Any, where: str, levels: int) -> Any:
        """The value made plain; None where it cannot be."""
        if isinstance(value, Mapping):
            return self._object(value, where, levels) if self._may_enter(value, where, levels) else None
        if isinstance(value, _CONTAINERS):
            return self._items(value, where, levels) if self._may_enter(value, where, levels) else None
        self.n_values += 1
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value, where)
        return self._number(value, where)

    @property
    def _is_over(self) -> bool:
        return len(self.faults) >= _MAX_FAULTS or self.n_values >= _MAX_LOOKED_AT

    def _object(self, value: Mapping[Any, Any], where: str, levels: int) -> dict[str, Any]:
        made = {}
        for name, inner in value.items():
            if self._is_over:
                break
            if not isinstance(name, str):
                self._fault(place(where, name), "is no name; expected names in text.")
            elif self._text(name, where) is not None:
                made[str(name)] = self.at(inner, place(where, name), levels - 1)
        return made

    def _items(self, value: Iterable[Any], where: str, levels: int) -> list[Any]:
        made = []
        for index, inner in enumerate(value):
            if self._is_over:
                break
            made.append(self.at(inner, f"{where}[{index}]", levels - 1))
        return made

    def _may_enter(self, value: Any, where: str, levels: int) -> bool:
        """Whether it is within the bound; counts it where it is empty."""
        self.n_values += not value
        if levels > 0 or not value:
            return True
        self._fault(where, f"is nested more than {MAX_JSON_DEPTH} levels deep; expected a few.")
        return False

    def _text(self, value: str, where: str) -> str | None:
        if len(value) > MAX_STRING_CHARS:
            self._fault(where, f"is {len(value):,} characters long; expected at most {MAX_STRING_CHARS:,}.")
            return None
        at = next((i for i, char in enumerate(value) if "\ud800" <= char <= "\udfff"), None)
        if at is not None:
            self._fault(where, f"has half a surrogate pair at character {at}; expected valid Unicode text.")
            return None
        return str(value)

    def _number(self, value: Any, where: str) -> float | int | None:
        if not isinstance(value, Real):
            self._fault(where, f"is {shown(value)}; expected JSON: a number, text, true, false, null, object or list.")
            return None
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            self._fault(where, f"is {shown(value)}; expected a finite number.")
            return None
        return int(value) if isinstance(value, Integral) else number

    def _fault(self, where: str, message: str) -> None:
        self.faults.append(Fault(where, message))
