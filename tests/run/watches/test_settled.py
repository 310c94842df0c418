"""Settled decisions: evidence waits for all that was decided before it, whichever server process wrote it down."""

from blind_shop import begin, join, lived_through, shop_of
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.gate.ramp import State
from policyloop.ingest.outcomes import outcome
from policyloop.run.challenges import challenging
from policyloop.run.looks import look
from policyloop.run.watches.settled import settled_before
from shop import Shop


def visit_unsealed(shop, n):
    """Visitors of a server process whose log is not sealed for a while."""
    shop.swap.look()
    decider = shop.swap.find("shop")
    for _ in range(n):
        decided = decider.decide(DecideRequest(context={"hour": 1, "device": "phone"}))
        report = OutcomeRequest(decision_id=decided.answer.decision_id, outcomes={"clicked": True}, final=True)
        shop.log.append(outcome(report, decider.checks, received_at=shop.deployment.clock.now_us()).event)


def test_what_another_process_decided_earlier_and_shipped_later_is_heard_in_its_place(deployment):
    first = shop_of(deployment)
    begin(deployment)
    lived_through(first, n=250, rounds=8, until=State.CANARY)
    second = Shop(deployment)
    visit_unsealed(second, 40)
    first.visit(60)
    join(deployment)
    look(deployment, "shop")

    second.log.roll()
    first.visit(60)
    second.visit(1)
    join(deployment)
    look(deployment, "shop")

    standing, row = deployment.registry.standing("shop"), deployment.registry.challenges.open("shop")
    carried = challenging.carried_account(deployment, row)
    anew = challenging.account_anew(deployment, standing, row, challenging.spec_of(standing, row), like=carried)
    for shop in (first, second):
        shop.log.close()
    assert carried.evidence.n == anew.evidence.n >= 100
    assert carried.position < settled_before(deployment, "shop")
