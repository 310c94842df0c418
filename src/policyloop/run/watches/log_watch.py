"""The watch over the log: whenever decisions have settled, may what they say of themselves still be believed?

Question answered: is there an alarm, and what does it rest on? What earlier looks saw is remembered, so a look reads the newest
decisions alone. An alarm freezes the loop's promotions, and stays until a person unfreezes them: then the check begins anew,
and what was counted before counts no more.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import PolicyloopError
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import from_json
from policyloop.gate import logcheck
from policyloop.gate.checks.contract import Known
from policyloop.gate.logcheck import LogCheck, LogState
from policyloop.join.audit import Audit, added, less
from policyloop.join.history import examples_of
from policyloop.join.hour_states import hour_states
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.watches.settled import settled_before

LOG = "log"  # the name under which what was seen is carried on
FORGIVEN = "log-forgiven"  # the same, of what the joins had counted when a person unfroze the loop


def check_log(deployment: Deployment, loop: str) -> LogCheck:
    """Look at the decisions that have settled since the last look; an alarm freezes promotions.

    Raises:
        UnknownLoop: no loop has that name.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    spec = standing.spec
    state = _remembered(deployment, spec)
    before = settled_before(deployment, spec.loop)
    since = None if state is None or state.until is None else state.until
    examples, _ = examples_of(deployment.lake, registry, spec, since=since)
    found, after = logcheck.check(
        examples,
        spec=spec,
        known=_known(deployment, spec),
        state=state,
        before=before,
        others=others_of(deployment, spec, examples),
        audit=_counted(deployment, spec),
    )
    registry.challenges.carry(spec.loop, LOG, msgspec.json.encode(after.to_mapping()).decode())
    if found.is_alarm and not standing.row.is_frozen:
        registry.freeze(spec.loop, why=found.alarms[0].sentence)
    return found


def begin_again(deployment: Deployment, spec: LoopSpec) -> None:
    """Believe the log from now on: a person has mended what was wrong, and what came before is not asked about again."""
    fresh = replace(logcheck.begin(spec), until=deployment.clock.now_us())
    audit = msgspec.json.encode(_audit(deployment, spec)).decode()
    deployment.registry.challenges.carry(spec.loop, FORGIVEN, audit)
    deployment.registry.challenges.carry(spec.loop, LOG, msgspec.json.encode(fresh.to_mapping()).decode())


def remembered(deployment: Deployment, spec: LoopSpec) -> LogCheck | None:
    """What the last look left; None before the first."""
    state = _remembered(deployment, spec)
    if state is None:
        return None
    return logcheck.said(state, spec, audit=_counted(deployment, spec))


def _remembered(deployment: Deployment, spec: LoopSpec) -> LogState | None:
    carried = deployment.registry.challenges.carried(spec.loop, LOG)
    return None if carried is None else LogState.from_mapping(msgspec.json.decode(carried))


def _audit(deployment: Deployment, spec: LoopSpec) -> Audit:
    """What the joins have counted up to now."""
    return added(one.audit for one in hour_states(deployment.records, spec.loop).values())


def _counted(deployment: Deployment, spec: LoopSpec) -> Audit:
    """The same, since the check began anew."""
    now = _audit(deployment, spec)
    carried = deployment.registry.challenges.carried(spec.loop, FORGIVEN)
    then = Audit() if carried is None else msgspec.json.decode(carried, type=Audit)
    return less(now, then) if now.decisions >= then.decisions else now  # fewer: the loop's events were cleared meanwhile


def _known(deployment: Deployment, spec: LoopSpec) -> Known:
    """The names that decisions may carry: every model and every spec that the loop ever had."""
    models = frozenset(row.model for row in deployment.registry.models(spec.loop))
    specs = deployment.registry.spec_history(spec.loop)
    return Known(policies=models, floors={row.digest: from_json(row.body).explore.floor for row in specs})


def others_of(deployment: Deployment, spec: LoopSpec, examples: Examples) -> dict[str, NDArray[np.float64]]:
    """What else may have decided: the baseline, and the models of now and before, as far as they can be loaded.

    What champion and challenger said when a decision was made comes with its example, and goes before. A model is asked of
    decisions since the champion of now went live alone: which models these are followed from earlier ones, and a bet on a
    draw may not know how that draw came out.
    """
    row = deployment.registry.standing(spec.loop).row
    changed_at = deployment.registry.champion_since(spec.loop)
    is_known_then = examples.decided_at > (-1 if changed_at is None else changed_at)
    found = {}
    for role, model in {"baseline": None, "champion": row.champion, "previous": row.previous}.items():
        try:
            policy = entrant_of(deployment.registry, spec, model).policy
        except PolicyloopError:  # it is not here, or not whole: then the others alone are asked
            continue
        pmf = policy.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)
        found[role] = pmf if model is None else np.where(is_known_then[:, np.newaxis], pmf, np.nan)
    return found
