"""Leaves: what stands at the ends of a JSON value, each under the code of its path.

Question answered: which numbers and which strings does this value hold, and where? Objects are flattened to dotted paths
(`user.age`), so the order of keys does not matter and `{"a": {"b": 1}}` is `{"a.b": 1}`. Names that start with `_` are
left out with all that is below them; null is the same as not there; true and false are the numbers 1 and 0. A text with
blanks counts by its words, and as a whole too where it is short. What stands in an array has one path for all items
(`cart[].price`): its numbers are averaged, its strings counted over the root of how many they are. An array adds its
count; one of numbers alone is its mean, smallest and largest, and the first few by place.
Source: feature hashing, Weinberger et al. 2009 (arXiv:0902.2206). A path is only ever known by its code, so whatever
stands in a value is nowhere written into a model.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32

from policyloop.policy.hashing import words

MAX_PLACES = 8  # of an array of numbers
_MAX_WHOLE_CHARS = 64  # a text with blanks that is longer counts by its words alone
_MAX_WORD_CHARS = 2048  # of a text, its words up to here; so that one text cannot take long
_PLACES = tuple(str(place).encode() for place in range(MAX_PLACES))
_NUMERIC = frozenset({int, float, bool})

_Numbers = dict[int, list[float]]
_Strings = dict[int, list[int]]


class Leaves(NamedTuple):
    """What one JSON value holds; codes are 32-bit numbers."""

    numbers: dict[int, float]  # code of the path -> the number, or the mean of several
    strings: dict[int, float]  # code of path and string -> 1, or count over the root of all at that path


def leaves_of(value: Any) -> Leaves:
    """The leaves of a value as a JSON decoder makes it: dict, list, str, int, float, bool and None."""
    numbers: _Numbers = {}
    strings: _Strings = {}
    if type(value) is dict:
        _walk_object(value, 0, numbers, strings)
    else:
        _walk(value, 0, numbers, strings)
    return Leaves(
        {path: _mean(found) if len(found) > 1 else float(found[0]) for path, found in numbers.items()},
        _counted(strings),
    )


def _walk_object(value: dict[str, Any], inside: int, numbers: _Numbers, strings: _Strings) -> None:
    """Add what is in an object; `inside` is the code of its path and a dot."""
    for key, inner in value.items():
        if key[:1] == "_":
            continue
        path, kind = crc32(key.encode(), inside), type(inner)
        if kind is str:  # as in `_walk`, whose call would take as long as the rest
            strings.setdefault(path, []).extend(_codes_of_text(inner, path))
        elif kind in _NUMERIC:
            numbers.setdefault(path, []).append(inner)
        elif inner is not None:
            _walk(inner, path, numbers, strings)


def _walk(value: Any, path: int, numbers: _Numbers, strings: _Strings) -> None:
    """Add what is at and below a path."""
    kind = type(value)
    if kind is dict:
        _walk_object(value, crc32(b".", path), numbers, strings)
    elif kind is list:
        _walk_items(value, crc32(b"[]", path), numbers, strings)
    elif kind is str:
        strings.setdefault(path, []).extend(_codes_of_text(value, path))
    elif kind in _NUMERIC:
        numbers.setdefault(path, []).append(value)


def _walk_items(items: list[Any], path: int, numbers: _Numbers, strings: _Strings) -> None:
    """Add what is in an array."""
    numbers.setdefault(crc32(b"count", path), []).append(len(items))
    if not items or not all(type(item) in _NUMERIC for item in items):
        for item in items:
            _walk(item, path, numbers, strings)
        return
    for name, number in ((b"mean", _mean(items)), (b"min", min(items)), (b"max", max(items))):
        numbers.setdefault(crc32(name, path), []).append(number)
    for place, number in zip(_PLACES, items, strict=False):
        numbers.setdefault(crc32(place, path), []).append(number)


def _codes_of_text(text: str, path: int) -> list[int]:
    """The text as a whole, and its words where it has several."""
    if " " not in text:
        return [crc32(b"=" + text.encode(), path)]
    inside = crc32(b"~", path)
    codes = [crc32(word.encode(), inside) for word in words(text[:_MAX_WORD_CHARS])]
    return codes if len(text) > _MAX_WHOLE_CHARS else [*codes, crc32(b"=" + text.encode(), path)]


def _counted(strings: _Strings) -> dict[int, float]:
    """Weights by code."""
    counted: dict[int, float] = {}
    for codes in strings.values():
        if len(codes) == 1:
            counted[codes[0]] = 1.0
            continue
        weight = 1.0 / max(len(codes), 1) ** 0.5
        for code in codes:
            counted[code] = counted.get(code, 0.0) + weight
    return counted


def _mean(numbers: list[float]) -> float:
    """The mean; divided first, so that the sum cannot overflow, and sorted, so that order does not matter."""
    n = len(numbers)
    return sum(number / n for number in sorted(numbers))
