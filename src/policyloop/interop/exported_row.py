"""A row for another system's file: a matured decision of ours, what was offered to it, and what came of it.

Question answered: what does the log say of this decision, whichever kind of actions the loop has?
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from policyloop.core.loop import LoopSpec
from policyloop.join.history import Specs
from policyloop.lake import views
from policyloop.lake.action_sets import offered_sets
from policyloop.lake.schema import EXAMPLES
from policyloop.lake.tables import Lake

PARTS = ("all", "learned", "held-out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRow:
    """One example whose propensity is known."""

    decision_id: str
    decided_at: int  # microseconds
    policy: str
    context: Mapping[str, Any]
    names: Sequence[str]  # what was allowed, in the offered order: labels or ids
    features: Sequence[Mapping[str, Any]] | None  # of each; None where the actions are labels
    action: int  # place among `names`
    pmf: Sequence[float]  # of each
    reward: float
    is_rewarded: bool  # False: nothing was reported, the reward is the default


def exported_rows(
    lake: Lake, specs: Specs, spec: LoopSpec, *, since: int = 0, part: str = "all"
) -> Iterator[ExportedRow | None]:
    """The loop's examples hour by hour, each hour in the order of the log; None for one whose probabilities are not known.

    Args:
        lake: the tables.
        specs: the specs of earlier decisions.
        spec: the loop's spec of today.
        since: microseconds; examples decided before are left out.
        part: `learned`: those below the split; `held-out`: those above, which nothing may learn from; `all`.
    """
    for hour in sorted(lake.hours(EXAMPLES, loop=spec.loop)):
        rows = [row for row in views.examples(lake, spec.loop, hours=[hour]).to_pylist() if row["decided_at"] >= since]
        sets = offered_sets(lake, spec.loop, {row["actions"] for row in rows if row["actions"] is not None})
        for row in rows:
            if row["is_conflict"] or (part != "all" and (part == "learned") != (row["split"] < spec.train.split)):
                continue
            if row["actions"] is not None:
                offered = sets.of(row["actions"])
                yield _row(row, offered.ids, offered.features)
            else:
                yield _row(row, (specs.spec_named(spec.loop, row["spec"]) or spec).labels, None)


def _row(row: Mapping[str, Any], names: Sequence[str], features: Sequence[Mapping[str, Any]] | None) -> ExportedRow | None:
    """The row with its masked actions left out; None where the probabilities of the others are not known."""
    pmf = row["pmf"][0] if row["pmf"] else None
    if row["propensity_kind"] != "probability" or pmf is None or not row["action"] or len(pmf) != len(names):
        return None
    mask = row["mask"] or [True] * len(names)
    allowed = [place for place, is_allowed in enumerate(mask) if is_allowed]
    if row["action"][0] not in allowed:
        return None
    return ExportedRow(
        decision_id=row["decision_id"],
        decided_at=row["decided_at"],
        policy=row["policy"],
        context=msgspec.json.decode(row["context"]),
        names=[names[place] for place in allowed],
        features=None if features is None else [features[place] for place in allowed],
        action=allowed.index(row["action"][0]),
        pmf=[pmf[place] for place in allowed],
        reward=row["reward"],
        is_rewarded=row["is_rewarded"],
    )
