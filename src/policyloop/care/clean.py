"""Cleaning: all that belongs to one loop is taken out of the log, the tables, the records and the models' folder.

Question answered: what is there of this loop, and how does it go without leaving anything that comes back?
Nothing else may write meanwhile. The registry's rows go last, so that a cleaning which is cut off can be done again.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from policyloop.core.errors import PolicyloopError
from policyloop.core.rng import uuid7
from policyloop.interop import kept
from policyloop.lake.schema import DECISIONS, EXAMPLES, OUTCOMES
from policyloop.lake.ship import ship_log
from policyloop.lake.tables import in_hours
from policyloop.log import folder as log_folder
from policyloop.log.files import Files
from policyloop.run import clearing
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import job_folder
from policyloop.run.lease import WORK, Lease
from policyloop.storage.records import jobs


class StillRunning(PolicyloopError):
    """Something writes to the data folder that must stand still for this."""

    code = "still_running"
    status = 409

    def __init__(self, loop: str) -> None:
        super().__init__(
            f"loop '{loop}' cannot be cleaned while a server or worker runs on this data folder; expected none. "
            f"Stop `policyloop up`, clean, and start it again."
        )


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is of one loop."""

    n_decisions: int  # rows in the tables
    n_outcomes: int
    n_examples: int
    n_models: int
    n_specs: int


def contents(deployment: Deployment, loop: str) -> Contents:
    """Count what `clean` would take out.

    Raises:
        UnknownLoop: no loop has that name.
    """
    n_rows = {table: _n_rows(deployment, table, loop) for table in (DECISIONS, OUTCOMES, EXAMPLES)}
    return Contents(
        n_decisions=n_rows[DECISIONS],
        n_outcomes=n_rows[OUTCOMES],
        n_examples=n_rows[EXAMPLES],
        n_models=len(deployment.registry.models(loop)),
        n_specs=len(deployment.registry.spec_history(loop)),
    )


def clean(deployment: Deployment, loop: str, *, files: Files) -> Contents:
    """Take out all that belongs to a loop, and say what that was. There is no way back.

    What the log holds is put into the tables first, so that nothing of the loop comes in later.

    Raises:
        UnknownLoop: no loop has that name.
        StillRunning: a server or worker runs on the data folder; nothing was changed.
    """
    lease = Lease(deployment.records, WORK, holder=uuid7(deployment.clock.now_us()), clock=deployment.clock)
    if log_folder.beats(deployment.home.log) or not lease.take():
        raise StillRunning(loop)
    try:
        ship_log(deployment.lake, deployment.records, deployment.home.log, clock=deployment.clock, files=files)
        found = contents(deployment, loop)
        lease.take()
        clearing.forget_events(deployment, loop)
        job_folder.remove_of_loop(deployment.home, deployment.records, loop)
        with deployment.records.write() as connection:
            connection.execute(sa.delete(jobs).where(jobs.c.loop == loop))
            kept.forget(connection, loop)
        deployment.registry.forget(loop)
    finally:
        lease.give_back()
    return found


def _n_rows(deployment: Deployment, table: str, loop: str) -> int:
    """Rows of a loop in a table; of the columns, one is read."""
    if not deployment.lake.exists(table):
        return 0
    return int(deployment.lake.rows(table, where=in_hours(loop), columns=["decision_id"]).num_rows)
