"""Candidates: the actions that a caller brings along, each with an id and features; one offered set, checked.

Question answered: what exactly was offered? A set is named by its content, so that it is stored once however often it
is offered. Equal sets are usually the same object, so that what is computed from one can be kept with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from policyloop.core.model import digest

MAX_CANDIDATES = 1000
MAX_INLINE_BYTES = 1024  # the JSON of a smaller set stands in the decision itself; a larger one is referred to by its digest


class Candidates(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A set of candidates that fits its loop. Immutable; threads may share it."""

    ids: tuple[str, ...]  # k, in the offered order, each once
    features: tuple[
        Mapping[str, Any], ...
    ]  # k, defaults filled in; with undeclared features one field, `features`, holds the JSON
    json: str  # the canonical JSON array of {id, features}, as it is stored
    digest: str  # of that JSON

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def is_small(self) -> bool:
        """Whether the set is written into each decision, rather than once for all."""
        return len(self.json) <= MAX_INLINE_BYTES


class _Entry(msgspec.Struct, gc=False):
    """A candidate as it is stored. A struct, since it is made and written in less time than a dict."""

    id: str
    features: Mapping[str, Any]


def stored(candidates: Candidates) -> str:
    """How a decision refers to the set: by the whole of it when it is small, else by its digest."""
    return candidates.json if candidates.is_small else candidates.digest


def candidates_of(ids: Sequence[str], features: Sequence[Mapping[str, Any]]) -> Candidates:
    """The set of ids and features that were checked before."""
    assert len(ids) == len(features), "a candidate has an id and features"
    text = msgspec.json.encode(list(map(_Entry, ids, features)))
    return Candidates(tuple(ids), tuple(features), text.decode(), digest(text))


def candidates_from_json(text: str | bytes) -> Candidates:
    """The set of a canonical JSON, as it was stored."""
    entries: list[dict[str, Any]] = msgspec.json.decode(text, type=list[dict[str, Any]])
    return candidates_of([entry["id"] for entry in entries], [entry["features"] for entry in entries])
