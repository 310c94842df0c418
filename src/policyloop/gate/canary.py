"""Canary decisions: the contexts and masks that a model must get through before anyone's decision depends on it.

Question answered: which decisions would show that a model breaks? The newest real contexts, and contexts that the spec
allows at its corners: smallest, largest, missing and unseen values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates, candidates_of
from policyloop.core.example import Context
from policyloop.core.loop import Field, LoopSpec

N_NEWEST = 100
_FAR = 1e9  # a number where the spec sets no bound
_N_STRANGE = 6  # values in a strange object
_ITEMS = 3  # of an array where the spec sets no limit


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """Decisions to try a policy on."""

    contexts: Sequence[Context]  # n
    allowed: NDArray[np.bool_]  # (n, k) at least one True a row; False beyond the end of a smaller set of candidates
    candidates: Sequence[Candidates] | None = None  # n sets; None where the actions are labels


def canary_of(spec: LoopSpec, newest: Sequence[Context], sets: Sequence[Candidates] | None = None) -> Canary:
    """Corner contexts of the spec and real ones, each with all actions allowed, one masked, and all but one masked.

    Args:
        spec: of the loop.
        newest: real contexts in the order of the log; the last `N_NEWEST` are used.
        sets: the candidates that came with them, where the caller brings the actions along.
    """
    corners = corner_contexts(spec.context)
    contexts = [*corners, *newest[-N_NEWEST:]]
    offered = None if sets is None else [_corner_set(spec)] * len(corners) + list(sets[-N_NEWEST:])
    sizes = np.array([len(spec.labels)] * len(contexts) if offered is None else [len(one) for one in offered])
    k = int(sizes.max())
    is_there = np.arange(k) < sizes[:, np.newaxis]
    is_turn = np.arange(k) == (np.arange(len(contexts)) % sizes)[:, np.newaxis]
    masks = [is_there, is_there & (~is_turn | (sizes == 1)[:, np.newaxis]), is_turn] if k > 1 else [is_there]
    return Canary(contexts * len(masks), np.concatenate(masks), None if offered is None else offered * len(masks))


def _corner_set(spec: LoopSpec) -> Candidates:
    """Candidates at the corners of what the spec allows, one of them known where some are."""
    features = corner_contexts(spec.actions.features)
    ids = [*spec.actions.ids[:1], "a new one", "another new one", "a third new one"][: len(features)]
    return candidates_of(ids, features)


def corner_contexts(declared: Mapping[str, Field]) -> list[Context]:
    """Valid contexts with every field at its smallest, at its largest, and missing where it may be."""
    fields = declared.values()
    smallest = {field.name: _smallest(field) for field in fields}
    largest = {field.name: _largest(field) for field in fields}
    missing = {field.name: None if field.optional else _smallest(field) for field in fields}
    return [smallest, largest, missing]


def _smallest(field: Field) -> Any:
    match field.type:
        case "number":
            return -_FAR if field.min is None else float(field.min)
        case "integer":
            return -int(_FAR) if field.min is None else int(np.ceil(field.min))
        case "boolean":
            return False
        case "category":
            return field.values[0] if field.values else ""
        case "text":
            return ""
        case "array" | "json":
            return []


def _largest(field: Field) -> Any:
    match field.type:
        case "number":
            return _FAR if field.max is None else float(field.max)
        case "integer":
            return int(_FAR) if field.max is None else int(np.floor(field.max))
        case "boolean":
            return True
        case "category":
            return field.values[-1] if field.values else "a value never seen"
        case "text":
            return "words that were never seen"
        case "array" | "json":
            return _largest_list(field) if field.type == "array" else _strange_json(field)


def _largest_list(field: Field) -> list[Any]:
    n = _ITEMS if field.max_items is None else field.max_items
    return [field.values[-1] if field.values else "a value never seen" if field.items == "category" else _FAR] * n


def _strange_json(field: Field) -> Any:
    """An object that no caller ever sent: every kind of value, as far as the field takes so many."""
    kinds = {
        "far": _FAR,
        "text": "words that were never seen",
        "truth": True,
        "list": [_FAR, -_FAR],
        "nested": {"nothing": None},
    }
    return kinds if field.max_fields is None or field.max_fields >= _N_STRANGE else {"far": _FAR}
