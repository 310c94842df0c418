"""Floor too low: actions get so little chance that one example may weigh thousands, and the gate starves."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.spec_warnings import about_weights, largest_weight
from policyloop.gate.verdict import number


def find(examination: Examination) -> Cause | None:
    """The cause, where the spec check would warn of it."""
    spec, n_actions = examination.spec, _offered(examination)
    warned = about_weights(spec, n_actions=n_actions)
    if not warned:
        return None
    return Cause(
        name="floor-too-low",
        severity="stops" if spec.explore.floor == 0 else "slows",
        sentence=f"In the spec, {warned[0]}",
        advice="Raise explore.floor; 0.02 to 0.1 is usual. A change of the floor takes effect at the next decision.",
        numbers={"floor": spec.explore.floor, "largest_weight": number(largest_weight(spec, n_actions=n_actions))},
    )


def _offered(examination: Examination) -> int | None:
    """How many candidates were offered at once at most: `actions.max` may be far above. None where actions are labels."""
    if not examination.spec.is_candidates:
        return None
    return int(examination.examples.allowed.sum(axis=1).max(initial=1))
