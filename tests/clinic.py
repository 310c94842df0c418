"""A loop with visitors whose time, requests and reports a test can spoil, for tests of the doctor."""

import random

from policyloop.care.doctor.diagnose import diagnose
from policyloop.core.clock import US_PER_HOUR, US_PER_S
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.join.hours import join_loop
from policyloop.log.writer import LogWriter
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.refresh import refresh
from same_every_run import id_at
from shop import LIKED, SHOP, swap_onto


def random_context(rng):
    return {"hour": rng.randrange(24), "device": rng.choice(["phone", "desktop"])}


def clicked(context, action, rng):
    """Phone people like calm, desktop people bold; most do as they like."""
    is_liked = LIKED[context["device"]] == action
    return {"clicked": rng.random() < (0.7 if is_liked else 0.2)}


class Clinic:
    """One loop, and what happens to it: the same in every run, where the deployment's salt is known."""

    def __init__(self, deployment, seed=0, **changes):
        self.deployment, self.clock = deployment, deployment.clock
        self.rng, self.ids = random.Random(seed), random.Random(seed + 1)
        self.spec = read_spec({**SHOP, **changes})
        deployment.registry.apply(self.spec)
        self.loop = self.spec.loop
        self.log = LogWriter(deployment.home.log, clock=self.clock)
        self.tamper = lambda event: event  # spoils decisions before they are logged
        self.swap = swap_onto(self, deployment)

    def visit(self, n, *, context=random_context, report=clicked, after_s=None, every_s=0.0, **request):
        """So many visitors decide and report.

        Args:
            context: what is known of a visitor, of the generator of chance.
            report: outcomes, of context, action and generator; None for no report.
            after_s: how long after the decision it is reported, seconds, of the generator; None: at once.
            every_s: time between two visitors.
            request: further parts of an outcome's request.
        """
        self.swap.look()
        decider = self.swap.find(self.loop)
        later = []
        for _ in range(n):
            self.clock.at += int(every_s * US_PER_S)
            known = context(self.rng)
            asked = DecideRequest(context=known, decision_id=id_at(self.clock.at, self.ids))
            made = decider.decide(asked).answer
            told = report(known, made.action, self.rng)
            if told is None:
                continue
            if after_s is None:
                self.report(decider, made.decision_id, told, **request)
            else:
                later.append((self.clock.at + int(after_s(self.rng) * US_PER_S), made.decision_id, told))
        for at, decision_id, told in sorted(later, key=lambda one: one[0]):
            self.clock.at = max(self.clock.at, at)
            self.report(decider, decision_id, told, **request)
        self.log.roll()

    def append(self, event):
        return self.log.append(self.tamper(event))

    def report(self, decider, decision_id, told, *, final=True, **request):
        asked = OutcomeRequest(decision_id=decision_id, outcomes=told, final=final, **request)
        self.log.append(outcome(asked, decider.checks, received_at=self.clock.now_us()).event)

    def hours_pass(self, n=1):
        self.clock.at = (self.clock.at // US_PER_HOUR + n) * US_PER_HOUR

    def settle(self):
        """All of it is joined; the log is closed and opened anew, as if no server ran."""
        self.log.close()
        with ship_by_hand(self.deployment) as is_ours:
            assert is_ours
            join_loop(self.deployment.lake, self.deployment.records, self.spec)
        self.log = LogWriter(self.deployment.home.log, clock=self.clock)
        self.swap = swap_onto(self, self.deployment)

    def refresh(self):
        self.settle()
        return refresh(self.deployment, self.loop)

    def diagnose(self):
        """With no server running, so that none waits for a worker."""
        self.settle()
        self.log.close()
        return diagnose(self.deployment, self.loop)

    def cause(self, name):
        """The cause of that name, which must be the only one."""
        found = self.diagnose()
        assert [one.name for one in found.causes] == [name], found.causes
        assert not found.is_healthy
        return found.causes[0]
