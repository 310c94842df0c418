"""Audits add up."""

import math

from policyloop.join.audit import Audit, added, less


def test_audits_add_count_by_count():
    total = added([Audit(decisions=3, joined=1, orphan=2), Audit(decisions=4, unrewarded=4)])

    assert total == Audit(decisions=7, joined=1, unrewarded=4, orphan=2)


def test_no_audits_add_to_nothing():
    assert added([]) == Audit()


def test_the_join_rate_is_unknown_without_examples():
    assert math.isnan(Audit(decisions=3).join_rate)
    assert Audit(decisions=4, joined=1, unrewarded=3).join_rate == 0.25


def test_counts_by_action_add_place_by_place():
    total = added([Audit(chosen_by_action=(1, 2)), Audit(chosen_by_action=(3, 0, 5), instead_by_action=(0, 1))])

    assert total == Audit(chosen_by_action=(4, 2, 5), instead_by_action=(0, 1))


def test_what_was_counted_since_an_earlier_audit():
    earlier = Audit(decisions=5, joined=3, chosen_by_action=(2, 1))
    now = Audit(decisions=9, joined=2, executed=1, chosen_by_action=(4, 1, 3))

    since = less(now, earlier)

    assert (since.decisions, since.joined, since.executed) == (4, 0, 1)
    assert since.chosen_by_action == (2, 0, 3)
    assert less(now, Audit()) == now
