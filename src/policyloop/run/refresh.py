"""A refresh: one model of the loop's recipe from the newest examples, judged, and live when the gate lets it.

Question answered: what does the job `train` do, from the tables to the champion? It runs in a child of its own and can
be killed at any step: a model is published whole or not at all, and it goes live together with its verdict.
"""

from __future__ import annotations

from policyloop import __version__
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.gate.entrant import Entrant
from policyloop.gate.gate import look
from policyloop.gate.guard import watch
from policyloop.gate.verdict import Call, Verdict
from policyloop.join.history import examples_of
from policyloop.learn.train import train
from policyloop.policy.scored import baseline
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.serve.aligned import aligned


def refresh(deployment: Deployment, loop: str) -> str:
    """Train, publish, judge and, when the verdict is PROMOTE, promote.

    Returns:
        What happened, in a sentence for people.

    Raises:
        UnknownLoop: no loop has that name.
        NothingToDo: there is no example to learn from.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    examples, snapshot = examples_of(deployment.lake, registry, standing.spec)
    trained = train(
        examples,
        standing.spec,
        seed=len(examples),
        parent=standing.champion,
        snapshot=snapshot,
        code_version=__version__,
    )
    model = registry.publish(trained.manifest, trained.tensors)
    if model == standing.champion:
        return f"model {model[:12]} is live already: nothing new was learned"
    verdict = judge(deployment, standing, model, examples)
    if verdict.call == Call.PROMOTE and not standing.row.is_frozen:
        registry.promote(loop, verdict)
    else:
        registry.record(loop, verdict)
    return f"model {model[:12]} from {trained.manifest.n_examples:,} examples: {verdict.call}. {verdict.sentence}"


def judge(deployment: Deployment, standing: Standing, model: str, examples: Examples) -> Verdict:
    """What the gate says of a published model beside the champion of now."""
    champion, anchor = standing.row.champion, standing.row.anchor
    return look(
        _entrant(deployment, standing.spec, model),
        champion=_entrant(deployment, standing.spec, champion) if champion else None,
        anchor=_entrant(deployment, standing.spec, anchor) if anchor else None,
        examples=examples,
        spec=standing.spec,
        clock=deployment.clock,
    )


def guard(deployment: Deployment, loop: str) -> str | None:
    """Look again at the model that is live; harm found rolls it back. Answers what was done, None when nothing was.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    if standing.champion is None:
        return None
    examples, _ = examples_of(deployment.lake, deployment.registry, standing.spec)
    previous = standing.row.previous
    verdict = watch(
        _entrant(deployment, standing.spec, standing.champion),
        previous=_entrant(deployment, standing.spec, previous) if previous else _baseline(standing.spec),
        examples=examples,
        spec=standing.spec,
    )
    if verdict.call != Call.ROLLBACK:
        return None
    deployment.registry.roll_back(loop, verdict)
    return f"model {verdict.model[:12]} was rolled back. {verdict.sentence}"


def _entrant(deployment: Deployment, spec: LoopSpec, model: str) -> Entrant:
    """A model as it would serve under today's spec."""
    stored = deployment.registry.load(spec.loop, model)
    policy = stored.policy()
    return Entrant(model, aligned(policy, stored.labels, spec), rewards=policy if stored.labels == spec.labels else None)


def _baseline(spec: LoopSpec) -> Entrant:
    return Entrant(BASELINE, baseline(spec.labels, spec.baseline, floor=spec.explore.floor), rewards=None)
