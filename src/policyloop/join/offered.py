"""Examples of loops whose callers bring the actions along, and the columns that examples of all loops have alike.

Question answered: what was offered to each decision, what was taken, and with which probabilities? Sets differ in size, so
k is the largest, and the rest of a smaller set's row is padding: not allowed, with probability 0.
Letters: n examples, k candidates.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.event import SAMPLED
from policyloop.core.example import Context, Examples, Trial
from policyloop.join.trials import told_of_trials
from policyloop.lake.action_sets import OfferedSets

_CONTEXTS_AT_ONCE = 10_000


def among_candidates(rows: pa.Table, sets: OfferedSets) -> Examples:
    """Rows, in order, as `Examples` of what was offered to each.

    A row whose action was not offered is left out, and so is one whose set is not in the tables: damage to the log must not
    end the learning from all the rest. `policyloop status` tells of the damage.
    """
    is_here = [sets.has(text) for text in rows["actions"].to_pylist()]
    rows = rows if all(is_here) else rows.filter(pa.array(is_here))
    offered = [sets.of(text) for text in rows["actions"].to_pylist()]
    sizes = np.array([len(one) for one in offered], dtype=np.int64)
    k = int(sizes.max(initial=1))
    action = pc.list_element(rows["action"], 0).to_numpy().astype(np.int64)
    allowed = np.arange(k) < sizes[:, np.newaxis]
    _fill(allowed, rows["mask"], sizes)
    pmf = np.where(allowed, np.nan, 0.0)
    pmf[~allowed.any(axis=1)] = np.nan
    _fill(pmf, pc.list_element(rows["pmf"], 0), sizes)
    trial = _trial(rows, sizes, k)
    everything = Examples(allowed=allowed, action=action, pmf=pmf, candidates=offered, trial=trial, **columns_alike(rows))
    is_offered = (action >= 0) & (action < sizes)
    return everything if is_offered.all() else everything.where(is_offered)


def _trial(rows: pa.Table, sizes: NDArray[np.int64], k: int) -> Trial | None:
    """What the rows tell of trials, with padding like that of the pmf."""
    told = told_of_trials(rows)
    if told is None:
        return None
    champion, challenger = (np.full((len(sizes), k), np.nan) for _ in range(2))
    for table, lists in ((champion, told.champion_pmf), (challenger, told.challenger_pmf)):
        _fill(table, lists, sizes)
        is_told = np.isfinite(table).any(axis=1)
        table[is_told] = np.nan_to_num(table[is_told])
    return told.trial(champion_pmf=champion, challenger_pmf=challenger)


def columns_alike(rows: pa.Table) -> dict[str, Any]:
    """The columns of `Examples` that do not depend on what was offered."""
    propensity = np.array(rows["propensity"].to_numpy(), dtype=np.float64)
    kind = rows["propensity_kind"].to_numpy()
    return {
        "contexts": _contexts(rows["context"]),
        "reward": _floats(rows["reward"]),
        # Estimated and unknown ones are barred from evidence, and so is a point: it says nothing of the other actions.
        "propensity": np.where(kind == "probability", propensity, np.nan),
        "believed": np.where(kind == "estimated", propensity, np.nan) if (kind == "estimated").any() else None,
        "sampled": _sampled(rows["density"]),
        "split": _floats(rows["split"]),
        "decided_at": rows["decided_at"].to_numpy().astype(np.int64),
        "is_fallback": rows["is_fallback"].to_numpy().astype(bool),
        "policy": rows["policy"].to_numpy().astype(object),
        "decision_id": rows["decision_id"].to_numpy().astype(object),
        "spec": rows["spec"].to_numpy().astype(object),
        "logged_kind": kind.astype(object),
        "is_rewarded": rows["is_rewarded"].to_numpy().astype(bool),
        "is_deferred": rows["is_deferred"].to_numpy().astype(bool),
        "outcomes": _outcomes(rows["outcomes"]) if "outcomes" in rows.column_names else None,
    }


def _outcomes(reports: pa.ChunkedArray) -> dict[str, NDArray[np.float64]]:
    """Name -> (n,) the aggregated value, NaN where none came; of the names that any row has."""
    found = [dict(of_row) for of_row in reports.to_pylist()]
    names = sorted({name for of_row in found for name in of_row})
    return {name: np.array([of_row.get(name, np.nan) for of_row in found]) for name in names}


def _sampled(densities: pa.ChunkedArray) -> NDArray[np.int64] | None:
    """(n, 2) how many candidates there were, and the place of the one that stands for the others; None where all are logged."""
    if densities.null_count == len(densities):
        return None
    found = np.tile(np.array([0, -1], dtype=np.int64), (len(densities), 1))
    for i, text in enumerate(densities.to_pylist()):
        density = {} if text is None else msgspec.json.decode(text)
        if density.get("family") == SAMPLED:
            found[i] = density["count"], density.get("sample", -1)
    return found


def _fill(table: NDArray[Any], lists: pa.ChunkedArray, sizes: NDArray[np.int64]) -> None:
    """Write each list at the beginning of its row; a null, or one that is not as long as the set, is left out."""
    fits = pc.fill_null(pc.list_value_length(lists), -1).to_numpy() == sizes
    is_there = (np.arange(table.shape[1]) < sizes[:, np.newaxis]) & fits[:, np.newaxis]
    table[is_there] = pc.list_flatten(lists.filter(pa.array(fits))).to_numpy()


def _contexts(texts: pa.ChunkedArray) -> list[Context]:
    """Contexts of JSON objects, many by one call of the decoder."""
    contexts: list[Context] = []
    for start in range(0, len(texts), _CONTEXTS_AT_ONCE):
        some = texts.slice(start, _CONTEXTS_AT_ONCE).to_pylist()
        contexts += msgspec.json.decode(f"[{','.join(some)}]", type=list[dict[str, Any]])
    return contexts


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    return np.array(column.to_numpy(), dtype=np.float64)
