"""The context check: is what a caller knows before acting what the loop's spec declares?

Question answered: which values does the policy see, which JSON is logged, and what exactly is wrong if anything is?
A check is compiled once per spec. The fast path is one conversion in C and takes microseconds; only when it fails
does the slow path look at every field by itself, so that all faults come back at once.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from policyloop.core.errors import Fault
from policyloop.core.loop import Field
from policyloop.core.state import MAX_FLOAT32, is_in_state
from policyloop.ingest.fields import (
    MAX_CATEGORY_CHARS,
    MAX_FLOAT,
    MAX_INTEGER,
    MAX_TEXT_CHARS,
    clean,
    described,
    max_items_of,
)
from policyloop.ingest.json_values import check_plain, max_fields_of
from policyloop.ingest.quoting import place, shown, unknown_name
from policyloop.ingest.tensors import tensor_type

MAX_CONTEXT_BYTES = 2**20  # as JSON; an event's payload holds at most four times that
MAX_FAULTS = 20  # listed per context; the rest is counted


class CheckedContext(msgspec.Struct, frozen=True):
    """A context that fits its spec."""

    values: dict[str, Any]  # declared order, defaults filled in, missing optional fields None
    json: str  # the same as a JSON object


class ContextCheck:
    """The declared fields of one spec, compiled."""

    def __init__(self, fields: Mapping[str, Field], *, noun: str = "context field", as_states: bool = False) -> None:
        """Args:
        fields: of the context.
        noun: what messages call one.
        as_states: whether a learner takes contexts as states, whose numbers are float32.
        """
        self._fields = dict(fields)
        self._noun = noun
        numbers = (field for field in self._fields.values() if as_states and field.type == "number")
        self._in_states = frozenset(field.name for field in numbers if is_in_state(field))
        self._type = _struct_of(self._fields, self._in_states)
        self._types = list[self._type]  # type: ignore[name-defined]
        fields_by_place = enumerate(self._fields.values())
        self._json = [(f"f{number}", max_fields_of(field)) for number, field in fields_by_place if field.type == "json"]
        self._encode = msgspec.json.Encoder().encode

    def check(self, payload: Any, faults: list[Fault], *, where: str = "$.context") -> CheckedContext | None:
        """The context with defaults filled in; None when it does not fit.

        Args:
            payload: what the caller sent; any Python value is fine, none raises.
            faults: what is wrong is appended here, with places below `where`.
        """
        try:
            fit = msgspec.convert(payload, self._type)
            self._check_json(fit)
            text = self._encode(fit)
        except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
            return self._check_slowly(payload, faults, where)
        if len(text) > MAX_CONTEXT_BYTES:
            faults.append(_too_big(where, len(text)))
            return None
        return CheckedContext(msgspec.to_builtins(fit), text.decode())

    def fit_many(self, payloads: list[Any]) -> list[dict[str, Any]] | None:
        """The contexts with defaults filled in; None when any of them does not fit, or needs the slow path.

        That their texts are Unicode is for whoever writes them as JSON to find out.
        """
        try:
            fit = msgspec.convert(payloads, self._types)
            for one in fit if self._json else ():
                self._check_json(one)
        except (msgspec.MsgspecError, ValueError, TypeError, OverflowError, RecursionError):
            return None
        many: list[dict[str, Any]] = msgspec.to_builtins(fit)
        return many

    def _check_json(self, fit: msgspec.Struct) -> None:
        """Raise ValueError where a field of type json needs the slow path."""
        for member, max_fields in self._json:
            value = getattr(fit, member)
            if value is not None:
                check_plain(value, max_fields)

    def _check_slowly(self, payload: Any, faults: list[Fault], where: str) -> CheckedContext | None:
        """Every field by itself; also takes what only the fast path refuses, such as NumPy numbers."""
        if not isinstance(payload, Mapping):
            names = ", ".join(list(self._fields)[:MAX_FAULTS])
            faults.append(Fault(where, f"is {shown(payload)}; expected an object with the fields {names}."))
            return None
        found: list[Fault] = []
        values = {name: self._value(payload, field, found, where) for name, field in self._fields.items()}
        strangers = [key for key in payload if not isinstance(key, str) or key not in self._fields]
        for key in strangers[:MAX_FAULTS]:  # a hostile body has a million of them
            found.append(Fault(place(where, key), unknown_name(self._noun, key, self._fields), "unknown_field"))
        if not found:
            text = self._encode(values)
            if len(text) <= MAX_CONTEXT_BYTES:
                return CheckedContext(values, text.decode())
            found.append(_too_big(where, len(text)))
        faults.extend(found[:MAX_FAULTS])
        n_more = max(0, len(found) - MAX_FAULTS) + max(0, len(strangers) - MAX_FAULTS)
        if n_more:
            faults.append(Fault(where, f"has {n_more:,} more faults."))
        return None

    def _value(self, payload: Mapping[Any, Any], field: Field, found: list[Fault], where: str) -> Any:
        if field.name in payload:
            value = clean(payload[field.name], field, place(where, field.name), found)
            if field.name in self._in_states and value is not None and abs(value) > MAX_FLOAT32:
                found.append(_too_far(place(where, field.name), value))
            return value
        if field.default is None and not field.optional:
            found.append(Fault(place(where, field.name), f"is missing; expected {described(field)}.", "missing_field"))
        return _default_of(field)


def _too_far(where: str, value: float) -> Fault:
    told = (
        f"is {shown(value)}; expected at most {MAX_FLOAT32:.3g} either way: this loop learns from states, which are of float32."
    )
    return Fault(where, told, "out_of_bounds")


def _too_big(where: str, size_bytes: int) -> Fault:
    return Fault(where, f"takes {size_bytes:,} bytes as JSON; expected at most {MAX_CONTEXT_BYTES:,}.")


def _struct_of(fields: Mapping[str, Field], in_states: frozenset[str]) -> type[msgspec.Struct]:
    """A struct with one member per field, in declared order; members are f0, f1, ... since names may be any text."""
    members: list[tuple[str, Any, Any]] = []
    for number, field in enumerate(fields.values()):
        kind = _number(field, MAX_FLOAT32) if field.name in in_states else _type_of(field)
        accepted = kind | None if field.optional else kind
        member = f"f{number}"
        if field.default is None and not field.optional:
            members.append((member, accepted, msgspec.field(name=field.name)))
        elif field.type in ("array", "json", "tensor") and field.default is not None:
            members.append((member, accepted, msgspec.field(name=field.name, default_factory=_Copy(field))))
        else:
            members.append((member, accepted, msgspec.field(name=field.name, default=_default_of(field))))
    return msgspec.defstruct("Context", members, kw_only=True, frozen=True, forbid_unknown_fields=True)


def _type_of(field: Field) -> Any:
    if field.type == "json":
        return dict[str, Any] | list[Any]
    if field.type == "tensor":
        return tensor_type(field)
    if field.type in ("boolean", "text"):
        return bool if field.type == "boolean" else Annotated[str, Meta(max_length=MAX_TEXT_CHARS)]
    if field.type == "array":
        item = _category(field) if field.items == "category" else _number(field)
        return Annotated[list[item], Meta(max_length=max_items_of(field))]  # type: ignore[valid-type]
    if field.type == "category":
        return _category(field)
    return _integer(field) if field.type == "integer" else _number(field)


def _category(field: Field) -> Any:
    return Literal[field.values] if field.values else Annotated[str, Meta(max_length=MAX_CATEGORY_CHARS)]


def _number(field: Field, largest: float = MAX_FLOAT) -> Any:
    low = -largest if field.min is None else max(-largest, float(field.min))
    high = largest if field.max is None else min(largest, float(field.max))
    return Annotated[float, Meta(ge=low, le=high)]  # NaN and infinities lie outside any bounds


def _integer(field: Field) -> Any:
    low = -MAX_INTEGER if field.min is None else math.ceil(field.min)
    high = MAX_INTEGER if field.max is None else math.floor(field.max)
    return Annotated[int, Meta(ge=low, le=high)]


def _default_of(field: Field) -> Any:
    if field.default is None:
        return None
    if field.type == "number":
        return float(field.default)
    if field.type in ("json", "tensor"):
        return copy.deepcopy(field.default)
    if field.type == "array":
        return [float(item) if field.items == "number" else item for item in field.default]
    return field.default


class _Copy:
    """Makes a fresh default for each context, since lists and objects can be changed."""

    def __init__(self, field: Field) -> None:
        self._field = field

    def __call__(self) -> Any:
        return _default_of(self._field)
