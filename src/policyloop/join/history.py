"""A loop's history: its examples as arrays, the way learners and gates take them.

Question answered: what has this loop seen so far, told in today's actions?
A decision names its action by place among the labels of its own spec; here every place is one of today's labels. What
cannot be told so is left out (an action that is gone), or unknown (a pmf that gave mass to one). Where callers bring the
actions along, each decision has its own, and join/offered.py reads them.
Letters: n examples, k actions of today's spec.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.join.offered import among_candidates, columns_alike
from policyloop.join.trials import COLUMNS as OF_TRIALS
from policyloop.join.trials import told_of_trials
from policyloop.lake.action_sets import offered_sets
from policyloop.lake.schema import ACTION_SETS, EXAMPLES
from policyloop.lake.tables import Lake, Snapshot, in_hours
from policyloop.lake.views import ORDER, as_settled, latest

_COLUMNS = (
    *("decision_id", "version", "hour", *ORDER),
    *("spec", "policy", "context", "actions", "mask", "action", "pmf", "propensity", "propensity_kind", "density", "split"),
    *("is_fallback", "is_conflict", "is_deferred", "is_rewarded", "reward"),
    *OF_TRIALS,
)


class Specs(Protocol):
    """Where the specs are that events were made under."""

    def spec_named(self, loop: str, digest: str) -> LoopSpec | None:
        """The loop's spec with that digest; None when it never had such a one."""
        ...


def examples_of(
    lake: Lake,
    specs: Specs,
    spec: LoopSpec,
    *,
    snapshot: Snapshot | None = None,
    since: int | None = None,
    is_with_outcomes: bool = False,
    is_as_settled: bool = False,
) -> tuple[Examples, Snapshot]:
    """The examples of a loop, in the order (decided_at, writer, seq), and the tables' versions.

    Conflicts are left out: whichever record were chosen, the choice would depend on the action.

    Args:
        lake: the tables.
        specs: the specs of earlier decisions; one that is not known is taken to have had today's labels.
        spec: the loop's spec of today.
        snapshot: versions to read, as an earlier call gave them; None for the newest.
        since: microseconds; examples decided before are left out.
        is_with_outcomes: whether to read the value of each outcome, too; most readers need the reward alone.
        is_as_settled: whether to read what first settled, before any correction; that is what evidence is made of.
    """
    at = snapshot if snapshot is not None else lake.snapshot()
    where = in_hours(spec.loop) + ("" if since is None else f" AND decided_at >= {since:d}")
    columns = (*_COLUMNS, "outcomes") if is_with_outcomes else _COLUMNS
    found = lake.rows(EXAMPLES, where=where, columns=columns, version=at.get(EXAMPLES))
    rows = as_settled(found) if is_as_settled else latest(found)
    rows = rows.filter(pc.and_(pc.invert(rows["is_conflict"]), pc.greater(pc.list_value_length(rows["action"]), 0)))
    rows = rows.sort_by([(name, "ascending") for name in ORDER])
    if spec.is_candidates:
        rows = rows.filter(pc.is_valid(rows["actions"]))
        sets = offered_sets(lake, spec.loop, rows["actions"].unique().to_pylist(), version=at.get(ACTION_SETS))
        return among_candidates(rows, sets), at
    rows = rows.filter(pc.and_(pc.is_null(rows["actions"]), pc.equal(pc.list_value_length(rows["action"]), 1)))
    digests = rows["spec"].unique().to_pylist()
    labels = {digest: (specs.spec_named(spec.loop, digest) or spec).labels for digest in digests}
    return _as_arrays(rows, spec.labels, labels), at


def _as_arrays(rows: pa.Table, labels: Sequence[str], labels_of: Mapping[str, Sequence[str]]) -> Examples:
    """Rows, in order, as `Examples` of k = len(labels) actions."""
    n, k = rows.num_rows, len(labels)
    action = np.full(n, -1, dtype=np.int64)
    allowed = np.zeros((n, k), dtype=bool)
    told = told_of_trials(rows)
    lists = {"pmf": pc.list_element(rows["pmf"], 0)}
    if told is not None:
        lists |= {"challenger_pmf": told.challenger_pmf, "champion_pmf": told.champion_pmf}
    pmfs = {name: np.full((n, k), np.nan) for name in lists}
    of_row = rows["spec"].to_numpy()
    chosen = pc.list_flatten(rows["action"]).to_numpy()
    for digest, its_labels in labels_of.items():
        index = np.flatnonzero(of_row == digest)
        part = rows.take(index) if len(index) < n else rows
        old, new = _same_labels(its_labels, labels)
        place = np.full(len(its_labels) + 1, -1)  # the last stands for places that the spec never had
        place[old] = new
        action[index] = place[np.where(chosen[index] < len(its_labels), chosen[index], -1)]
        mask = wide(part["mask"], len(its_labels), missing=True)
        allowed[np.ix_(index, new)] = mask[:, old]
        for name, logged in lists.items():
            its_own = logged.take(pa.array(index)) if len(index) < n else logged
            its_pmf = wide(its_own, len(its_labels), missing=np.nan)
            fits = np.isfinite(its_pmf).all(axis=1) & (np.delete(its_pmf, old, axis=1) == 0).all(axis=1)
            today = np.zeros((int(fits.sum()), k))
            today[:, new] = its_pmf[np.ix_(fits, old)]
            pmfs[name][index[fits]] = today
    pmf = pmfs.pop("pmf")
    trial = None if told is None else told.trial(**pmfs)
    everything = Examples(allowed=allowed, action=action, pmf=pmf, trial=trial, **columns_alike(rows))
    return everything if (action >= 0).all() else everything.where(action >= 0)


def _same_labels(its_labels: Sequence[str], labels: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Places of the labels that both have: among its own, among today's."""
    today = {label: place for place, label in enumerate(labels)}
    pairs = [(old, today[label]) for old, label in enumerate(its_labels) if label in today]
    old, new = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return old, new


def wide(lists: pa.ChunkedArray, width: int, *, missing: float | bool | np.float32) -> NDArray[Any]:
    """(n, width) of n lists; a null, or a list of another length, becomes a row of `missing`, which gives the type."""
    fits = pc.fill_null(pc.equal(pc.list_value_length(lists), width), False).to_numpy().astype(bool)
    table = np.full((len(lists), width), missing)
    if fits.all():
        return np.asarray(pc.list_flatten(lists).to_numpy(), dtype=table.dtype).reshape(-1, width)
    table[fits] = pc.list_flatten(lists.filter(pa.array(fits))).to_numpy().reshape(-1, width)
    return table
