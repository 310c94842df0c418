"""A deployment in this process: a real log, real tables, real records, and the worker's rounds taken by hand."""

import random

import pytest

from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.log.writer import LogWriter
from policyloop.run.deployment import open_deployment
from policyloop.serve.hot_swap import HotSwap
from shop import LIKED, SHOP


class Shop:
    """A loop with visitors."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.log = LogWriter(deployment.home.log, clock=deployment.clock)
        self.swap = HotSwap(
            deployment.registry,
            salt=deployment.registry.salt,
            clock=deployment.clock,
            append=self.log.append,
            on_refused=lambda *what: None,
        )
        self.rng = random.Random(5)

    def decide(self):
        """One visitor decides and never reports."""
        self.swap.look()
        return self.swap.find("shop").decide(DecideRequest(context={"hour": 1, "device": "phone"}))

    def visit(self, n, *, clicks=lambda device, action: LIKED[device] == action):
        """So many visitors decide and report; all of it is sealed afterwards. Answers their decision ids."""
        self.swap.look()
        decider = self.swap.find("shop")
        ids = []
        for _ in range(n):
            device = self.rng.choice(["phone", "desktop"])
            decided = decider.decide(DecideRequest(context={"hour": self.rng.randrange(24), "device": device}))
            request = OutcomeRequest(
                decision_id=decided.answer.decision_id,
                outcomes={"clicked": clicks(device, decided.answer.action)},
                final=True,
            )
            self.log.append(outcome(request, decider.checks, received_at=self.deployment.clock.now_us()).event)
            ids.append(decided.answer.decision_id)
        self.log.roll()
        return ids


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(tmp_path / "home"), SystemClock()) as opened:
        yield opened


@pytest.fixture
def shop(deployment):
    deployment.registry.apply(read_spec(SHOP))
    opened = Shop(deployment)
    yield opened
    opened.log.close()
