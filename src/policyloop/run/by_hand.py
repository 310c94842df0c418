"""Work by hand: what a person asks for while no worker runs, under the worker's own lease.

Question answered: may this process write the tables now? Only while it holds the lease; otherwise the worker does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from policyloop.core.rng import uuid7
from policyloop.lake.ship import ship_log
from policyloop.log.files import SystemFiles
from policyloop.run.deployment import Deployment
from policyloop.run.lease import WORK, Lease


@contextmanager
def ship_by_hand(deployment: Deployment) -> Iterator[bool]:
    """Take the lease and bring the log into the tables; gives False, having done nothing, when a worker has the lease."""
    lease = Lease(deployment.records, WORK, holder=uuid7(deployment.clock.now_us()), clock=deployment.clock)
    if not lease.take():
        yield False
        return
    try:
        ship_log(deployment.lake, deployment.records, deployment.home.log, clock=deployment.clock, files=SystemFiles())
        yield True
    finally:
        lease.give_back()
