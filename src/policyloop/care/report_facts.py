"""The facts of a report: each decision of some days in one row, with who decided, what was chosen and what it earned.

Question answered: what happened, decision by decision? Letters: n decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import TimeUs, hour_of
from policyloop.core.loop import LoopSpec
from policyloop.lake.action_sets import offered_sets
from policyloop.lake.schema import DECISIONS, EXAMPLES, TRANSITIONS
from policyloop.lake.sql import Session
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.views import latest
from policyloop.registry.registry import Registry

_DECISION = ("decision_id", "decided_at", "writer", "seq", "policy", "spec", "actions", "action")
_EXAMPLE = ("decision_id", "version", "hour", "action", "reward", "is_rewarded")
_GONE = "(unknown)"  # a place that the spec never had

_ONE_ROW_EACH = """
SELECT d.decided_at, d.policy, d.spec, d.actions, d.action[1] AS chosen, coalesce(e.action[1], d.action[1]) AS done,
    e.reward, e.is_rewarded::DOUBLE AS joined
FROM (
    SELECT * FROM decisions
    QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY decided_at, writer, seq) = 1
) d LEFT JOIN examples e USING (decision_id)
WHERE len(d.action) > 0
ORDER BY d.decided_at
"""
_ONE_ROW_EACH_STEP = """
SELECT d.decided_at, d.policy, d.spec, d.actions, coalesce(d.action[1], 0) AS chosen,
    coalesce(t.action[1], d.action[1], 0) AS done, t.reward, NULL::DOUBLE AS joined
FROM (
    SELECT * FROM decisions
    QUALIFY row_number() OVER (PARTITION BY decision_id ORDER BY decided_at, writer, seq) = 1
) d LEFT JOIN transitions t USING (decision_id)
ORDER BY d.decided_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """n decisions in the order of time."""

    decided_at: NDArray[np.int64]  # (n,) microseconds
    policy: NDArray[np.object_]  # (n,) digest, `baseline` or `imported:NAME`
    chosen: NDArray[np.object_]  # (n,) the action that the decision took
    done: NDArray[np.object_]  # (n,) the action that was carried out
    reward: NDArray[np.float64]  # (n,) NaN: not settled yet
    bounds: tuple[float, float]  # of the reward
    joined: NDArray[np.float64]  # (n,) 1: an outcome was found, 0: none was, NaN: not settled yet, or a step of an episode
    are_steps: bool  # of episodes: they hang together

    def __len__(self) -> int:
        return len(self.decided_at)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """All decisions of a loop: how many, and when they were made."""

    n: int
    first: TimeUs
    last: TimeUs


def span_of_all(lake: Lake, loop: str) -> Span | None:
    """What was decided at all, each decision once; None where nothing was."""
    if not lake.exists(DECISIONS):
        return None
    rows = lake.rows(DECISIONS, where=in_hours(loop), columns=("decision_id", "decided_at"))
    if not rows.num_rows:
        return None
    times = pc.min_max(rows["decided_at"]).as_py()
    return Span(n=pc.count_distinct(rows["decision_id"]).as_py(), first=times["min"], last=times["max"])


def facts_of(lake: Lake, registry: Registry, spec: LoopSpec, *, since: int) -> Facts:
    """What was decided in a loop since then (microseconds), as the tables have it."""
    hours = lake.hours(DECISIONS, loop=spec.loop) if lake.exists(DECISIONS) else []
    where = in_hours(spec.loop, *([hour for hour in hours if hour >= hour_of(since)] or ["none"]))
    decisions = lake.rows(DECISIONS, where=f"{where} AND decided_at >= {since:d}", columns=_DECISION)
    rows = _rows_of_examples(lake, decisions, where) if spec.episodes is None else _rows_of_steps(lake, decisions, spec.loop)
    namer = _Names(lake, registry, spec, rows)
    return Facts(
        decided_at=rows["decided_at"].to_numpy().astype(np.int64),
        policy=rows["policy"].to_numpy().astype(object),
        chosen=namer.of(rows["chosen"].to_pylist()),
        done=namer.of(rows["done"].to_pylist()),
        reward=_floats(rows["reward"]),
        bounds=(spec.reward.low, spec.reward.high),
        joined=_floats(rows["joined"]),
        are_steps=spec.episodes is not None,
    )


def _rows_of_examples(lake: Lake, decisions: pa.Table, where: str) -> pa.Table:
    examples = latest(lake.rows(EXAMPLES, where=where, columns=_EXAMPLE))
    with Session({"decisions": decisions, "examples": examples}) as session:
        return session.query(_ONE_ROW_EACH)


def _rows_of_steps(lake: Lake, decisions: pa.Table, loop: str) -> pa.Table:
    """A step may lie under the hour in which its episode began, so all hours are read."""
    steps = lake.rows(TRANSITIONS, where=in_hours(loop), columns=["decision_id", "action", "reward"])
    with Session({"decisions": decisions, "transitions": steps}) as session:
        return session.query(_ONE_ROW_EACH_STEP)


class _Names:
    """Names of the actions of some rows."""

    def __init__(self, lake: Lake, registry: Registry, spec: LoopSpec, rows: pa.Table) -> None:
        self._actions: list[str | None] = rows["actions"].to_pylist()
        self._specs: list[str] = rows["spec"].to_pylist()
        self._labels = {one: _labels_of(registry.spec_named(spec.loop, one) or spec) for one in set(self._specs)}
        self._sets = offered_sets(lake, spec.loop, {text for text in self._actions if text is not None})

    def of(self, places: Sequence[int]) -> NDArray[np.object_]:
        """(n,) the name at each row's place."""
        names = [self._name(row, place) for row, place in enumerate(places)]
        return np.array(names, dtype=object)

    def _name(self, row: int, place: int) -> str:
        text = self._actions[row]
        offered: Sequence[str] = self._labels[self._specs[row]] if text is None else self._sets.of(text).ids
        return offered[place] if 0 <= place < len(offered) else _GONE


def _labels_of(spec: LoopSpec) -> tuple[str, ...]:
    """The actions by name; numbers are told together."""
    return spec.labels or (", ".join(part.name for part in spec.actions.box),)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    """Numbers, NaN where there is none."""
    return np.array(column.to_numpy(), dtype=np.float64)
