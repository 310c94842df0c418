"""A search space: which values of a plug-in's settings are worth trying while a recipe is tuned.

Question answered: what does a search for a better recipe try of this plug-in? Its file says `SEARCHED = {setting: ...}`, an
empty one or none at all where it is tried as it is, and `SEARCHED = None` where it takes part only if the loop names it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True, slots=True)
class OneOf:
    """A few values, in no order."""

    values: tuple[Any, ...]  # None, booleans, numbers or texts


@dataclass(frozen=True, slots=True)
class Between:
    """A number; `is_log` where it is the proportion that matters."""

    low: float
    high: float
    is_log: bool = False


Searched = Mapping[str, OneOf | Between]


def searched_of(plugin: ModuleType) -> Searched | None:
    """What a plug-in's file says; None where it takes part only by name."""
    searched: Searched | None = getattr(plugin, "SEARCHED", {})
    return searched
