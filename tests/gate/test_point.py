"""The rule point: the higher estimate wins, and a tie never does."""

from policyloop.gate.case import case_of
from policyloop.gate.entrant import Entrant
from policyloop.gate.rules import point
from policyloop.gate.verdict import Call


def entrant(model, policy):
    return Entrant(model, policy, rewards=policy)


def judged(challenger, champion, rows, spec):
    case = case_of(entrant("new", challenger), champion=entrant("old", champion), anchor=None, evidence=rows, spec=spec)
    (reason,) = point.create().judge(case)
    return reason


def test_the_higher_estimate_goes_live(policy_of, spec, log, worse):
    rows = log(worse, 1000, seed=1)

    assert judged(policy_of(), worse, rows, spec).call == Call.PROMOTE
    assert judged(worse, policy_of(), rows, spec).call == Call.RETIRE


def test_an_equal_estimate_does_not(policy_of, spec, log):
    reason = judged(policy_of(), policy_of(), log(policy_of(), 100, seed=1), spec)

    assert reason.call == Call.RETIRE
    assert "is not above the champion's" in reason.sentence


def test_without_events_there_is_nothing_to_compare(policy_of, spec, log):
    reason = judged(policy_of(), policy_of(), log(policy_of(), 0, seed=1), spec)

    assert reason.call == Call.INCONCLUSIVE
    assert reason.numbers["challenger"] is None
