"""Upkeep over HTTP: what concerns a whole loop and takes longer than an answer may is asked for here, and the worker does it.

Question answered: what do protocols reach of the tables and the queue? All of it looks at disk, so call it beside the event
loop.
"""

from __future__ import annotations

import pyarrow.compute as pc

from policyloop.core.event import Decision
from policyloop.core.loop import LoopSpec
from policyloop.join.hour_states import n_examples
from policyloop.lake import place
from policyloop.lake.schema import DECISIONS
from policyloop.lake.tables import in_hours
from policyloop.log.replay import find_events
from policyloop.registry.registry import Applied
from policyloop.run import clearing, jobs
from policyloop.run.apply import apply_spec
from policyloop.run.deployment import Deployment
from policyloop.run.questions.evaluations import JOB
from policyloop.run.questions.imitation import Imitation, imitation_by_hour


class Upkeep:
    """What one deployment's loops need now and then."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    def apply(self, spec: LoopSpec) -> Applied:
        """Make a spec hold, if its plug-ins take their settings; errors as in `apply_spec`."""
        return apply_spec(self._deployment, spec)

    def log_dates(self, loop: str) -> tuple[int, int] | None:
        """When the first and the last decision in the tables were made, microseconds; None when there is none.

        What is about to be cleared does not count.
        """
        lake = self._deployment.lake
        hours = lake.hours(DECISIONS, loop=loop) if lake.exists(DECISIONS) else []
        if not hours:
            return None
        where = in_hours(loop, hours[0], hours[-1])
        times = lake.rows(DECISIONS, where=where, columns=["decided_at"])["decided_at"]
        cleared_us = clearing.wishes(self._deployment.records).get(loop, 0)
        first, last = pc.min(times).as_py(), pc.max(times).as_py()
        return (max(first, cleared_us), last) if last is not None and last >= cleared_us else None

    def imitation(self, loop: str, *, since: int) -> list[Imitation]:
        """How well an apprentice has done since a moment, hour by hour."""
        return imitation_by_hour(self._deployment.lake, loop, since=since)

    def is_known(self, loop: str, decision_id: str) -> bool:
        """Whether a decision of that id is in the tables or in the log, which is read for it."""
        if place.hours_of(self._deployment.records, [(loop, decision_id)]):
            return True
        found = find_events(self._deployment.home.log, decision_id)
        return any(isinstance(event, Decision) and event.loop == loop for _, event in found)

    def clear_events(self, loop: str) -> None:
        """Have everything taken out that the loop received so far."""
        clearing.ask(self._deployment.records, loop, before_us=self._deployment.clock.now_us())

    def evaluate(self, loop: str) -> str:
        """Have the loop's waiting evaluations computed; answers the number of the job that does it."""
        d = self._deployment
        n, now_us = n_examples(d.records, loop), d.clock.now_us()
        job = jobs.queue(d.records, loop, reason="asked for", n_examples=n, now_us=now_us, kind=JOB)
        waiting = job or jobs.last(d.records, loop, kind=JOB)
        return str(waiting.id) if waiting is not None else ""
