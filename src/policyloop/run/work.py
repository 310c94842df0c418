"""The worker: empties the log into the tables, joins, and has models trained and judged when it is time.

Question answered: what happens by itself after `policyloop up`? One process, under a lease, round by round:
ship -> join -> look at what is live and at the challenge -> queue what is due -> start and end jobs. Serving never waits for
it, and what goes wrong in a round is told and tried again in the next.
"""

from __future__ import annotations

import threading

from policyloop.gate.ramp import SERVED
from policyloop.join.hour_states import n_examples, n_settled
from policyloop.lake.ship import ship_log
from policyloop.log.files import SystemFiles
from policyloop.registry.registry import Standing
from policyloop.run import clearing, jobs
from policyloop.run.challenges import challenging
from policyloop.run.deployment import Deployment
from policyloop.run.lease import WORK, Lease, holder_here
from policyloop.run.schedule import due, last_training
from policyloop.run.side_child import SideChild
from policyloop.run.training import Tell, Training

_FEWEST_NEW = 100  # examples between two looks at a live model ...
_SHARE_NEW = 0.02  # ... and this share of all, so that looking stays cheap as the tables grow
_FEWEST_NEW_IN_CHALLENGE = 50  # a look at a challenge reads what is new alone
_FEWEST_EPISODES_IN_CHALLENGE = 1


class Worker:
    """The one process that does what must not be done twice.

    Args:
        tell: takes log lines.
        compact_every_s: how often small table files are merged.
    """

    def __init__(self, deployment: Deployment, *, tell: Tell, compact_every_s: float) -> None:
        self._deployment = deployment
        self._tell = tell
        self._compact_every_s = compact_every_s
        self._compacted_s = deployment.clock.monotonic_s()
        self._lease = Lease(deployment.records, WORK, holder=holder_here("worker", deployment.clock), clock=deployment.clock)
        self._is_holder = False
        self._child = SideChild(deployment.home)
        self._training = Training(deployment, tell=tell)
        self._n_looked: dict[str, int] = {}
        self._waiting: dict[str, tuple[object, ...] | None] = {}  # as it was at the last look

    def run(self, stopping: threading.Event, *, every_s: float) -> None:
        """Work until `stopping` is set; what was begun by then is finished or as if it never was."""
        while not stopping.wait(every_s):
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - a full disk or a locked database passes; the work must go on after it
                self._tell("error", "round failed", {"error": f"{type(error).__name__}: {error}"})
        if self._is_holder:
            self._ship()
        self.close()

    def close(self) -> None:
        """End the children and give the lease back."""
        self._training.stop()
        self._child.close()
        if self._is_holder:
            self._lease.give_back()

    def round(self) -> None:
        """Do once what there is to do; nothing while another worker holds the lease."""
        if not self._take_lease():
            return
        self._ship()
        for loop, standing in self._deployment.registry.standings().items():
            try:
                self._advance(loop, standing)
            except Exception as error:  # noqa: BLE001 - what is wrong with one loop must not hold up the others
                self._tell("error", "round failed", {"loop": loop, "error": f"{type(error).__name__}: {error}"})
        self._training.advance()
        self._maintain_when_due()

    def _take_lease(self) -> bool:
        was_holder, self._is_holder = self._is_holder, self._lease.take()
        if self._is_holder and not was_holder:
            jobs.take_back_abandoned(self._deployment.records)
            self._tell("info", "working", {})
        return self._is_holder

    def _ship(self) -> None:
        """Bring what is sealed into the tables, and take out of them what is to go."""
        d = self._deployment
        shipment = ship_log(d.lake, d.records, d.home.log, clock=d.clock, files=SystemFiles())
        for alarm in shipment.alarms:
            self._tell("error", "damage in the log", {"what": alarm})
        for loop in clearing.carry_out(d):
            self._tell("info", "cleared", {"loop": loop})

    def _advance(self, loop: str, standing: Standing) -> None:
        """Join one loop, look at what it has live and at its challenge, queue its training."""
        d = self._deployment
        brought = self._child.join(loop)
        n = n_examples(d.records, loop)
        if brought.n_new or brought.n_corrected or brought.n_withdrawn:
            self._tell("info", "joined", {"loop": loop, "new": brought.n_new, "corrected": brought.n_corrected, "examples": n})
        settled = n_settled(d.records, standing.spec)
        if self._is_look_due(loop, standing, settled):
            for done in self._child.look(loop):
                self._tell("warning" if done.is_harm else "info", "looked", {"loop": loop, "what": done.sentence})
        self._queue_what_is_due(loop, standing, settled)

    def _is_look_due(self, loop: str, standing: Standing, n: int) -> bool:
        """Whether enough has settled since the last look, or something changed about a challenge that is not served yet."""
        challenge = self._deployment.registry.challenges.open(loop)
        if standing.champion is None and challenge is None:
            return False
        waiting = None  # of a challenge: what it may wait for beside decisions
        if challenge is not None and challenge.state not in SERVED:
            waiting = (challenge.id, challenge.state, challenge.model, standing.row.is_frozen)
        in_challenge = _FEWEST_NEW_IN_CHALLENGE if standing.spec.episodes is None else _FEWEST_EPISODES_IN_CHALLENGE
        enough = _next_look_after(n) if challenge is None else in_challenge
        if n < self._n_looked.get(loop, 0) + enough and waiting == self._waiting.get(loop):
            return False
        self._n_looked[loop], self._waiting[loop] = n, waiting
        return True

    def _queue_what_is_due(self, loop: str, standing: Standing, n: int) -> None:
        """Both lines of a challenge are trained on the same schedule."""
        d = self._deployment
        # a model that challenges in episodes is there already
        is_trained = standing.spec.episodes is None and d.registry.challenges.open(loop) is not None
        kinds = [jobs.TRAIN, challenging.JOB] if is_trained else [jobs.TRAIN]
        for kind in kinds:
            last = last_training(d.records, d.registry, loop, kind=kind)
            reason = due(standing.spec.train, now_us=d.clock.now_us(), n_examples=n, last=last)
            if reason is not None:
                jobs.queue(d.records, loop, kind=kind, reason=reason, n_examples=n, now_us=d.clock.now_us())

    def _maintain_when_due(self) -> None:
        now_s = self._deployment.clock.monotonic_s()
        if now_s >= self._compacted_s + self._compact_every_s:
            self._compacted_s = now_s
            self._child.maintain()


def _next_look_after(n: int) -> int:
    return max(_FEWEST_NEW, int(n * _SHARE_NEW))
