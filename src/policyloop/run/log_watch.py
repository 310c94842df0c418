"""The watch over the log: whenever decisions have settled, may what they say of themselves still be believed?

Question answered: is there an alarm, and what does it rest on? What earlier looks saw is remembered, so a look reads the newest
decisions alone. An alarm freezes the loop's promotions, and stays until a person unfreezes them: then the check begins anew.
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
from policyloop.gate.verdict import Reason
from policyloop.join.audit import added
from policyloop.join.history import examples_of
from policyloop.join.hour_states import first_waiting, hour_states
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of

LOG = "log"  # the name under which what was seen is carried on


def check_log(deployment: Deployment, loop: str) -> LogCheck:
    """Look at the decisions that have settled since the last look; an alarm freezes promotions.

    Raises:
        UnknownLoop: no loop has that name.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    spec = standing.spec
    state = _remembered(deployment, spec)
    waits = first_waiting(deployment.records, spec.loop)
    since = None if state is None or state.until is None else state.until
    examples, _ = examples_of(deployment.lake, registry, spec, since=since)
    audits = (one.audit for one in hour_states(deployment.records, spec.loop).values())
    found, after = logcheck.check(
        examples,
        spec=spec,
        known=_known(deployment, spec),
        state=state,
        before=waits,
        others=_others(deployment, spec, examples),
        audit=added(audits),
    )
    registry.challenges.carry(spec.loop, LOG, msgspec.json.encode(after.to_mapping()).decode())
    if found.is_alarm and not standing.row.is_frozen:
        registry.freeze(spec.loop, why=found.alarms[0].sentence)
    return found


def begin_again(deployment: Deployment, loop: str) -> None:
    """Believe the log from now on: a person has mended what was wrong, and what came before is not asked about again.

    Raises:
        UnknownLoop: no loop has that name.
    """
    spec = deployment.registry.standing(loop).spec
    fresh = replace(logcheck.begin(spec), until=deployment.clock.now_us())
    deployment.registry.challenges.carry(spec.loop, LOG, msgspec.json.encode(fresh.to_mapping()).decode())


def remembered_alarms(deployment: Deployment, spec: LoopSpec) -> tuple[Reason, ...]:
    """The alarms that the last look left; none before the first."""
    state = _remembered(deployment, spec)
    return () if state is None else logcheck.said(state, spec).alarms


def _remembered(deployment: Deployment, spec: LoopSpec) -> LogState | None:
    carried = deployment.registry.challenges.carried(spec.loop, LOG)
    return None if carried is None else LogState.from_mapping(msgspec.json.decode(carried))


def _known(deployment: Deployment, spec: LoopSpec) -> Known:
    """The names that decisions may carry: every model and every spec that the loop ever had."""
    models = frozenset(row.model for row in deployment.registry.models(spec.loop))
    specs = deployment.registry.spec_history(spec.loop)
    return Known(policies=models, floors={row.digest: from_json(row.body).explore.floor for row in specs})


def _others(deployment: Deployment, spec: LoopSpec, examples: Examples) -> dict[str, NDArray[np.float64]]:
    """What else may have decided: the baseline, and the models of now and before, as far as they can be loaded.

    What champion and challenger said when a decision was made comes with its example, and goes before. A model is asked of
    decisions after those that it learned from alone: a bet on a draw may not know how that draw came out.
    """
    row = deployment.registry.standing(spec.loop).row
    found = {}
    for role, model in {"baseline": None, "champion": row.champion, "previous": row.previous}.items():
        try:
            policy = entrant_of(deployment.registry, spec, model).policy
            learned_until = -1 if model is None else deployment.registry.load(spec.loop, model).manifest.trained_until
        except PolicyloopError:  # it is not here, or not whole: then the others alone are asked
            continue
        pmf = policy.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)
        found[role] = np.where((examples.decided_at > learned_until)[:, np.newaxis], pmf, np.nan)
    return found
