"""Diagnose: every cause of the family is looked for, and what was found is ranked.

Question answered: why is this loop not learning? It reads records and tables and changes nothing.
"""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause, Diagnosis, ranked
from policyloop.care.doctor.examination import Examination
from policyloop.care.doctor.youth import youth_of
from policyloop.core import plugins
from policyloop.run.deployment import Deployment

CAUSES = "policyloop.care.causes"


def diagnose(deployment: Deployment, loop: str) -> Diagnosis:
    """Examine a loop.

    Args:
        deployment: where it is.
        loop: its name or an alias.

    Raises:
        UnknownLoop: there is none.
    """
    examination = Examination(deployment, deployment.registry.standing(loop))
    found: list[Cause | None] = [plugins.load(CAUSES, name).find(examination) for name in plugins.names(CAUSES)]
    youth = youth_of(examination)
    return Diagnosis(
        loop=examination.loop,
        at=examination.now_us,
        causes=ranked([cause for cause in found if cause is not None]),
        notes=youth.notes,
        n_decisions=examination.audit.decisions,
        n_examples=examination.audit.examples,
        learns_from=examination.spec.learns_from,
        needs=youth.needs,
    )
