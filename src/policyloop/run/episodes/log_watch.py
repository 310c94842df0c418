"""The watch over the log of a loop with episodes: while a challenge goes on, may what decisions say of themselves be believed?

Question answered: is there an alarm, and what does it rest on? Only what we drew ourselves is looked at: a history that was
brought in proves nothing in a challenge. The first look goes back to some of the decisions before it.
Letters: n decisions.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pyarrow as pa

from policyloop.core.clock import hour_of
from policyloop.core.density import Density
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import from_json
from policyloop.gate.checks.steps import Step, StepLog, checked, said
from policyloop.gate.logcheck import LogCheck
from policyloop.lake.schema import DECISIONS
from policyloop.lake.tables import in_hours
from policyloop.run.deployment import Deployment
from policyloop.run.watches.settled import settled_before

LOG = "log"  # the name under which what was seen is carried on
MOST = 20_000  # decisions of a look, the newest: a loop without challenges for a year begins with those

_COLUMNS = (
    *("decision_id", "decided_at", "policy", "spec", "action", "action_value", "pmf", "mask", "density", "propensity"),
    *("propensity_kind", "is_fallback"),
)


def check_steps(deployment: Deployment, spec: LoopSpec) -> LogCheck:
    """Look at the decisions that have settled since the last look."""
    log = _remembered(deployment, spec) or StepLog()
    rows = _new_rows(deployment, spec, since=log.until)
    if rows is not None:
        registry = deployment.registry
        history = registry.spec_history(spec.loop)
        log = checked(
            log,
            [_step(row) for row in rows.to_pylist()],
            specs={**{one.digest: from_json(one.body) for one in history}, spec.digest: spec},
            policies=frozenset(row.model for row in registry.models(spec.loop)),
        )
        log = replace(log, until=rows["decided_at"][-1].as_py())
        registry.challenges.carry(spec.loop, LOG, msgspec.json.encode(log.to_mapping()).decode())
    return said(log, is_of_numbers=bool(spec.actions.box))


def begin_again(deployment: Deployment, spec: LoopSpec) -> None:
    """Believe the log from now on."""
    fresh = StepLog(until=deployment.clock.now_us())
    deployment.registry.challenges.carry(spec.loop, LOG, msgspec.json.encode(fresh.to_mapping()).decode())


def remembered(deployment: Deployment, spec: LoopSpec) -> LogCheck | None:
    """What the last look left; None before the first."""
    log = _remembered(deployment, spec)
    return None if log is None else said(log, is_of_numbers=bool(spec.actions.box))


def _remembered(deployment: Deployment, spec: LoopSpec) -> StepLog | None:
    carried = deployment.registry.challenges.carried(spec.loop, LOG)
    return None if carried is None else StepLog.from_mapping(msgspec.json.decode(carried))


def _new_rows(deployment: Deployment, spec: LoopSpec, *, since: int | None) -> pa.Table | None:
    """The newest decisions that settled after `since`, in the order of the log; None where there is none."""
    lake = deployment.lake
    if not lake.exists(DECISIONS):
        return None
    before = settled_before(deployment, spec.loop)
    asked = f"{in_hours(spec.loop)} AND draw_version > 0 AND NOT is_conflict AND decided_at < {before:d}"
    if since is not None:
        asked += f" AND hour >= '{hour_of(since)}' AND decided_at > {since:d}"
    moments = lake.rows(DECISIONS, where=asked, columns=("decided_at",))["decided_at"].to_numpy()
    if not len(moments):
        return None
    oldest = len(moments) - min(MOST, len(moments))
    first = int(np.partition(moments, oldest)[oldest])
    asked += f" AND hour >= '{hour_of(first)}' AND decided_at >= {first:d}"
    return lake.rows(DECISIONS, where=asked, columns=_COLUMNS).sort_by([("decided_at", "ascending")])


def _step(row: dict[str, object]) -> Step:
    density = row["density"]
    told = {
        "decision_id": row["decision_id"],
        "policy": row["policy"],
        "spec": row["spec"],
        "action": row["action"] or [],
        "values": row["action_value"] or [],
        "pmfs": row["pmf"] or [],
        "mask": row["mask"],
        "propensity": row["propensity"],
        "kind": row["propensity_kind"],
        "is_fallback": row["is_fallback"],
    }
    read = None if density is None else Density.from_json(msgspec.json.decode(str(density)))
    return Step(**told, density=read)  # type: ignore[arg-type]
