"""What was offered in logged decisions: the candidates that a decision refers to, read once for all decisions that share them.

Question answered: which candidates does this text of the column `actions` stand for? It is a JSON array, or the hash of
a set that is stored once.
"""

from __future__ import annotations

from policyloop.core.candidates import Candidates, candidates_from_json
from policyloop.core.errors import NothingToDo
from policyloop.lake.schema import ACTION_SETS
from policyloop.lake.tables import Lake, in_hours


class OfferedSets:
    """The candidate sets of one loop, as its tables have them."""

    def __init__(self, lake: Lake, loop: str) -> None:
        self._lake = lake
        self._loop = loop
        self._texts: dict[str, str] | None = None
        self._known: dict[str, Candidates] = {}

    def of(self, actions: str) -> Candidates:
        """The set of a decision's `actions`.

        Raises:
            NothingToDo: it is a hash, and the tables have no set of that hash.
        """
        known = self._known.get(actions)
        if known is None:
            known = self._known[actions] = candidates_from_json(actions if actions.startswith("[") else self._text(actions))
        return known

    def _text(self, set_hash: str) -> str:
        if self._texts is None:
            there = self._lake.exists(ACTION_SETS)
            columns = ["set_hash", "actions"]
            rows = self._lake.rows(ACTION_SETS, where=in_hours(self._loop), columns=columns) if there else None
            self._texts = {} if rows is None else dict(zip(*(rows[name].to_pylist() for name in columns), strict=True))
        text = self._texts.get(set_hash)
        if text is None:
            raise NothingToDo(
                f"the tables of loop '{self._loop}' have no set of candidates {set_hash}; expected it beside its decisions. "
                f"`policyloop join {self._loop}` brings in what the log still holds."
            )
        return text
