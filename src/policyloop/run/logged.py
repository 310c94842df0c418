"""Logged decisions as questions: what was known and what was offered, told in today's actions, whatever came of it.

Question answered: what would one have to ask a policy to see what it would do with the traffic of those days?
Letters: n decisions, k actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.core.clock import hour_of
from policyloop.core.example import Context
from policyloop.core.loop import LoopSpec
from policyloop.lake.action_sets import offered_sets
from policyloop.lake.schema import DECISIONS
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.views import ORDER
from policyloop.registry.registry import Registry

_COLUMNS = ("decision_id", *ORDER, "spec", "context", "actions", "mask")


@dataclass(frozen=True, slots=True, kw_only=True)
class Questions:
    """n decisions in the order of the log, without what was decided."""

    n_logged: int  # decisions that there are; n, unless there are more than were asked for
    ids: Sequence[str]  # decision ids
    contexts: Sequence[Context]
    allowed: NDArray[np.bool_]  # (n, k) of today's labels, or of the largest set of candidates
    candidates: Sequence[Candidates] | None  # None where the actions are labels
    labels: tuple[str, ...]  # of today; none for candidates

    def __len__(self) -> int:
        return len(self.ids)

    def name_of(self, row: int, place: int) -> str:
        """The action at a place of a row."""
        return self.labels[place] if self.candidates is None else self.candidates[row].ids[place]


def questions_of(lake: Lake, registry: Registry, spec: LoopSpec, *, since: int, at_most: int) -> Questions:
    """What was asked of a loop since some time. Decisions whose actions are all gone today are left out.

    Args:
        lake: the tables.
        registry: has the specs of earlier decisions.
        spec: the loop's spec of today.
        since: microseconds.
        at_most: of more decisions than that, so many are taken, evenly over the time.
    """
    rows = _rows(lake, spec.loop, since)
    rows = rows.filter(pc.equal(pc.is_null(rows["actions"]), not spec.is_candidates))
    n_logged = rows.num_rows
    if n_logged > at_most:
        rows = rows.take(np.linspace(0, n_logged - 1, at_most).astype(np.int64))
    masks = rows["mask"].to_pylist()
    if spec.is_candidates:
        texts = rows["actions"].to_pylist()
        sets = offered_sets(lake, spec.loop, texts)
        candidates = [sets.of(text) for text in texts]
        allowed = _padded([mask or [True] * len(one) for mask, one in zip(masks, candidates, strict=True)])
    else:
        candidates = None
        allowed = _told_today(registry, spec, rows["spec"].to_pylist(), masks)
    keep = np.flatnonzero(allowed.any(axis=1)) if len(masks) else np.zeros(0, dtype=np.intp)
    rows = rows.take(keep)
    return Questions(
        n_logged=n_logged,
        ids=rows["decision_id"].to_pylist(),
        contexts=[msgspec.json.decode(text) for text in rows["context"].to_pylist()],
        allowed=allowed[keep],
        candidates=None if candidates is None else [candidates[i] for i in keep],
        labels=spec.labels,
    )


def _rows(lake: Lake, loop: str, since: int) -> pa.Table:
    """Decisions since then, each once, in the order of the log."""
    hours = lake.hours(DECISIONS, loop=loop) if lake.exists(DECISIONS) else []
    hours = [hour for hour in hours if hour >= hour_of(since)]
    if not hours:
        return pa.table({name: pa.array([], pa.list_(pa.bool_()) if name == "mask" else pa.string()) for name in _COLUMNS})
    rows = lake.rows(DECISIONS, where=f"{in_hours(loop, *hours)} AND decided_at >= {since:d}", columns=_COLUMNS)
    rows = rows.sort_by([(name, "ascending") for name in ORDER])
    first = (
        rows.append_column("place", pa.array(np.arange(rows.num_rows))).group_by("decision_id").aggregate([("place", "min")])
    )
    return rows.take(first["place_min"].sort())


def _told_today(
    registry: Registry, spec: LoopSpec, digests: Sequence[str], masks: Sequence[list[bool] | None]
) -> NDArray[np.bool_]:
    """(n, k) which of today's labels were allowed."""
    labels_of = {digest: (registry.spec_named(spec.loop, digest) or spec).labels for digest in set(digests)}
    allowed = np.zeros((len(digests), len(spec.labels)), dtype=bool)
    for row, (digest, mask) in enumerate(zip(digests, masks, strict=True)):
        labels = labels_of[digest]
        may = set(labels) if mask is None else {label for label, one in zip(labels, mask, strict=False) if one}
        allowed[row] = [label in may for label in spec.labels]
    return allowed


def _padded(rows: Sequence[Sequence[bool]]) -> NDArray[np.bool_]:
    """(n, k) of rows of different length; k is the longest."""
    allowed = np.zeros((len(rows), max((len(row) for row in rows), default=0)), dtype=bool)
    for place, row in enumerate(rows):
        allowed[place, : len(row)] = row
    return allowed
