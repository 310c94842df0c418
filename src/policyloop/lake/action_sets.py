"""Sets of candidates read back: what a decision's `actions` stands for.

Question answered: which candidates were offered under this digest? A small set stands in the decision itself; a larger
one lies once in the table `action_sets`, or in what the log has not handed on yet.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.candidates import Candidates, candidates_from_json
from policyloop.core.errors import CorruptLog
from policyloop.lake.schema import ACTION_SETS
from policyloop.lake.tables import Lake, in_hours


class OfferedSets:
    """The sets of one loop, each made once."""

    def __init__(self, loop: str, texts: dict[str, str]) -> None:
        self._loop = loop
        self._texts = texts
        self._made: dict[str, Candidates] = {}

    def of(self, actions: str) -> Candidates:
        """The set that a decision's `actions` is or refers to.

        Raises:
            CorruptLog: it refers to a set that is not here.
        """
        known = self._made.get(actions)
        if known is None:
            known = self._made[actions] = candidates_from_json(self._text_of(actions))
        return known

    def has(self, actions: str) -> bool:
        """Whether the set is here. One may be missing where the log was damaged before it was shipped."""
        return actions.startswith("[") or actions in self._texts

    def _text_of(self, actions: str) -> str:
        if actions.startswith("["):
            return actions
        if actions not in self._texts:
            raise CorruptLog(
                f"a decision of loop '{self._loop}' refers to the action set {actions}, which is not in the table "
                f"action_sets; expected it there before the decision. Run `policyloop fsck`."
            )
        return self._texts[actions]


def offered_sets(lake: Lake, loop: str, actions: Iterable[str], *, version: int | None = None) -> OfferedSets:
    """The sets that some decisions' `actions` are or refer to.

    Args:
        actions: JSON or digests; repetitions cost nothing.
        version: of the table; None for the newest.
    """
    digests = {one for one in actions if not one.startswith("[")}
    if not digests or not lake.exists(ACTION_SETS):
        return OfferedSets(loop, {})
    rows = lake.rows(ACTION_SETS, where=in_hours(loop), columns=("set_hash", "actions"), version=version)
    rows = rows.filter(pc.is_in(rows["set_hash"], pa.array(sorted(digests))))
    return OfferedSets(loop, dict(zip(rows["set_hash"].to_pylist(), rows["actions"].to_pylist(), strict=True)))
