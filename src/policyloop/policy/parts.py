"""Parts: how each type of field becomes numbers; the feature vector is its parts side by side.

Question answered: which numbers stand for this value of this field? Missing is a value of its own: an optional field has
one more feature that is 1 when the value is missing and 0 otherwise. How wide each part is, at most:

| type | features |
|---|---|
| number, integer | 1 |
| boolean | 1 |
| category with up to 64 declared values | one per value |
| other category | 32 buckets |
| text | 64 buckets, word counts over the root of the number of words |
| array of numbers with max_items up to 32 | one per place, and the count |
| other array of numbers | count, mean, min, max, first, last |
| array of categories | as category; counts over the root of the number of items |
| json | up to 64 numbers, 64 strings and 32 buckets (policy/json_part.py) |

Letters: n contexts, c raw numbers, w features of the part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from math import isnan
from operator import itemgetter
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.loop import Field
from policyloop.policy import json_part, scale
from policyloop.policy.hashing import bucket, words
from policyloop.policy.scale import Scale

MAX_ONE_HOT = 64
CATEGORY_BUCKETS = 32
TEXT_BUCKETS = 64
MAX_PLACES = 32
_NAN = float("nan")


class Part(Protocol):
    """A run of features that come from one field, or from several plain numbers."""

    @property
    def width(self) -> int:
        """How many features, w."""
        ...

    def of_one(self, context: Context) -> Sequence[float]:
        """w features of one context."""
        ...

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, w) features; row i equals what `of_one` gives for context i."""
        ...

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes it again from."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """Number and integer fields that are always there, next to each other."""

    names: tuple[str, ...]
    scale: Scale
    pick: Callable[[Context], Any]

    @staticmethod
    def of(names: tuple[str, ...], its_scale: Scale) -> Numbers:
        """The part of these fields."""
        return Numbers(names, its_scale, itemgetter(*names))

    @property
    def width(self) -> int:
        """One feature per field."""
        return len(self.names)

    def of_one(self, context: Context) -> list[float]:
        """The squashed numbers; one that is missing all the same counts as average."""
        try:
            picked = self.pick(context)
            return self.scale.of_one(picked if len(self.names) > 1 else (picked,))
        except (KeyError, TypeError):  # a field that came into the spec after this context
            pairs = zip(map(context.get, self.names), self.scale.mean, strict=True)
            return self.scale.of_one([mean if number is None else number for number, mean in pairs])

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, w) squashed numbers."""
        squashed = self.scale.of_many(_raw(contexts, self.names))
        squashed[np.isnan(squashed)] = 0.0
        return squashed

    def to_json(self) -> dict[str, Any]:
        """Names, means and inverse spreads."""
        return {"part": "numbers", "names": self.names, "mean": self.scale.mean, "inverse": self.scale.inverse}


@dataclass(frozen=True, slots=True, eq=False)
class OptionalNumber:
    """A number or integer that may be missing."""

    name: str
    scale: Scale
    width: int = 2

    def of_one(self, context: Context) -> tuple[float, float]:
        """(squashed number, 0), or (0, 1) when it is missing."""
        number = context.get(self.name)
        return (0.0, 1.0) if number is None else (self.scale.of_one((number,))[0], 0.0)

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, 2) features."""
        squashed = self.scale.of_many(_raw(contexts, (self.name,)))
        return np.hstack([np.nan_to_num(squashed, nan=0.0), np.isnan(squashed)])

    def to_json(self) -> dict[str, Any]:
        """Name, mean and inverse spread."""
        return {"part": "optional_number", "names": [self.name], "mean": self.scale.mean, "inverse": self.scale.inverse}


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """A boolean, or a category with declared values: each value has its row of features."""

    name: str
    keys: tuple[Any, ...]
    is_optional: bool
    row_of: dict[Any, tuple[float, ...]]
    otherwise: tuple[float, ...]  # a value that was not declared when the model was trained

    @staticmethod
    def of(name: str, keys: tuple[Any, ...], *, is_optional: bool) -> Lookup:
        """One-hot rows for the keys, and one more place for missing where the field is optional."""
        places: list[Any] = [*keys, None] if is_optional else list(keys)
        rows = {key: tuple(float(key == other) for other in places) for key in places}
        return Lookup(name, keys, is_optional, rows, (0.0,) * len(places))

    @property
    def width(self) -> int:
        """One feature per key, and one for missing."""
        return len(self.otherwise)

    def of_one(self, context: Context) -> tuple[float, ...]:
        """The row of the context's value."""
        return self.row_of.get(context.get(self.name), self.otherwise)

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, w) rows."""
        table = np.array([*self.row_of.values(), self.otherwise])
        place_of = {key: place for place, key in enumerate(self.row_of)}
        unknown = len(place_of)
        return table[[place_of.get(context.get(self.name), unknown) for context in contexts]]

    def to_json(self) -> dict[str, Any]:
        """Name and keys."""
        return {"part": "lookup", "names": [self.name], "keys": self.keys, "is_optional": self.is_optional}


@dataclass(frozen=True, slots=True, eq=False)
class Bag:
    """Strings counted into places: of one category, of the words of a text, or of the items of an array."""

    name: str
    type: str  # category, text or array
    keys: tuple[str, ...] | None  # declared values, one place each; None: hashed
    n_buckets: int
    is_optional: bool

    @property
    def width(self) -> int:
        """One feature per place, and one for missing."""
        return self.n_buckets + self.is_optional

    def of_one(self, context: Context) -> list[float]:
        """Counts over the root of their sum, so that a long text weighs no more than a short one."""
        row = [0.0] * self.width
        value = context.get(self.name)
        if value is None:
            row[-1] = float(self.is_optional)
            return row
        strings = [value] if self.type == "category" else words(value) if self.type == "text" else value
        for string in strings:
            place = self._place(string)
            if place is not None:
                row[place] += 1.0
        root = max(len(strings), 1) ** 0.5
        return [count / root for count in row]

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, w) features."""
        return _stacked(self, contexts)

    def _place(self, string: str) -> int | None:
        if self.keys is None:
            return bucket(self.name, string, self.n_buckets)
        return self.keys.index(string) if string in self.keys else None

    def to_json(self) -> dict[str, Any]:
        """Name, type and places."""
        own = {"type": self.type, "keys": self.keys, "n_buckets": self.n_buckets, "is_optional": self.is_optional}
        return {"part": "bag", "names": [self.name], **own}


@dataclass(frozen=True, slots=True, eq=False)
class NumberArray:
    """An array of numbers: place by place where it is short and bounded, else by what sums it up."""

    name: str
    n_places: int | None  # None: summed up
    scale: Scale
    is_optional: bool

    @property
    def width(self) -> int:
        """One feature per raw number, and one for missing."""
        return len(self.scale.mean) + self.is_optional

    def of_one(self, context: Context) -> list[float]:
        """Squashed numbers, 0 for what an array does not have."""
        raw = _raw_of_array(context.get(self.name), self.n_places)
        squashed = self.scale.of_one([mean if isnan(x) else x for x, mean in zip(raw, self.scale.mean, strict=True)])
        return [*squashed, float(context.get(self.name) is None)] if self.is_optional else squashed

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, w) features."""
        return _stacked(self, contexts)

    def to_json(self) -> dict[str, Any]:
        """Name, places, means and inverse spreads."""
        own = {
            "n_places": self.n_places,
            "mean": self.scale.mean,
            "inverse": self.scale.inverse,
            "is_optional": self.is_optional,
        }
        return {"part": "number_array", "names": [self.name], **own}


def fit_numbers(names: tuple[str, ...], contexts: Sequence[Context]) -> Numbers:
    """The part of plain numbers, with the scale of these contexts."""
    return Numbers.of(names, scale.fit(_raw(contexts, names)))


def fit_field(field: Field, contexts: Sequence[Context]) -> Part:
    """The part of any field that is not a plain number."""
    if field.type in ("number", "integer"):
        return OptionalNumber(field.name, scale.fit(_raw(contexts, (field.name,))))
    if field.type == "json":
        return json_part.fit(field, contexts)
    if field.type == "array" and field.items != "category":
        return _fit_number_array(field, contexts)
    return _part_of_words(field)


def _part_of_words(field: Field) -> Part:
    """The part of a boolean, a category, a text or an array of categories; none of them needs statistics."""
    name, optional = field.name, field.optional
    if field.type == "boolean":
        return Lookup.of(name, (True,), is_optional=optional)
    if field.type == "text":
        return Bag(name, "text", None, TEXT_BUCKETS, optional)
    # A field that is stored hashed reaches the learner hashed, so its declared values would never be seen.
    if field.values is None or len(field.values) > MAX_ONE_HOT or field.store == "hash":
        return Bag(name, field.type, None, CATEGORY_BUCKETS, optional)
    if field.type == "category":
        return Lookup.of(name, field.values, is_optional=optional)
    return Bag(name, "array", field.values, len(field.values), optional)


def from_json(saved: dict[str, Any]) -> Part:
    """The inverse of every part's `to_json`."""
    name = saved["names"][0]
    if saved["part"] == "lookup":
        return Lookup.of(name, tuple(saved["keys"]), is_optional=saved["is_optional"])
    if saved["part"] == "bag":
        keys = None if saved["keys"] is None else tuple(saved["keys"])
        return Bag(name, saved["type"], keys, saved["n_buckets"], saved["is_optional"])
    if saved["part"] == "json":
        return json_part.from_json(saved)
    its_scale = Scale(tuple(saved["mean"]), tuple(saved["inverse"]))
    if saved["part"] == "numbers":
        return Numbers.of(tuple(saved["names"]), its_scale)
    if saved["part"] == "optional_number":
        return OptionalNumber(name, its_scale)
    assert saved["part"] == "number_array", saved["part"]
    return NumberArray(name, saved["n_places"], its_scale, saved["is_optional"])


def _fit_number_array(field: Field, contexts: Sequence[Context]) -> NumberArray:
    """The part of an array of numbers, with the scale of these contexts."""
    n_places = field.max_items if field.max_items is not None and field.max_items <= MAX_PLACES else None
    c = 6 if n_places is None else n_places + 1
    raw = [_raw_of_array(context.get(field.name), n_places) for context in contexts]
    return NumberArray(field.name, n_places, scale.fit(np.array(raw, dtype=np.float64).reshape(-1, c)), field.optional)


def _raw(contexts: Sequence[Context], names: tuple[str, ...]) -> NDArray[np.float64]:
    """(n, c) numbers as they come, NaN where missing."""
    pick = itemgetter(*names)
    try:
        picked = map(pick, contexts)
        flat = picked if len(names) == 1 else chain.from_iterable(picked)
        return np.fromiter(flat, np.float64, count=len(contexts) * len(names)).reshape(len(contexts), len(names))
    except (KeyError, TypeError):
        rows = [[_NAN if context.get(name) is None else context[name] for name in names] for context in contexts]
        return np.array(rows, dtype=np.float64).reshape(len(contexts), len(names))


def _raw_of_array(items: Sequence[float] | None, n_places: int | None) -> list[float]:
    """The count, then the numbers place by place, or mean, min, max, first and last; NaN for what is not there."""
    numbers = items or ()
    if n_places is not None:
        padding = repeat(_NAN, max(n_places - len(numbers), 0))
        return [float(len(numbers)), *numbers[:n_places], *padding]
    if not numbers:
        return [0.0, _NAN, _NAN, _NAN, _NAN, _NAN]
    n = len(numbers)
    mean = sum(number / n for number in numbers)  # divided first, so that the sum cannot overflow
    return [float(n), mean, min(numbers), max(numbers), numbers[0], numbers[-1]]


def _stacked(part: Part, contexts: Sequence[Context]) -> NDArray[np.float64]:
    """(n, w): the rows one by one, for parts whose strings leave nothing to vectorise."""
    return np.array([part.of_one(context) for context in contexts], dtype=np.float64).reshape(len(contexts), part.width)
