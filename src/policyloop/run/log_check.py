"""The log check of any loop: what the last look left, and how a person has it begin anew.

Question answered: may what this loop's decisions say of themselves be believed? Decisions of episodes are looked at step by
step, the others one by one.
"""

from __future__ import annotations

from policyloop.core.loop import LoopSpec
from policyloop.gate.logcheck import LogCheck
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import log_watch as of_steps
from policyloop.run.watches import log_watch as of_decisions


def begin_again(deployment: Deployment, loop: str) -> None:
    """Believe the log from now on: a person has mended what was wrong, and what came before is not asked about again.

    Raises:
        UnknownLoop: no loop has that name.
    """
    spec = deployment.registry.standing(loop).spec
    if spec.episodes is None:
        of_decisions.begin_again(deployment, spec)
    else:
        of_steps.begin_again(deployment, spec)


def remembered(deployment: Deployment, spec: LoopSpec) -> LogCheck | None:
    """What the last look left; None before the first."""
    return of_decisions.remembered(deployment, spec) if spec.episodes is None else of_steps.remembered(deployment, spec)
