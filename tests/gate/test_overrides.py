"""Overrides and conflicts: a few are noted, more than a few are an alarm."""

from policyloop.gate.checks.overrides import reasons
from policyloop.gate.verdict import Call
from policyloop.join.audit import Audit

LABELS = ("calm", "bold")


def audit(instead=(0, 0), *, conflict=0):
    return Audit(
        decisions=3000,
        joined=1000,
        unrewarded=2000,
        executed=sum(instead),
        conflict=conflict,
        chosen_by_action=(2500, 500),
        instead_by_action=instead,
    )


def test_without_any_there_is_nothing_against_the_log():
    executed, conflicts = reasons(audit(), LABELS)

    assert (executed.call, conflicts.call) == (Call.PROMOTE, Call.PROMOTE)
    assert executed.sentence == "Another action than the chosen was carried out in 0 of 3,000 examples."


def test_an_action_that_is_overridden_again_and_again_is_named():
    executed, _ = reasons(audit((10, 30)), LABELS)

    assert executed.call == Call.REFUSE
    assert executed.sentence.startswith("In 6 % of the decisions for action 'bold' (30 of 500) another one was carried out")
    assert executed.numbers["largest_share"] == 0.06


def test_a_share_that_rests_on_a_handful_is_an_accident():
    few = Audit(joined=60, chosen_by_action=(40, 20), instead_by_action=(0, 5), executed=5)

    assert reasons(few, LABELS)[0].is_passed


def test_a_log_that_was_never_joined_has_no_overrides():
    assert all(reason.is_passed for reason in reasons(Audit(), LABELS))


def test_a_candidate_is_named_by_its_place():
    assert "for action at place 1 (30 of 500)" in reasons(audit((0, 30)), ())[0].sentence


def test_many_decisions_that_contradict_themselves_are_an_alarm():
    assert reasons(audit(conflict=30), LABELS)[1].is_passed  # one in a hundred

    conflicts = reasons(audit(conflict=31), LABELS)[1]
    assert conflicts.call == Call.REFUSE
    assert conflicts.sentence.startswith("1.03 % of the decisions (31 of 3,000) were logged twice")
