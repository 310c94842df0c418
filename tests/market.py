"""A loop over candidates for tests that run the whole thing: people with a small purse like what is cheap."""

import random

from policyloop.core.wire import CandidateAction, DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.log.writer import LogWriter
from shop import swap_onto

MARKET = {
    "loop": "market",
    "context": {"purse": {"type": "category", "values": ["small", "large"]}},
    "actions": {"kind": "candidates", "features": {"price": {"type": "number", "min": 0, "max": 1}}},
    "outcomes": {"bought": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "bought", "range": [0, 1], "window": "10m", "close": "final"},
    "baseline": "uniform",
    "explore": {"name": "epsilon_greedy", "floor": 0.2},
    "train": {"every": "60 examples"},
}


def offer(rng, n=4):
    """So many candidates that no one has seen before."""
    return [CandidateAction(id=f"item-{rng.randrange(10**9)}", features={"price": rng.random()}) for _ in range(n)]


def liked(purse, offered):
    """The id of what this purse buys: the cheapest, or the dearest."""
    best = min if purse == "small" else max
    return best(offered, key=lambda one: one.features["price"]).id


class Market:
    """A loop with buyers."""

    def __init__(self, deployment):
        self.deployment = deployment
        self.log = LogWriter(deployment.home.log, clock=deployment.clock)
        self.swap = swap_onto(self.log, deployment)
        self.rng = random.Random(5)

    def decide(self, **request):
        """One buyer decides and never reports."""
        self.swap.look()
        return self.swap.find("market").decide(DecideRequest(context={"purse": "small"}, **request))

    def report(self, decision_id, *, bought):
        """Say what came of a decision."""
        request = OutcomeRequest(decision_id=decision_id, outcomes={"bought": bought}, final=True)
        checks = self.swap.find("market").checks
        self.log.append(outcome(request, checks, received_at=self.deployment.clock.now_us()).event)

    def visit(self, n, *, n_candidates=4):
        """So many buyers decide and report; all of it is sealed afterwards. Answers whether each got what they like."""
        self.swap.look()
        decider = self.swap.find("market")
        hits = []
        for _ in range(n):
            purse, offered = self.rng.choice(["small", "large"]), offer(self.rng, n_candidates)
            answer = decider.decide(DecideRequest(context={"purse": purse}, actions=offered)).answer
            hits.append(answer.action == liked(purse, offered))
            self.report(answer.decision_id, bought=hits[-1])
        self.log.roll()
        return hits
