"""A loop for tests that run the whole thing: phone people like calm, desktop people like bold."""

import random

from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.log.writer import LogWriter
from policyloop.serve.hot_swap import HotSwap

SHOP = {
    "loop": "shop",
    "context": {
        "hour": {"type": "integer", "min": 0, "max": 23},
        "device": {"type": "category", "values": ["phone", "desktop"]},
    },
    "actions": {"kind": "discrete", "labels": ["calm", "bold"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "10m", "close": "final"},
    "baseline": "uniform",
    "explore": {"name": "epsilon_greedy", "floor": 0.2},
    "train": {"every": "60 examples"},
}
LIKED = {"phone": "calm", "desktop": "bold"}


def swap_onto(log, deployment):
    """The deployment's deciders, which append to the log."""
    return HotSwap(
        deployment.registry,
        salt=deployment.registry.salt,
        clock=deployment.clock,
        append=log.append,
        on_refused=lambda *what: None,
    )


class Shop:
    """A loop with visitors."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.log = LogWriter(deployment.home.log, clock=deployment.clock)
        self.swap = swap_onto(self.log, deployment)
        self.rng = random.Random(5)

    def decide(self):
        """One visitor decides and never reports."""
        self.swap.look()
        return self.swap.find("shop").decide(DecideRequest(context={"hour": 1, "device": "phone"}))

    def visit(self, n, *, clicks=lambda device, action: LIKED[device] == action, visitors=None):
        """So many decide and report; all of it is sealed afterwards. Answers the decisions' ids.

        Args:
            visitors: so many are told apart, in the field `visitor`; None: nobody says who it is.
        """
        self.swap.look()
        decider = self.swap.find("shop")
        ids = []
        for _ in range(n):
            device = self.rng.choice(["phone", "desktop"])
            context = {"hour": self.rng.randrange(24), "device": device}
            if visitors is not None:
                context["visitor"] = f"visitor {self.rng.randrange(visitors)}"
            decided = decider.decide(DecideRequest(context=context))
            request = OutcomeRequest(
                decision_id=decided.answer.decision_id,
                outcomes={"clicked": clicks(device, decided.answer.action)},
                final=True,
            )
            self.log.append(outcome(request, decider.checks, received_at=self.deployment.clock.now_us()).event)
            ids.append(decided.answer.decision_id)
        self.log.roll()
        return ids
