"""What was offered in one logged decision: its candidates, from the tables, or from what the log has not handed on yet.

Question answered: among what did this decision choose?
"""

from __future__ import annotations

from policyloop.core.candidates import Candidates, candidates_from_json
from policyloop.core.event import Decision
from policyloop.lake.action_sets import offered_sets
from policyloop.log.replay import find_action_set
from policyloop.run.deployment import Deployment


def offered_in(deployment: Deployment, decision: Decision) -> Candidates | None:
    """The candidates of a decision; None where its actions are labels.

    Raises:
        CorruptLog: it refers to a set that is neither in the tables nor in the log.
    """
    if decision.actions is None:
        return None
    if not decision.actions.startswith("["):
        logged = find_action_set(deployment.home.log, decision.loop, decision.actions)
        if logged is not None:
            return candidates_from_json(logged.actions)
    return offered_sets(deployment.lake, decision.loop, [decision.actions]).of(decision.actions)
