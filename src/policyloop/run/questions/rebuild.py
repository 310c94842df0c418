"""A logged decision found and made again.

Question answered: what exactly was decided under this id, by whom, and do log, key and model agree on it?
It looks in the tables first, then in what the log has not handed on yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from policyloop.core.errors import NothingToDo, UnknownDecision
from policyloop.core.event import Decision
from policyloop.core.loop import LoopSpec
from policyloop.lake.lookup import find_decision
from policyloop.log.replay import find_events
from policyloop.registry.salts import current_salt, salt_named
from policyloop.run.deployment import Deployment
from policyloop.run.questions.offered import offered_in
from policyloop.serve.aligned import ready
from policyloop.serve.box_replay import BoxReplay, replay_numbers
from policyloop.serve.remade import named_in
from policyloop.serve.replay import Replay, check_salt, replay
from policyloop.serve.served import Served


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """A decision and what came of making it again."""

    decision: Decision
    spec: LoopSpec
    names: tuple[str, ...]  # of the actions, in the offered order; none where actions are numbers
    replay: Replay | BoxReplay


def rebuild(deployment: Deployment, decision_id: str, *, loop: str | None = None) -> Rebuilt:
    """Find a decision and make it again.

    Args:
        decision_id: as decide answered it.
        loop: where it was made; None looks in all loops.

    Raises:
        UnknownLoop: no loop has that name.
        UnknownDecision: there is none of that id.
        NothingToDo: the spec or the salt it was made with is not here.
    """
    decision = find_logged(deployment, decision_id, loop=loop)
    registry, spec = deployment.registry, spec_of(deployment, decision)
    salt = current_salt(deployment.records, deployment.clock)
    if decision.salt_id is not None:
        salt = salt_named(deployment.records, decision.salt_id) or salt
    stored = {model: registry.load(decision.loop, model) for model in named_in(decision)}
    policies = {model: ready(one.loaded(), one.labels, spec) for model, one in stored.items()}
    if spec.has_box:
        check_salt(decision, salt)
        again = replay_numbers(decision, spec, salt=salt, policies=policies)
        return Rebuilt(decision=decision, spec=spec, names=(), replay=again)
    candidates = offered_in(deployment, decision)
    over_labels = cast(Mapping[str, Served], policies)
    made = replay(decision, spec, salt=salt, policies=over_labels, candidates=candidates)
    return Rebuilt(decision=decision, spec=spec, names=spec.labels if candidates is None else candidates.ids, replay=made)


def find_logged(deployment: Deployment, decision_id: str, *, loop: str | None = None) -> Decision:
    """A decision as it was logged, from the tables or from the log; arguments and errors as in `rebuild`."""
    loops = [deployment.registry.standing(loop).spec.loop] if loop else sorted(deployment.registry.standings())
    for name in loops:
        decision = find_decision(deployment.lake, deployment.records, name, decision_id)
        if decision is not None:
            return decision
    for _, event in find_events(deployment.home.log, decision_id):
        if isinstance(event, Decision) and event.loop in loops:
            return event
    raise UnknownDecision(decision_id)


def spec_of(deployment: Deployment, decision: Decision) -> LoopSpec:
    """The spec that a decision names.

    Raises:
        NothingToDo: it is not here.
    """
    spec = deployment.registry.spec_named(decision.loop, decision.spec)
    if spec is None:
        raise NothingToDo(
            f"decision '{decision.decision_id}' names spec {decision.spec}, which loop '{decision.loop}' never had here; "
            f"expected the records of the deployment that made it."
        )
    return spec
