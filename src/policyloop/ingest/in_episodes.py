"""What a decision needs to say that belongs to an episode: which one, and at which step.

Question answered: can the steps of this episode be put in order, and can its limits be kept from step to step?
"""

from __future__ import annotations

from policyloop.core.errors import Fault
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_episodes import needs_next
from policyloop.core.wire import DecideRequest, OutcomeRequest, TrackedDecision

_ID = "the id of the episode, the same for all its steps, such as that of the run or of the game"


def check_episode(request: DecideRequest | TrackedDecision, spec: LoopSpec, faults: list[Fault], where: str) -> None:
    """Append a fault for what a loop with episodes needs and the request does not say."""
    if spec.episodes is None:
        return
    if request.episode_id is None:
        faults.append(Fault(f"{where}.episode_id", f"is missing; expected {_ID}.", "missing_field"))
    if request.step is not None:
        return
    if isinstance(request, TrackedDecision):
        message = "is missing; expected the place of the decision in its episode, from 0: rows may arrive in any order."
        faults.append(Fault(f"{where}.step", message, "missing_field"))
    elif any(limit.max_change is not None for limit in spec.limits):
        message = (
            "is missing; expected the place of the decision in its episode, from 0: this loop limits how far an action may "
            "change from one step to the next."
        )
        faults.append(Fault(f"{where}.step", message, "missing_field"))


def check_end(request: OutcomeRequest, spec: LoopSpec, faults: list[Fault], warnings: list[str], where: str) -> None:
    """Append a fault when an end cannot be one, and a warning when it cannot be learned from."""
    if request.terminated and request.truncated:
        message = (
            "is true together with terminated; expected one of the two: terminated, nothing comes after, or truncated, the "
            "record stops here and the episode would have gone on."
        )
        faults.append(Fault(f"{where}.truncated", message))
    if spec.episodes is not None and request.truncated and request.next_context is None:
        warnings.append(
            f"{where}.next_context: is missing; expected the context that the episode was cut off in: it says what the last "
            f"action led to."
        )
    is_lost = request.terminated and request.next_context is None and needs_next(spec.reward.expression)
    if spec.episodes is not None and is_lost:
        warnings.append(
            f"{where}.next_context: is missing; expected the context that the episode ended in: the reward needs it (`next.`), "
            f"and without it the last action is left out, and the step before it terminates."
        )
