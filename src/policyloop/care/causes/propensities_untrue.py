"""Propensities untrue: actions were not drawn from the probabilities that were logged, so no estimate can be believed."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.gate.checks.overrides import CONFLICTS, EXECUTED
from policyloop.run.log_check import remembered

_TOLD_ELSEWHERE = (EXECUTED, CONFLICTS)  # causes of their own


def find(examination: Examination) -> Cause | None:
    """The cause, where the watch over the log has raised an alarm that nobody unfroze since."""
    found = remembered(examination.deployment, examination.spec)
    if found is None:
        return None
    alarms = [alarm for alarm in found.alarms if alarm.name not in _TOLD_ELSEWHERE]
    if not alarms:
        return None
    return Cause(
        name="propensities-untrue",
        severity="stops",
        sentence=" ".join(alarm.sentence for alarm in alarms),
        advice=(
            "Serve exactly what is drawn from the logged probabilities: no second draw, no cache of answers, no rule that "
            "overrules afterwards without `executed`, no other model beside the one that is named. Then "
            f"`policyloop gate unfreeze {examination.loop}` begins the check anew."
        ),
        numbers={name: value for alarm in alarms for name, value in alarm.numbers.items()},
    )
