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
_TYPES = {"mask": pa.list_(pa.bool_())}
_HOURS_AT_ONCE = 24


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
    rows, n_logged = _rows(lake, spec, since=since, at_most=at_most)
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


def _rows(lake: Lake, spec: LoopSpec, *, since: int, at_most: int) -> tuple[pa.Table, int]:
    """Decisions since then, each once, in the order of the log, and how many there are.

    Some hours are read at a time, and of many decisions only every second, fourth, ... is kept, so that a long time needs
    no more memory than a short one.
    """
    hours = [
        hour for hour in (lake.hours(DECISIONS, loop=spec.loop) if lake.exists(DECISIONS) else []) if hour >= hour_of(since)
    ]
    kept: list[tuple[pa.Table, NDArray[np.int64]]] = []  # rows, and which decisions of all they are
    n_logged, stride = 0, 1
    for start in range(0, len(hours), _HOURS_AT_ONCE):
        where = in_hours(spec.loop, *hours[start : start + _HOURS_AT_ONCE])
        rows = _once(lake.rows(DECISIONS, where=f"{where} AND decided_at >= {since:d}", columns=_COLUMNS))
        rows = rows.filter(pc.equal(pc.is_null(rows["actions"]), not spec.is_candidates))
        kept.append(_every(rows, np.arange(n_logged, n_logged + rows.num_rows), stride))
        n_logged += rows.num_rows
        while sum(len(number) for _, number in kept) > 2 * at_most:
            stride *= 2
            kept = [_every(rows, number, stride) for rows, number in kept]
    if not kept:
        return pa.table({name: pa.array([], _TYPES.get(name, pa.string())) for name in _COLUMNS}), 0
    found = pa.concat_tables([rows for rows, _ in kept])
    if found.num_rows > at_most:
        found = found.take(np.linspace(0, found.num_rows - 1, at_most).astype(np.int64))
    return found, n_logged


def _once(rows: pa.Table) -> pa.Table:
    """The first record of each decision, in the order of the log; repeated records are filed under the same hour."""
    ordered = rows.sort_by([(name, "ascending") for name in ORDER])
    places = ordered.append_column("place", pa.array(np.arange(ordered.num_rows)))
    first = places.group_by("decision_id").aggregate([("place", "min")])
    return ordered.take(first["place_min"].sort())


def _every(rows: pa.Table, number: NDArray[np.int64], stride: int) -> tuple[pa.Table, NDArray[np.int64]]:
    """The rows whose number is a multiple of the stride."""
    place = np.flatnonzero(number % stride == 0)
    return rows.take(place), number[place]


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
