"""Any JSON, cut to what a field of type json takes: for protocols whose clients cannot be told to send less.

Question answered: what of this value can a model see? Texts are cut off, values beyond the field's number are left out,
and so is what is nested too deeply. The order is the order in which it was sent.
"""

from __future__ import annotations

from typing import Any

from policyloop.core.spec_context import MAX_JSON_DEPTH
from policyloop.ingest.json_values import MAX_STRING_CHARS


def within(value: Any, *, max_values: int) -> Any:
    """The value, or as much of it as fits.

    Args:
        value: as a JSON decoder gives it.
        max_values: however nested; empty objects and lists count as one.
    """
    return _Cut(max_values).of(value, MAX_JSON_DEPTH)


class _Cut:
    """Goes through a value until nothing more may be taken."""

    def __init__(self, n_left: int) -> None:
        self._n_left = n_left

    def of(self, value: Any, levels: int) -> Any:
        """The value made smaller; None for what is nested too deeply."""
        if isinstance(value, dict | list) and value and levels > 0:
            return self._object(value, levels - 1) if isinstance(value, dict) else self._list(value, levels - 1)
        self._n_left -= 1
        if isinstance(value, str):
            return value[:MAX_STRING_CHARS]
        return None if isinstance(value, dict | list) and levels == 0 else value

    def _object(self, value: dict[str, Any], levels: int) -> dict[str, Any]:
        made = {}
        for name, inner in value.items():
            if self._n_left <= 0:
                break
            if len(name) <= MAX_STRING_CHARS:
                made[name] = self.of(inner, levels)
        return made

    def _list(self, value: list[Any], levels: int) -> list[Any]:
        made = []
        for inner in value:
            if self._n_left <= 0:
                break
            made.append(self.of(inner, levels))
        return made
