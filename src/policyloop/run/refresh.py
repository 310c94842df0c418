"""A refresh: one model of the loop's recipe from the newest examples, judged, and live when the gate lets it.

Question answered: what does the job `train` do, from the tables to the champion? It runs in a child of its own and can
be killed at any step: a model is published whole or not at all, and it goes live together with its verdict.
"""

from __future__ import annotations

from policyloop import __version__
from policyloop.core.model import short
from policyloop.gate.gate import look
from policyloop.gate.guard import watch
from policyloop.gate.verdict import Call, Verdict
from policyloop.learn.train import train
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.refreshed import Refreshed
from policyloop.run.trusted import Trusted, trusted


def refresh(deployment: Deployment, loop: str) -> Refreshed:
    """Train, publish, judge and, when the verdict is PROMOTE, promote.

    Raises:
        UnknownLoop: no loop has that name.
        NothingToDo: there is no example to learn from.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    data = trusted(deployment, standing.spec)
    trained = train(
        data.examples,
        standing.spec,
        seed=len(data.examples),
        parent=standing.champion,
        snapshot=data.snapshot,
        code_version=__version__,
    )
    model = registry.publish(trained.manifest, trained.tensors)
    if model == standing.champion:
        return Refreshed(model=model, n_examples=trained.manifest.n_examples, verdict=None)
    verdict = judge(deployment, standing, model, data)
    if verdict.call == Call.PROMOTE and not standing.row.is_frozen:
        registry.promote(loop, verdict)
    else:
        registry.record(loop, verdict)
    return Refreshed(model=model, n_examples=trained.manifest.n_examples, verdict=verdict)


def judge(deployment: Deployment, standing: Standing, model: str, data: Trusted) -> Verdict:
    """What the gate says of a published model beside the champion of now."""
    champion, anchor = standing.row.champion, standing.row.anchor
    is_first = champion is None and not any(
        row.state in ("replaced", "rolled-back") for row in deployment.registry.models(standing.spec.loop)
    )
    return look(
        entrant_of(deployment.registry, standing.spec, model),
        champion=None if is_first else entrant_of(deployment.registry, standing.spec, champion),
        anchor=entrant_of(deployment.registry, standing.spec, anchor) if anchor else None,
        examples=data.examples,
        spec=standing.spec,
        clock=deployment.clock,
        holds=data.holds,
        before=data.first_waiting,
    )


def guard(deployment: Deployment, loop: str) -> str | None:
    """Look again at the model that is live; harm found rolls it back. Answers what was done, None when nothing was.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    if standing.champion is None:
        return None
    data = trusted(deployment, standing.spec)
    verdict = watch(
        entrant_of(deployment.registry, standing.spec, standing.champion),
        previous=entrant_of(deployment.registry, standing.spec, standing.row.previous),
        examples=data.examples,
        spec=standing.spec,
        before=data.first_waiting,
    )
    if verdict.call != Call.ROLLBACK:
        return None
    deployment.registry.roll_back(loop, verdict)
    return f"model {short(verdict.model)} was rolled back. {verdict.sentence}"
