"""A refresh: one model of the loop's recipe from the newest examples, judged, and live when the gate lets it.

Question answered: what does the job `train` do, from the tables to the champion? It runs in a child of its own and can
be killed at any step: a model is published whole or not at all, and it goes live together with its verdict.
"""

from __future__ import annotations

from policyloop import __version__
from policyloop.core.errors import NothingToDo, PolicyloopError
from policyloop.core.model import short
from policyloop.gate.gate import look
from policyloop.gate.guard import watch
from policyloop.gate.verdict import Call, Verdict
from policyloop.join.hour_states import n_settled, n_waiting
from policyloop.learn.offline import OnCheckpoint
from policyloop.learn.train import train
from policyloop.registry.registry import Standing
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.episodes.offline import left_by_window, oldest_of, refresh_offline
from policyloop.run.episodes.transitions import transitions_of
from policyloop.run.refreshed import Refreshed
from policyloop.run.watches.trusted import Trusted, trusted


def refresh(
    deployment: Deployment, loop: str, *, job_id: int | None = None, on_checkpoint: OnCheckpoint | None = None
) -> Refreshed:
    """Train, publish, judge and, when the verdict is PROMOTE, promote; of a loop with episodes, choose offline.

    Args:
        job_id: of the job that this is; None: a loop with episodes makes one, whose run can be followed.
        on_checkpoint: told of the checkpoints of a training run of episodes.

    Raises:
        UnknownLoop: no loop has that name.
        NothingToDo: there is no example to learn from, or no checkpoint can be chosen.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    if standing.spec.episodes is not None:
        return _refresh_episodes(deployment, standing, job_id=job_id, on_checkpoint=on_checkpoint)
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


def _refresh_episodes(
    deployment: Deployment, standing: Standing, *, job_id: int | None, on_checkpoint: OnCheckpoint | None
) -> Refreshed:
    """A training run, in the folder of its job; whoever comes without a job gets one."""
    spec, records = standing.spec, deployment.records
    history, snapshot = transitions_of(deployment, spec, since=oldest_of(deployment, spec))
    if len(history) == 0:
        raise NothingToDo(_no_episode(spec.loop, n_waiting(records, spec.loop)))
    notes = left_by_window(deployment, spec)

    def refreshed(job_id: int) -> Refreshed:
        return refresh_offline(
            deployment, standing, history, snapshot=snapshot, job_id=job_id, on_checkpoint=on_checkpoint, notes=notes
        )

    if job_id is not None:
        return refreshed(job_id)
    job = jobs.begin(
        records, spec.loop, reason="asked for", n_examples=n_settled(records, spec), now_us=deployment.clock.now_us()
    )
    try:
        made = refreshed(job.id)
    except PolicyloopError as error:
        jobs.finish(records, job.id, state="failed", message=error.message, now_us=deployment.clock.now_us())
        raise
    jobs.finish(records, job.id, state="done", message=made.sentence, now_us=deployment.clock.now_us())
    return made


def _no_episode(loop: str, n_waiting: int) -> str:
    """Why nothing can be learned from, and the way out."""
    if n_waiting == 0:
        return (
            f"loop '{loop}' has no episode. Bring a history in: `policyloop import history FILE --loop {loop}`; or play an "
            f"environment: `policyloop rollout ENV --loop {loop}`."
        )
    wait = "1 waits for its end" if n_waiting == 1 else f"{n_waiting:,} wait for their end"
    return (
        f"loop '{loop}' has no episode that is over: {wait}, or for outcomes that may still come within reward.window. End "
        f"an episode with the key `terminated` or `truncated` beside the outcomes of its last decision, or wait."
    )


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
