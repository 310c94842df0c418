"""Decisions that were told in several records, each perhaps with less than the whole: of every column the first value.

Question answered: what do all records of a decision say together, where their system logs candidates in part?
Such a decision offers what was chosen and a sample of the rest. Its records are no conflict when they differ: no record
has a pmf, so none is evidence, and the first that has a context, a chosen item or a sample gives it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.event import SAMPLED
from policyloop.lake.views import ORDER, repeated_ids

_COLUMNS = ("context", "actions", "density")
_NULL = "null"  # the id of a candidate that is nothing


def first_given(taken: pa.Table, records: pa.Table) -> pa.Table:
    """The decisions with the columns context, actions and density as all their records give them.

    Args:
        taken: rows of the table `decisions`, one for each decision.
        records: all rows of these decisions.
    """
    if records["density"].null_count == records.num_rows:  # nearly always
        return taken
    in_part = records.filter(pc.fill_null(pc.match_substring(records["density"], f'"family":"{SAMPLED}"'), False))
    ids = repeated_ids(in_part).combine_chunks()
    if not len(ids):
        return taken
    several = in_part.filter(pc.is_in(in_part["decision_id"], value_set=ids))
    together = _together(several.sort_by([(name, "ascending") for name in ORDER]).to_pylist())
    is_told = pc.is_in(taken["decision_id"], value_set=ids).combine_chunks()
    told = [together[name] for name in taken["decision_id"].filter(is_told).to_pylist()]
    columns = dict(zip(taken.column_names, taken.columns, strict=True))
    for name in _COLUMNS:
        values = pa.array([one[name] for one in told], taken.schema.field(name).type)
        columns[name] = pc.replace_with_mask(columns[name].combine_chunks(), is_told, values)
    return pa.table(columns, schema=taken.schema)


def _together(records: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """By decision, the three columns that its records, in order, give together."""
    by_decision: dict[str, list[dict[str, Any]]] = {}
    for record in records:
        by_decision.setdefault(record["decision_id"], []).append(record)
    return {
        name: {"context": _context(own), "actions": offered, "density": density}
        for name, own in by_decision.items()
        for offered, density in [_offered(own)]
    }


def _context(records: list[dict[str, Any]]) -> str:
    """The first context with a value in it."""
    texts: list[str] = [record["context"] for record in records]
    return next((text for text in texts if any(v is not None for v in msgspec.json.decode(text).values())), texts[0])


def _offered(records: list[dict[str, Any]]) -> tuple[str, str]:
    """Actions and density: the first item that is not null, the first sample that is not, and the first count."""
    if any(not record["actions"].startswith("[") for record in records):  # a set stored elsewhere is never only nulls
        first = next(record for record in records if not _is_null(record["actions"]))
        return first["actions"], first["density"]
    sets: list[list[dict[str, Any]]] = [msgspec.json.decode(record["actions"]) for record in records]
    densities: list[dict[str, Any]] = [msgspec.json.decode(record["density"]) for record in records]
    samples = [own[d["sample"]] for own, d in zip(sets, densities, strict=True) if "sample" in d]
    item = _first([own[0] for own in sets])
    density = {"family": SAMPLED, "count": densities[0]["count"]}
    offered = [item]
    if samples:
        sample = _first(samples)
        offered += [sample] if sample["id"] != item["id"] else []
        density["sample"] = len(offered) - 1
    return msgspec.json.encode(offered).decode(), msgspec.json.encode(density).decode()


def _first(candidates: list[dict[str, Any]]) -> dict[str, Any]:
    return next((one for one in candidates if one["id"] != _NULL), candidates[0])


def _is_null(actions: str) -> bool:
    """Whether the chosen one is nothing."""
    return actions.startswith("[") and msgspec.json.decode(actions)[0]["id"] == _NULL
