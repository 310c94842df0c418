"""Pieces: what a context, or a candidate, is made of when one asks which of it mattered.

Question answered: how is a context with some of its pieces and the rest of another one put together? A piece is a field;
a field that holds a JSON object is one piece per key, and one for all the keys that it lacks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policyloop.core.example import Context
from policyloop.core.loop import Field

MAX_KEYS = 32  # of one object that are pieces of their own; the others stay together


@dataclass(frozen=True, slots=True)
class Piece:
    """A field, one key of the object in it, or (`is_rest`) all keys of that object that are no piece of their own."""

    field: str
    key: str | None = None
    is_rest: bool = False

    @property
    def name(self) -> str:
        """`device`, `page.title`, `page (rest)`."""
        if self.is_rest:
            return f"{self.field} (rest)"
        return self.field if self.key is None else f"{self.field}.{self.key}"

    def value_in(self, whole: Context) -> Any:
        """What the piece is there; None where it is missing, or for the rest."""
        if self.is_rest:
            return None
        value = whole.get(self.field)
        return value if self.key is None else _object(value).get(self.key)


def pieces_of(whole: Context, fields: Iterable[str]) -> list[Piece]:
    """The pieces of those fields of a context."""
    made: list[Piece] = []
    for field in fields:
        value = whole.get(field)
        if isinstance(value, Mapping):
            made += [Piece(field, key) for key in list(value)[:MAX_KEYS]]
            made.append(Piece(field, is_rest=True))
        else:
            made.append(Piece(field))
    return made


def learnable(fields: Mapping[str, Field], subject: str | None = None) -> list[str]:
    """The fields that a model can have learned from."""
    return [name for name, field in fields.items() if field.store != "never" and field.learn and name != subject]


def pieces_of_many(wholes: Sequence[Context], fields: Iterable[str]) -> list[Piece]:
    """The pieces of those fields in any of the contexts; of an object's keys the most frequent."""
    made: list[Piece] = []
    for field in fields:
        keys = Counter(key for whole in wholes if isinstance(value := whole.get(field), Mapping) for key in value)
        if not keys:
            made.append(Piece(field))
            continue
        often = sorted(keys, key=lambda key: (-keys[key], key))
        made += [Piece(field, key) for key in often[:MAX_KEYS]]
        made += [Piece(field, is_rest=True)] if len(often) > MAX_KEYS else []
    return made


def swapped(own: Context, other: Context, piece: Piece, *, keyed: Collection[str] = ()) -> dict[str, Any]:
    """A context with one piece taken from another one; `keyed` are the keys of that field that are pieces of their own."""
    if piece.key is None and not piece.is_rest:
        return {**own, piece.field: other.get(piece.field)}
    mine, its = _object(own.get(piece.field)), _object(other.get(piece.field))

    def is_swapped(key: str) -> bool:
        return key not in keyed if piece.is_rest else key == piece.key

    kept = {key: value for key, value in mine.items() if not is_swapped(key)}
    return {**own, piece.field: kept | {key: value for key, value in its.items() if is_swapped(key)}}


def mixed(own: Context, other: Context, pieces: Sequence[Piece], is_own: Sequence[bool]) -> dict[str, Any]:
    """A context of some of its own pieces, and the rest of another one's. What neither has is None or left out."""
    made: dict[str, Any] = {}
    for piece, mine in zip(pieces, is_own, strict=True):
        source = own if mine else other
        if piece.key is None and not piece.is_rest:
            made[piece.field] = source.get(piece.field)
            continue
        into, its_object = made.setdefault(piece.field, {}), _object(source.get(piece.field))
        if piece.is_rest:
            keyed = {one.key for one in pieces if one.field == piece.field}
            into |= {key: value for key, value in its_object.items() if key not in keyed}
        elif piece.key is not None and piece.key in its_object:
            into[piece.key] = its_object[piece.key]
    return made


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
