"""The part of a JSON field: what is often there gets a feature of its own, whatever else comes is hashed.

Question answered: which numbers stand for a value of which nobody declared anything? When the model is fitted, the most
frequent numbers and strings get a place each: numbers are standardised and squashed like declared ones, with one more
feature that is 1 where a number is missing that is not always there. All others, and whatever is new later, go by a
signed hash into a few buckets: a new path, or one whose type changes, is at most a little noise, and never a fault.
`policy/json_leaves.py` says what the numbers and strings of a value are.
Source of the buckets: Weinberger et al. 2009 (arXiv:0902.2206).
Letters: n contexts, w features of the part.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import asinh, copysign
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.loop import Field
from policyloop.policy import scale
from policyloop.policy.hashing import signed_bucket
from policyloop.policy.json_leaves import Leaves, leaves_of
from policyloop.policy.scale import CLIP

MAX_NUMBERS = 64  # paths with a place of their own
MAX_STRINGS = 64
MIN_BUCKETS, MAX_BUCKETS = 8, 32
N_FITTED = 10_000  # contexts looked at, evenly spread over those given
_RARE = 1000  # what is in fewer than one of so many contexts gets no place of its own
_MAX_COUNTED = 200_000  # different codes that are counted at once


class KnownNumber(NamedTuple):
    """A path with a number that is often there."""

    code: int
    mean: float
    inverse: float  # 1 / spread
    is_flagged: bool  # whether it may be missing, which is a feature of its own


@dataclass(frozen=True, slots=True, eq=False)
class JsonPart:
    """Numbers, flags of missing numbers, strings, buckets, and one for a missing value: side by side in this order."""

    name: str
    numbers: tuple[KnownNumber, ...]
    strings: tuple[int, ...]  # codes of the strings that have a place
    n_buckets: int
    is_optional: bool
    place_of_number: Mapping[int, tuple[int, int | None, float, float]]  # code -> place, its flag's, mean, inverse
    place_of_string: Mapping[int, int]
    empty: tuple[float, ...]  # the row of {}: all numbers are missing

    @staticmethod
    def of(name: str, numbers: Sequence[KnownNumber], *, strings: Sequence[int], n_buckets: int, is_optional: bool) -> JsonPart:
        """The part with these places."""
        flagged = [known.code for known in numbers if known.is_flagged]
        flag_of = {code: len(numbers) + i for i, code in enumerate(flagged)}
        n_before = len(numbers) + len(flagged)
        places = {k.code: (i, flag_of.get(k.code), k.mean, k.inverse) for i, k in enumerate(numbers)}
        place_of_string = {code: n_before + i for i, code in enumerate(strings)}
        n_after = len(strings) + n_buckets + is_optional
        empty = (0.0,) * len(numbers) + (1.0,) * len(flagged) + (0.0,) * n_after
        return JsonPart(name, tuple(numbers), tuple(strings), n_buckets, is_optional, places, place_of_string, empty)

    @property
    def width(self) -> int:
        """Features of numbers, flags, strings and buckets, and one for missing; at most 225."""
        return len(self.empty)

    def of_one(self, context: Context) -> list[float]:
        """w features of the field's value."""
        return self.of_value(context.get(self.name))

    def of_value(self, value: Any) -> list[float]:
        """w features of any JSON value, each in [-CLIP, CLIP] or, for strings, from 0 to the root of their number."""
        if value is None:
            row = [0.0] * len(self.empty)
            row[-1] = float(self.is_optional)
            return row
        row = list(self.empty)
        rest = self._fill(row, leaves_of(value))
        if rest:
            self._hash(row, sorted(rest))  # sorted, so that not even rounding depends on the order of keys
        return row

    def of_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, w) features."""
        rows = [self.of_one(context) for context in contexts]
        return np.array(rows, dtype=np.float64).reshape(len(contexts), self.width)

    def to_json(self) -> dict[str, Any]:
        """Codes, means and inverse spreads; nothing of any value is in it."""
        own = {"numbers": self.numbers, "strings": self.strings, "n_buckets": self.n_buckets}
        return {"part": "json", "names": [self.name], **own, "is_optional": self.is_optional}

    def _fill(self, row: list[float], leaves: Leaves) -> list[tuple[int, float]]:
        """Put what has a place into it; the rest is answered as pairs of code and weight."""
        rest = []
        for code, number in leaves.numbers.items():
            known = self.place_of_number.get(code)
            if known is None:
                rest.append((code, _clipped(asinh(number))))
                continue
            place, flag, mean, inverse = known
            row[place] = _clipped(asinh((number - mean) * inverse))
            if flag is not None:
                row[flag] = 0.0
        for code, weight in leaves.strings.items():
            at = self.place_of_string.get(code)
            if at is None:
                rest.append((code, weight))
            else:
                row[at] = weight
        return rest

    def _hash(self, row: list[float], rest: Iterable[tuple[int, float]]) -> None:
        """Add weights into the buckets, and bound those."""
        first = len(row) - self.is_optional - self.n_buckets
        for code, weight in rest:
            place, sign = signed_bucket(code, self.n_buckets)
            row[first + place] += sign * weight
        last = first + self.n_buckets
        row[first:last] = map(_clipped, row[first:last])


def fit(field: Field, contexts: Sequence[Context]) -> JsonPart:
    """The part of a JSON field, with places for what is frequent in these contexts; none at all is allowed."""
    counts = _Counts()
    step = max(1, -(-len(contexts) // N_FITTED))
    for context in contexts[::step]:
        value = context.get(field.name)
        if value is not None:
            counts.add(leaves_of(value))
    numbers, strings = counts.numbers(), counts.strings()
    return JsonPart.of(
        field.name,
        numbers,
        strings=strings,
        n_buckets=counts.n_buckets(len(numbers) + len(strings)),
        is_optional=field.optional,
    )


def from_json(saved: Mapping[str, Any]) -> JsonPart:
    """The inverse of `to_json`."""
    return JsonPart.of(
        saved["names"][0],
        [KnownNumber(*known) for known in saved["numbers"]],
        strings=saved["strings"],
        n_buckets=saved["n_buckets"],
        is_optional=saved["is_optional"],
    )


def _clipped(x: float) -> float:
    return x if -CLIP < x < CLIP else copysign(CLIP, x)  # half the price of min and max


class _Counts:
    """What is in the values that a part is fitted on, and how often."""

    def __init__(self) -> None:
        self._n = 0
        self._numbers: dict[int, array[float]] = {}
        self._strings: Counter[int] = Counter()

    def add(self, leaves: Leaves) -> None:
        """Take in one value."""
        self._n += 1
        for code, number in leaves.numbers.items():
            self._numbers.setdefault(code, array("d")).append(number)
        self._strings.update(leaves.strings.keys())
        if len(self._numbers) > _MAX_COUNTED:
            self._numbers = {code: found for code, found in self._numbers.items() if len(found) > 1}
        if len(self._strings) > _MAX_COUNTED:
            self._strings = Counter({code: count for code, count in self._strings.items() if count > 1})

    def numbers(self) -> list[KnownNumber]:
        """The most frequent paths of numbers."""
        return [
            self._known(code) for code in self._frequent({c: len(found) for c, found in self._numbers.items()}, MAX_NUMBERS)
        ]

    def strings(self) -> list[int]:
        """The most frequent strings."""
        return self._frequent(self._strings, MAX_STRINGS)

    def n_buckets(self, n_places: int) -> int:
        """As many as there is left to hash, up to `MAX_BUCKETS`: features that nothing fills only slow a model down."""
        n_left = len(self._numbers) + len(self._strings) - n_places
        return MAX_BUCKETS if self._n == 0 else min(max(n_left, MIN_BUCKETS), MAX_BUCKETS)

    def _frequent(self, counts: Mapping[int, int], at_most: int) -> list[int]:
        least = max(2, self._n // _RARE)
        common = [(-count, code) for code, count in counts.items() if count >= least]
        return [code for _, code in sorted(common)[:at_most]]

    def _known(self, code: int) -> KnownNumber:
        found = self._numbers[code]
        its_scale = scale.fit(np.array(found)[:, None])
        return KnownNumber(code, its_scale.mean[0], its_scale.inverse[0], is_flagged=len(found) < self._n)
