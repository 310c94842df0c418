"""Sets of candidates that this client registered: what it must know of them to say, after an outage, what was done.

Question answered: how does the wire name the default action that was taken? A label by itself; a candidate by its place
among those offered, which the server cannot know from its id.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from typing import Any

MAX_SETS = 128  # of the newest

_log = logging.getLogger(__name__)


class RegisteredSets:
    """Ids by the name of their set, in order. Safe to share between threads."""

    def __init__(self) -> None:
        self._ids: dict[str, list[str]] = {}
        self._guard = threading.Lock()

    def remember(self, name: str, actions: Sequence[Mapping[str, Any]]) -> None:
        """Keep the ids of a set; beyond `MAX_SETS` the oldest is forgotten."""
        ids = _ids(actions)
        with self._guard:
            self._ids.pop(name, None)
            self._ids[name] = ids
            while len(self._ids) > MAX_SETS:
                del self._ids[next(iter(self._ids))]

    def executed(self, default: str | Mapping[str, Any], body: Mapping[str, Any]) -> str | int | Mapping[str, Any] | None:
        """How reports name `default`, the action that was taken in the place of what a decide request asked for.

        Returns:
            The label, the values, or the candidate's place; None where it was not offered, or its set was registered elsewhere.
        """
        name = body.get("action_set")
        if not isinstance(default, str) or (name is None and "actions" not in body):
            return default
        ids = _ids(body["actions"]) if name is None else self._ids.get(name, [])
        if default in ids:
            return ids.index(default)
        _log.warning("what was done in the place of a lost answer cannot be reported: no place is known for the default")
        return None


def _ids(actions: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(action.get("id")) for action in actions]
