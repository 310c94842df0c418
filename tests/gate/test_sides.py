"""Sides: their shares of the traffic and of the rewards, where each subject counts once."""

import json
from dataclasses import replace

import numpy as np
import pytest

from policyloop.gate.checks.sides import Sided, Sides, begin, sided_of, update
from policyloop.gate.verdict import Call
from policyloop.simulate.faulty_log import play

SHARE, HOLD_OUT = 0.1, 0.05


def decisions(n, *, seed=1, served=SHARE, share=SHARE, hold_out=HOLD_OUT, lost=0.0, units=None, better=0.0):
    """A canary with a hold-out: two actions, of which the challenger takes the first nine times out of ten, the champion one.

    Args:
        served: the challenger's share as it really was; `share` is what was logged.
        lost: of the challenger's outcomes.
        units: how many subjects there are; None: each decision is drawn by itself.
        better: how much oftener the first action is rewarded than the second, at .3.
    """
    rng = np.random.default_rng(seed)
    unit = (
        np.full(n, "", dtype=object)
        if units is None
        else np.array([f"s{i}" for i in rng.integers(units, size=n)], dtype=object)
    )
    u = rng.random(n) if units is None else rng.random(units)[[int(name[1:]) for name in unit]]
    side = np.select([u < hold_out, u < hold_out + served], ["hold-out", "challenger"], "champion").astype(object)
    first = rng.random(n) < np.select([side == "challenger", side == "champion"], [0.9, 0.1], 0.5)
    theirs, ours = share * np.where(first, 0.9, 0.1), (1 - share - hold_out) * np.where(first, 0.1, 0.9)
    is_rewarded = (rng.random(n) < 0.3 + better * first) & ~((side == "challenger") & (rng.random(n) < lost))
    return Sided(
        side=side,
        share=np.full(n, share),
        hold_out=np.full(n, hold_out),
        unit=unit,
        chance=theirs / (theirs + ours),
        is_rewarded=is_rewarded,
    )


def reasons(sided):
    return update(begin(), sided).reasons()


def test_sides_that_have_their_shares_and_rewards():
    split, joined = reasons(decisions(10_000))

    assert (split.call, joined.call) == (Call.PROMOTE, Call.PROMOTE)
    assert split.numbers["expected_challenger"] == pytest.approx(1000)
    assert abs(split.numbers["n_challenger"] - 1000) < 4 * np.sqrt(900)
    assert "challenger" in split.sentence and "where 1,000 are expected" in split.sentence
    assert joined.sentence.startswith("Outcomes came to all sides alike, action by action: champion ")


@pytest.mark.parametrize("served", [0.07, 0.14])
def test_a_side_that_gets_less_or_more_than_its_share(served):
    split, _ = reasons(decisions(10_000, served=served))

    assert split.call == Call.REFUSE
    assert split.sentence.startswith("The sides do not have their shares of the traffic: champion ")


def test_a_hold_out_that_is_not_held_out():
    sided = decisions(10_000)
    sided.side[sided.side == "hold-out"] = "champion"

    assert reasons(sided)[0].call == Call.REFUSE


def test_rewards_that_get_lost_on_one_side():
    split, joined = reasons(decisions(20_000, lost=0.5))

    assert (split.call, joined.call) == (Call.PROMOTE, Call.REFUSE)
    assert joined.sentence.startswith("Outcomes get lost on one side: champion ")


def test_a_challenger_whose_actions_are_rewarded_twice_as_often_loses_nothing():
    split, joined = reasons(decisions(20_000, better=0.5))

    assert joined.numbers["joined_challenger"] > 1.5 * joined.numbers["joined_champion"]
    assert (split.call, joined.call) == (Call.PROMOTE, Call.PROMOTE)


def test_subjects_that_stay_on_one_side_are_one_draw_however_often_they_come():
    alarms, if_decisions_were_counted = 0, 0
    for seed in range(20):
        sided = decisions(3000, units=60, seed=seed)
        apart = {name: getattr(sided, name) for name in Sided.__slots__} | {"unit": np.full(3000, "", dtype=object)}
        assert update(begin(), sided).split.n == 60
        alarms += not reasons(sided)[0].is_passed
        if_decisions_were_counted += not reasons(Sided(**apart))[0].is_passed

    assert alarms == 0
    assert if_decisions_were_counted > 10


def test_subjects_on_the_wrong_sides_are_found():
    split, _ = reasons(decisions(30_000, units=12_000, served=0.05))

    assert split.call == Call.REFUSE


def test_a_subject_is_remembered_over_looks_and_through_json():
    sided = decisions(500, units=40)
    first = update(begin(), sided)

    again = update(Sides.from_mapping(json.loads(json.dumps(first.to_mapping()))), sided)

    assert again.split == first.split
    assert len(first.seen) == 8192
    assert len(json.dumps(first.to_mapping())) < 13_000


def test_decisions_that_only_one_side_could_make_say_nothing():
    alone = decisions(100, share=0.0, served=0.0, hold_out=0.0)

    split, joined = reasons(alone)

    assert (split.sentence, joined.sentence) == ("No decision had more than one side yet.", "No side has outcomes yet.")
    assert update(begin(), alone).split.n == 0


def test_pieces_come_to_the_same_as_the_whole():
    sided = decisions(3000, units=900)

    def part(rows):
        return Sided(**{name: getattr(sided, name)[rows] for name in Sided.__slots__})

    pieces = update(update(begin(), part(slice(0, 1234))), part(slice(1234, None)))

    whole = update(begin(), sided)
    assert pieces.counts.keys() == whole.counts.keys()
    np.testing.assert_allclose(pieces.split.stakes, whole.split.stakes)
    np.testing.assert_allclose(pieces.joined.stakes, whole.joined.stakes)


def test_examples_tell_the_chance_that_the_challenger_took_the_action():
    log = play("canary", seed=1, n=500)

    sided = sided_of(log.examples)

    rows = np.arange(500)
    of_mixture = 0.1 * log.other[rows, log.examples.action] / log.examples.propensity
    np.testing.assert_allclose(sided.chance, of_mixture)


def test_of_what_was_drawn_from_no_pmf_there_is_no_such_chance():
    log = play("canary", seed=1, n=3)
    some = replace(log.examples, propensity=np.array([0.5, np.nan, 0.5]))

    assert list(np.isnan(sided_of(some).chance)) == [False, True, False]


def test_a_deferred_decision_has_no_side():
    log = play("canary", seed=1, n=3)

    assert sided_of(replace(log.examples, is_deferred=np.array([True, False, False]))).side[0] == ""


def test_without_a_trial_there_are_no_sides():
    assert sided_of(play("none", seed=1, n=3).examples) is None
