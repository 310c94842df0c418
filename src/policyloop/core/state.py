"""A state: a context as plain numbers, the way learners of episodes and their networks take it.

Question answered: which number stands where? Numbers stay as they are, booleans are 0 or 1, a category has a place for each
of its values, and an optional field is its value, or 0, and a 1 where it was there. A context that is one tensor keeps its
shape and type; everything else becomes one row of float32. Nothing is scaled here: the network does that.
Letters: n contexts, d numbers of a state.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import Field

MAX_FLOAT32 = 3.4028234663852886e38  # beyond it a state holds infinity, and nothing can be learned from that

_WAY_OUT = {
    "text": "declare it as a category with its values, or say `learn: false`",
    "json": "name the numbers in it as fields of their own, or say `learn: false`",
    "array": "declare it as a tensor with a shape, or say `learn: false`",
    "category": "list its `values`, or say `learn: false`",
    "hash": "store its values as they are, or say `learn: false`",
}


@dataclass(frozen=True, slots=True)
class StateEncoder:
    """Contexts to numbers, by the fields of a loop. Immutable; made by `of`, or again by `from_json`."""

    fields: tuple[Field, ...]  # those that are learned from
    _pick: Callable[[Mapping[str, Any]], Sequence[float]] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pick", _pick_of(self.fields))

    @classmethod
    def of(cls, fields: Iterable[Field]) -> StateEncoder:
        """The encoder of a loop's context: `StateEncoder.of(spec.context.values())`.

        Fields that no model may learn from, or that are kept out of the tables, are left out.

        Raises:
            Invalid: some field cannot be told in numbers, or none is left; each with what to do.
        """
        known = [field for field in fields if is_in_state(field)]
        faults = [Fault(f"$.context.{field.name}", told, "no_state") for field in known if (told := _why_not(field))]
        if not known:
            faults = [Fault("$.context", "has no field to learn from; expected at least one, such as `x: number`.", "no_state")]
        if faults:
            raise Invalid(faults, subject="the context of a loop with episodes")
        return cls(tuple(known))

    @property
    def is_tensor(self) -> bool:
        """Whether a state is one tensor in its own shape."""
        return len(self.fields) == 1 and self.fields[0].type == "tensor" and not self.fields[0].optional

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one state: (d,), or the tensor's own."""
        return _shape(self.fields[0]) if self.is_tensor else (sum(map(_width, self.fields)),)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of its numbers."""
        return np.dtype(self.fields[0].dtype) if self.is_tensor else np.dtype(np.float32)

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each number, in the order in which a flat state has them."""
        return tuple(name for field in self.fields for name in _names(field))

    def encode(self, context: Mapping[str, Any]) -> NDArray[Any]:
        """The state of one context.

        Args:
            context: checked against the spec; optional fields may be missing or None.
        """
        if self._pick is not None:
            return np.frombuffer(array("f", self._pick(context)), np.float32)
        if self.is_tensor:
            return np.asarray(context[self.fields[0].name], dtype=self.dtype).reshape(self.shape)
        numbers = [number for field in self.fields for number in _numbers(field, context.get(field.name))]
        # beyond float32 a number becomes infinite, which lies outside every history; NumPy would warn of it
        return np.frombuffer(array("f", numbers), np.float32)

    def encode_many(self, contexts: Sequence[Mapping[str, Any]]) -> NDArray[Any]:
        """(n, *shape) the states of contexts."""
        state = np.empty((len(contexts), *self.shape), dtype=self.dtype)
        for place, context in enumerate(contexts):
            state[place] = self.encode(context)
        return state

    def encode_columns(self, columns: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """(n, *shape) the states of contexts that lie in columns.

        Args:
            columns: name -> (n,) values, of a tensor (n, *shape); a missing value is NaN or None.
        """
        if self.is_tensor:
            told = columns[self.fields[0].name]
            return np.asarray(told, dtype=self.dtype).reshape(len(told), *self.shape)
        parts = [_columns(field, columns[field.name]) for field in self.fields]
        return np.concatenate(parts, axis=1)

    def to_json(self) -> dict[str, Any]:
        """What a model's manifest keeps of it."""
        return {"fields": [_kept(field) for field in self.fields]}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> StateEncoder:
        """The inverse of `to_json`; further keys are ignored."""
        return cls(tuple(_field(one) for one in kept["fields"]))


def is_in_state(field: Field) -> bool:
    """Whether a state holds the field: it may be learned from, and is kept."""
    return field.learn and field.store != "never"


def bounded_for_states(fields: Mapping[str, Field]) -> dict[str, Field]:
    """The fields of a loop with episodes, with bounds that lie beyond what a state holds brought to that."""
    return {name: replace(one, min=_held(one.min), max=_held(one.max)) for name, one in fields.items()}


def _held(bound: float | None) -> float | None:
    return None if bound is None else min(max(bound, -MAX_FLOAT32), MAX_FLOAT32)


def _pick_of(fields: Sequence[Field]) -> Callable[[Mapping[str, Any]], Sequence[float]] | None:
    """The quick way where all fields are plain numbers that are always there, as in most plants; None elsewhere."""
    is_plain = len(fields) > 1 and all(one.type in ("number", "integer") and not one.optional for one in fields)
    return itemgetter(*(one.name for one in fields)) if is_plain else None


def _why_not(field: Field) -> str | None:
    """Why a field cannot be told in numbers, and the way out; None when it can."""
    if field.type == "category" and field.store == "hash":
        return f"is a category that is stored hashed, and a state is made of what is stored; {_WAY_OUT['hash']}."
    if field.type == "category" and field.values is None:
        return f"is a category of any value, and a state needs a place for each value; {_WAY_OUT['category']}."
    if field.type in ("text", "json", "array"):
        return f"is of type {field.type}, which a state of plain numbers cannot hold; {_WAY_OUT[field.type]}."
    return None


def _shape(field: Field) -> tuple[int, ...]:
    assert field.shape is not None, "a tensor without a shape"
    return field.shape


def _values(field: Field) -> tuple[str, ...]:
    assert field.values is not None, "a category without values"
    return field.values


def _inner(field: Field) -> int:
    """How many numbers a field has, without the one that says whether it was there."""
    if field.type == "category":
        return len(_values(field))
    return math.prod(_shape(field)) if field.type == "tensor" else 1


def _width(field: Field) -> int:
    return _inner(field) + field.optional


def _names(field: Field) -> Iterator[str]:
    """Names of a field's numbers: `x`, `gear=low`, `board[3]`, `x is there`."""
    if field.type == "category":
        yield from (f"{field.name}={value}" for value in _values(field))
    elif field.type == "tensor":
        yield from (f"{field.name}[{place}]" for place in range(_inner(field)))
    else:
        yield field.name
    if field.optional:
        yield f"{field.name} is there"


def _numbers(field: Field, value: Any) -> Iterator[float]:
    """The numbers of one value."""
    if value is None:
        assert field.optional or field.type == "category", f"the context has no '{field.name}'"
        yield from [0.0] * _width(field)
        return
    if field.type == "category":
        yield from (float(value == known) for known in _values(field))
    elif field.type == "tensor":
        yield from np.asarray(value, dtype=np.float32).ravel().tolist()
    else:
        yield float(value)
    if field.optional:
        yield 1.0


def _columns(field: Field, column: NDArray[Any]) -> NDArray[np.float32]:
    """(n, width) the numbers of a field's values."""
    n = len(column)
    is_there: NDArray[np.bool_]
    if field.type == "category":
        is_there = np.array([value is not None for value in column.tolist()], dtype=bool)
        numbers = np.stack([column == value for value in _values(field)], axis=1).astype(np.float32)
    else:
        plain = np.asarray(column, dtype=np.float32).reshape(n, _inner(field))
        is_there = np.invert(np.isnan(plain).all(axis=1))
        numbers = np.where(is_there[:, np.newaxis], plain, np.float32(0)) if field.optional else plain
    return np.concatenate([numbers, is_there[:, np.newaxis].astype(np.float32)], axis=1) if field.optional else numbers


def _kept(field: Field) -> dict[str, Any]:
    """What encoding needs to know of a field."""
    told = {"name": field.name, "type": field.type, "values": field.values, "shape": field.shape, "dtype": field.dtype}
    kept = {key: list(value) if isinstance(value, tuple) else value for key, value in told.items() if value is not None}
    return {**kept, "optional": True} if field.optional else kept


def _field(kept: Mapping[str, Any]) -> Field:
    lists = {key: tuple(kept[key]) for key in ("values", "shape") if key in kept}
    return Field(**{**kept, **lists})
