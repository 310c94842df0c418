"""Clipping: more than one clipped reward in a thousand holds every promotion."""

from policyloop.gate.clipping import hold_for_clipping
from policyloop.gate.verdict import Call, Reason, verdict_of


def test_one_in_a_thousand_is_borne():
    assert hold_for_clipping(n_clipped=1, n_examples=1000) == ()
    assert hold_for_clipping(n_clipped=0, n_examples=0) == ()


def test_more_hold_the_promotion_and_say_why():
    (hold,) = hold_for_clipping(n_clipped=32, n_examples=1000)

    assert verdict_of((Reason(name="no-harm", call=Call.PROMOTE, sentence=""), hold)) == Call.INCONCLUSIVE
    assert hold.sentence.startswith("3.2 % of the rewards (32 of 1,000) were outside reward.range and clipped; above 0.1 %")
