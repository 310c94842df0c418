"""Work by hand: what a person asks for while no worker runs, under the worker's own lease.

Question answered: may this process write the tables now? Only while it holds the lease, which is renewed for as long as
the work takes; otherwise the worker does it. Where another command of a person has it, there may be no worker, and it is
waited for.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from policyloop.core.loop import LoopSpec
from policyloop.join.hour_states import n_settled
from policyloop.join.hours import join_loop
from policyloop.lake.ship import ship_log
from policyloop.learn.offline import OnCheckpoint
from policyloop.log.files import SystemFiles
from policyloop.run import clearing, jobs
from policyloop.run.deployment import Deployment
from policyloop.run.jobs import Job
from policyloop.run.lease import LEASE_S, WORK, Lease, holder_here, is_worked
from policyloop.run.refresh import refresh
from policyloop.run.refreshed import Refreshed

RENEW_EVERY_S = LEASE_S / 3
_LOOK_EVERY_S = 0.5


@contextmanager
def ship_by_hand(deployment: Deployment, *, renew_every_s: float = RENEW_EVERY_S) -> Iterator[bool]:
    """Take the lease and bring the log into the tables; gives False, having done nothing, when a worker has the lease."""
    lease = Lease(deployment.records, WORK, holder=holder_here("hand", deployment.clock), clock=deployment.clock)
    if not lease.take():
        yield False
        return
    try:
        with _renewed(lease, renew_every_s):
            ship_log(deployment.lake, deployment.records, deployment.home.log, clock=deployment.clock, files=SystemFiles())
            clearing.carry_out(deployment)
            yield True
    finally:
        lease.give_back()


def join_by_hand(deployment: Deployment, spec: LoopSpec) -> bool:
    """Bring the log into the tables and a loop's examples up to date; False, having done nothing, when a worker does that."""
    with ship_by_hand(deployment) as is_ours:
        if is_ours:
            join_loop(deployment.lake, deployment.records, spec)
        return is_ours


def train_by_hand(
    deployment: Deployment,
    spec: LoopSpec,
    *,
    on_checkpoint: OnCheckpoint | None = None,
    on_wait: Callable[[], None] | None = None,
) -> Refreshed | None:
    """Bring everything up to date and refresh the loop; None, having done nothing, when a worker has the lease.

    Args:
        deployment: the open data folder.
        spec: of the loop.
        on_checkpoint: told of the checkpoints of a training run of episodes.
        on_wait: told once where another command of a person has the lease, which is waited for.

    Raises:
        NothingToDo: there is no example to learn from.
    """
    is_told = on_wait is None
    while True:
        with ship_by_hand(deployment) as is_ours:
            if is_ours:
                join_loop(deployment.lake, deployment.records, spec)
                return refresh(deployment, spec.loop, on_checkpoint=on_checkpoint)
        if is_worked(deployment.records, WORK, now_us=deployment.clock.now_us()):
            return None
        if on_wait is not None and not is_told:
            on_wait()
            is_told = True
        time.sleep(_LOOK_EVERY_S)


def ask_worker(deployment: Deployment, loop: str) -> tuple[Job, bool]:
    """Queue a training for the worker: the job that waits, and whether it is new."""
    n, now_us = n_settled(deployment.records, deployment.registry.standing(loop).spec), deployment.clock.now_us()
    job = jobs.queue(deployment.records, loop, reason="asked for", n_examples=n, now_us=now_us)
    if job is not None:
        return job, True
    waiting = jobs.last(deployment.records, loop)
    assert waiting is not None, "a job that waits was refused for one that does not"
    return waiting, False


@contextmanager
def _renewed(lease: Lease, every_s: float) -> Iterator[None]:
    """Renew the lease until the end of the block."""
    is_over = threading.Event()

    def renew() -> None:
        while not is_over.wait(every_s):
            lease.take()

    renewing = threading.Thread(target=renew, name="lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        is_over.set()
        renewing.join()
