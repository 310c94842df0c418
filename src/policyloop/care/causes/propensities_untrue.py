"""Propensities untrue: actions were not drawn from the probabilities that were logged, so no estimate can be believed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.errors import PolicyloopError
from policyloop.core.example import Examples
from policyloop.gate.checks.contract import Known
from policyloop.gate.logcheck import check

_MOST = 20_000  # of the newest examples; a fault that takes more to be seen moves no estimate by much


def find(examination: Examination) -> Cause | None:
    """The cause, where the log check raises an alarm about the newest examples."""
    rows = _newest(examination.examples)
    if not len(rows):
        return None
    found, _ = check(rows, spec=examination.spec, known=_known(examination), others=_others(examination, rows))
    if not found.is_alarm:
        return None
    return Cause(
        name="propensities-untrue",
        severity="stops",
        sentence=" ".join(alarm.sentence for alarm in found.alarms),
        advice=(
            "Serve exactly what is drawn from the logged probabilities: no second draw, no cache of answers, no rule that "
            "overrules afterwards without `executed`, no other model beside the one that is named."
        ),
        numbers={name: value for alarm in found.alarms for name, value in alarm.numbers.items()},
    )


def _known(examination: Examination) -> Known:
    """The loop's models and the floors of its specs."""
    registry, loop = examination.deployment.registry, examination.loop
    specs = [registry.spec_named(loop, row.digest) for row in registry.spec_history(loop)]
    return Known(
        policies=frozenset(model.model for model in registry.models(loop)),
        floors={spec.digest: spec.explore.floor for spec in specs if spec is not None},
    )


def _newest(examples: Examples) -> Examples:
    """At most so many, the newest."""
    return examples.where(np.arange(len(examples)) >= len(examples) - _MOST)


def _others(examination: Examination, rows: Examples) -> dict[str, NDArray[np.float64]]:
    """Role -> what that model would have done, of those that may have decided instead."""
    row = examination.standing.row
    roles = {"champion": row.champion, "previous": row.previous}
    found = {}
    for role, model in roles.items():
        if model is None:
            continue
        try:
            policy = examination.entrant(model).policy
        except PolicyloopError:  # it is not here, or not whole: then it is asked of the others alone
            continue
        found[role] = policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates)
    return found
