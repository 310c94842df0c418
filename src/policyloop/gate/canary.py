"""Canary decisions: the contexts and masks that a model must get through before anyone's decision depends on it.

Question answered: which decisions would show that a model breaks? The newest real contexts, and contexts that the spec
allows at its corners: smallest, largest, missing and unseen values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.loop import Field, LoopSpec

N_NEWEST = 100
_FAR = 1e9  # a number where the spec sets no bound
_ITEMS = 3  # of an array where the spec sets no limit


@dataclass(frozen=True, slots=True, eq=False)
class Canary:
    """Decisions to try a policy on."""

    contexts: Sequence[Context]  # n
    allowed: NDArray[np.bool_]  # (n, k) at least one True a row


def canary_of(spec: LoopSpec, newest: Sequence[Context]) -> Canary:
    """Corner contexts of the spec and real ones, each with all actions allowed, one masked, and all but one masked.

    Args:
        spec: of the loop.
        newest: real contexts in the order of the log; the last `N_NEWEST` are used.
    """
    contexts = [*corner_contexts(spec), *newest[-N_NEWEST:]]
    k = len(spec.labels)
    number = np.arange(len(contexts))
    one_masked = number[:, None] % k != np.arange(k)
    one_left = number[:, None] % k == np.arange(k)
    every = np.ones((len(contexts), k), dtype=bool)
    masks = [every, one_masked, one_left] if k > 1 else [every]
    return Canary(contexts * len(masks), np.concatenate(masks))


def corner_contexts(spec: LoopSpec) -> list[Context]:
    """Valid contexts with every field at its smallest, at its largest, and missing where it may be."""
    fields = spec.context.values()
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
        case "array":
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
        case "array":
            n = _ITEMS if field.max_items is None else field.max_items
            return [field.values[-1] if field.values else "a value never seen" if field.items == "category" else _FAR] * n
