"""Training: jobs of the queue run in children of their own, one a loop, retried when they fail.

Question answered: what runs now, how did it end, and is it tried again?
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from policyloop.core import plugins
from policyloop.core.clock import US_PER_S
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.jobs import Job
from policyloop.run.runners.local import LocalRunner, Running

Tell = Callable[[str, str, Mapping[str, object]], None]  # level, what happened, facts about it

RUNNERS = "policyloop.run.runners"
_CHILD = "policyloop.run.child"
_AT_ONCE = 1  # training shares the machine with serving
_FIRST_RETRY_S = 10.0  # doubled with every further attempt


class Training:
    """The children at work."""

    def __init__(self, deployment: Deployment, *, tell: Tell, runner: str = "local") -> None:
        self._deployment = deployment
        self._tell = tell
        self._runner: LocalRunner = plugins.load(RUNNERS, runner).create()
        self._running: list[tuple[Job, Running]] = []

    def advance(self) -> None:
        """Take note of what has ended, then start what waits."""
        now_s = self._deployment.clock.monotonic_s()
        still: list[tuple[Job, Running]] = []
        for job, running in self._running:
            ended = running.poll(now_s)
            if ended is None:
                still.append((job, running))
            elif ended.is_ok:
                self._tell_done(job)
            else:
                self._fail(job, ended.message)
        self._running = still
        while len(self._running) < _AT_ONCE and self._start_next(now_s):
            pass

    def stop(self) -> None:
        """End all children; their jobs are queued again by the next worker."""
        for _, running in self._running:
            running.stop()
        self._running = []

    def _start_next(self, now_s: float) -> bool:
        """Start the next job; False when none waits."""
        d = self._deployment
        job = jobs.claim(d.records, now_us=d.clock.now_us())
        if job is None:
            return False
        train = d.registry.standing(job.loop).spec.train
        self._tell("info", "training", {"loop": job.loop, "job": job.id, "reason": job.reason, "attempt": job.attempt})
        arguments = [str(d.home.path), job.loop, str(job.id)]
        running = self._runner.start(_CHILD, arguments, now_s=now_s, max_runtime_s=train.max_runtime_s)
        self._running.append((job, running))
        return True

    def _tell_done(self, job: Job) -> None:
        done = jobs.get(self._deployment.records, job.id)
        self._tell("info", "trained", {"loop": job.loop, "job": job.id, "what": done.message})

    def _fail(self, job: Job, message: str) -> None:
        """Write the failure down, and queue another attempt while the spec allows one."""
        d = self._deployment
        now_us = d.clock.now_us()
        self._tell("error", "training failed", {"loop": job.loop, "job": job.id, "attempt": job.attempt, "why": message})
        if job.attempt > d.registry.standing(job.loop).spec.train.retries:
            jobs.give_up(d.records, job, message=message, now_us=now_us)
            return
        jobs.finish(d.records, job.id, state="failed", message=message, now_us=now_us)
        wait_s = _FIRST_RETRY_S * 2 ** (job.attempt - 1)
        jobs.retry(d.records, job, not_before_us=now_us + int(wait_s * US_PER_S))
