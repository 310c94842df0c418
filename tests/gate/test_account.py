"""The account: what settled decisions of a challenge have shown, the same in whatever chunks they come."""

from dataclasses import asdict, replace
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from challenged import FLOOR, Challenge, part, spec_of, with_trial
from policyloop.core.loop import Field, GuardSpec
from policyloop.gate.account import begun, from_map, judged, outcome_of, taken_up, to_map
from policyloop.gate.verdict import Call

PAID = GuardSpec(name="paid", margin=0.1)
ACTION_SHARE = GuardSpec(name="$action_share", margin=0.1, better="lower")
SPEC = spec_of(guards=(PAID, ACTION_SHARE), slices=("kind",))
MUCH, LITTLE = 1 - FLOOR + FLOOR / 3, FLOOR / 3  # the probability of what a policy takes, and of what it does not


def heard(*chunks, spec=SPEC, state="CANARY", account=None, **known):
    """The account after some chunks."""
    told = {"mean_reward": 0.4, "spec": spec, "position": 0} | known
    got = begun(state, **told) if account is None else account
    for chunk in chunks:
        got = taken_up(got, chunk, champion_spec=spec, spec=spec, state=state)
    return got


def test_one_decision_by_hand():
    got = heard(Challenge(challenger="better", share=0.2).one("a", 0, 1))

    served = 0.8 * LITTLE + 0.2 * MUCH
    phi = (MUCH - LITTLE) / served * (1 - 0.5)  # both expect .5 of the action at first, and of all of them
    assert got.evidence.n == 1
    assert got.evidence.total == pytest.approx(phi, rel=1e-12)
    assert got.evidence.weight == pytest.approx(MUCH / served, rel=1e-12)
    assert got.evidence.n_telling == 1
    assert (got.position, got.n_served, got.n_uncovered) == (1, 1, 0)
    assert got.errors == pytest.approx((0.25, 0.04))  # (1 - .5)^2, and (1 - .8)^2: the challenger's own guess is cut at .8


def test_the_hold_out_has_its_part_in_what_was_served():
    got = heard(Challenge(challenger="better", share=0.2, hold_out=0.1).one("a", 0, 1))

    served = 0.9 * (0.8 * LITTLE + 0.2 * MUCH) + 0.1 / 3
    assert got.evidence.total == pytest.approx((MUCH - LITTLE) / served * 0.5, rel=1e-12)


def test_predictions_are_those_of_whoever_erred_less_before():
    rows = [Challenge(challenger="better").one("a", 0, 1), Challenge(challenger="better").one("a", 0, 1)]
    rows[1] = replace(rows[1], examples=replace(rows[1].examples, decided_at=np.array([2])))

    got = heard(*rows)

    served = 0.8 * LITTLE + 0.2 * MUCH
    believed = (MUCH - LITTLE) * (0.8 - 0.6)  # the challenger expects .9, cut to .8, of action 0 and .6 of action 1
    first, second = (MUCH - LITTLE) / served * 0.5, believed + (MUCH - LITTLE) / served * (1 - 0.8)
    assert got.evidence.total == pytest.approx(first + second, rel=1e-12)


WHOLE = Challenge(challenger="better", share=0.3, hold_out=0.1).settled(400, seed=3)
WHOLE_SUBJECTS = Challenge(challenger="better", share=0.3, hold_out=0.1, n_subjects=150).settled(400, seed=3)
AT_ONCE = [heard(WHOLE), heard(WHOLE_SUBJECTS)]


@settings(max_examples=40)
@given(st.lists(st.integers(0, 400), max_size=6), st.sampled_from([0, 1]))
def test_it_does_not_matter_in_which_chunks_decisions_come(cuts, which):
    edges = [0, *sorted(cuts), 400]
    rows = (WHOLE, WHOLE_SUBJECTS)[which]

    got = heard(*(part(rows, slice(low, high)) for low, high in pairwise(edges)))

    one, other = to_map(got), to_map(AT_ONCE[which])
    assert flat(one) == pytest.approx(flat(other), rel=1e-12, abs=1e-12)


def flat(value):
    """All numbers of a nested mapping, in order."""
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in flat(value[key])]
    if isinstance(value, list | tuple):
        return [number for one in value for number in flat(one)]
    return [float(value)] if isinstance(value, int | float) else []


@pytest.mark.parametrize("account", [*AT_ONCE, begun("SHADOW", mean_reward=0.1, spec=SPEC, position=7)])
def test_json_takes_nothing_away(account):
    told = msgspec.json.decode(msgspec.json.encode(to_map(account)))

    assert asdict(from_map(told)) == asdict(account)


def test_a_unit_counts_once_in_a_state_and_is_heard_of_every_time():
    rows = Challenge(challenger="better", n_subjects=50).settled(400, seed=1)

    got = heard(rows)

    assert got.evidence.n == len(set(rows.examples.trial.unit))
    assert got.n_served == 400
    assert got.margins["$errors"].n == 400


def test_of_units_that_stay_on_a_side_the_hold_out_is_left_out_and_the_rest_is_as_if_there_were_none():
    challenge = Challenge(challenger="better", share=0.2, hold_out=0.1, n_subjects=9)

    held = heard(challenge.one("a", 0, 1, side="hold-out", unit="u"))
    told = heard(challenge.one("a", 0, 1, side="challenger", unit="u"))

    assert held.evidence is None
    served = 0.8 * LITTLE + 0.2 * MUCH
    assert told.evidence.total == pytest.approx((MUCH - LITTLE) / served * 0.5, rel=1e-12)


def test_where_the_challenger_broke_it_is_an_error_and_no_evidence():
    rows = Challenge(challenger="better").settled(10, seed=1)
    broken = np.arange(10) < 4
    pmf = np.where(broken[:, None], np.nan, rows.examples.trial.challenger_pmf)
    share = np.where(broken, 0.0, rows.examples.trial.share)

    got = heard(with_trial(rows, is_broken=broken, challenger_pmf=pmf, share=share))

    errors = got.margins["$errors"]
    assert (errors.n, got.evidence.n, got.moved.n, got.n_served) == (10, 6, 6, 10)
    assert errors.total == pytest.approx(10 * 0.05 - 4)  # the margin of each, less the errors


def test_before_the_canary_it_is_only_heard_of():
    got = heard(Challenge(state="shadow").settled(30, seed=1), state="SHADOW")

    assert (got.n_served, got.evidence, got.margins["$errors"].n) == (30, None, 30)


def test_decisions_are_counted_anew_in_each_state():
    shadow = heard(Challenge(state="shadow").settled(30, seed=1), state="SHADOW")

    got = heard(Challenge().settled(12, seed=2, start=30), account=shadow)

    assert (got.state, got.n_served, got.position) == ("CANARY", 12, 42)


def test_a_model_that_expects_no_numbers_is_not_the_one_that_is_believed():
    rows = Challenge(challenger="better").settled(40, seed=1)
    lost = replace(rows, champion_rewards=np.full((40, 3), np.nan))

    assert np.isfinite(heard(lost).evidence.total)


def test_without_a_floor_nothing_is_evidence():
    rows = Challenge().settled(30, seed=1)

    assert heard(replace(rows, least_propensity=np.zeros(30))).evidence is None


def test_a_floor_that_was_smaller_in_between_is_allowed_for():
    rows = Challenge(challenger="better", share=0.3).settled(90, seed=1)
    least = np.repeat([FLOOR / 3, FLOOR / 300, FLOOR / 3], 30)

    got = heard(replace(rows, least_propensity=least))

    assert got.evidence.n == 90
    assert got.evidence.total == pytest.approx(heard(rows).evidence.total, rel=1e-12)


def test_a_log_that_errs_cannot_make_one_decision_tell_more_than_it_may():
    rows = Challenge(challenger="better").settled(200, seed=1)
    untrue = replace(rows.examples, pmf=np.full((200, 3), 1e-6), propensity=np.full(200, 1e-6))

    got = heard(replace(rows, examples=untrue))

    assert got.evidence.n == 200


def guarded(guard, **known):
    """What one decision adds to a guard's evidence, its margin left out."""
    spec = spec_of(guards=(guard,))
    got = heard(Challenge(challenger="better").one("a", 0, 1), spec=spec, **known)
    return got.margins["paid"].total - guard.margin


WEIGHT = (MUCH - LITTLE) / (0.8 * LITTLE + 0.2 * MUCH)


def test_a_guarded_outcome_by_hand():
    assert guarded(PAID) == pytest.approx(WEIGHT * 0.5, rel=1e-12)  # without any earlier decision the middle is expected
    assert guarded(PAID, mean_outcomes={"paid": 0.1}) == pytest.approx(WEIGHT * 0.9, rel=1e-12)


def test_where_lower_is_better_the_difference_is_turned():
    assert guarded(replace(PAID, better="lower"), mean_outcomes={"paid": 0.1}) == pytest.approx(-WEIGHT * 0.9, rel=1e-12)


def test_what_lies_outside_of_a_guards_range_is_clipped_and_what_is_missing_has_its_usual_value():
    rows = Challenge().settled(3, seed=1)
    examples = replace(rows.examples, outcomes={"paid": np.array([7.0, -2.0, np.nan])})
    guard = replace(PAID, low=0.0, high=5.0)

    assert outcome_of(examples, guard, missing=1.0).tolist() == [5.0, 0.0, 1.0]


def test_no_decision_of_a_guard_goes_beyond_what_is_bet_on():
    for better in ("higher", "lower"):
        for level in (0.0, 0.3, 1.0):
            spec = spec_of(guards=(replace(PAID, better=better),))
            got = heard(
                Challenge(challenger="worse", share=0.05).settled(500, seed=2), spec=spec, mean_outcomes={"paid": level}
            )
            assert got.margins["paid"].n == 500


def test_every_value_of_a_slice_has_evidence_of_its_own():
    got = heard(WHOLE)

    assert sorted(got.slices) == ["kind=a", "kind=b", "kind=c", "kind=d"]
    assert sum(one.n for one in got.slices.values()) == got.evidence.n
    assert sum(one.total for one in got.slices.values()) == pytest.approx(got.evidence.total, rel=1e-9)


def test_of_a_field_that_declares_no_values_a_few_are_looked_at():
    spec = replace(SPEC, context={"kind": Field(name="kind", type="category")})
    rows = Challenge().settled(60, seed=1)
    many = replace(rows.examples, contexts=[{"kind": f"value {99 - i}"} for i in range(60)])
    told = replace(rows, examples=many)

    got = heard(told, spec=spec)

    assert len(got.slices) == 20
    assert list(heard(part(told, slice(0, 7)), part(told, slice(7, 60)), spec=spec).slices) == list(got.slices)


def test_a_boolean_is_named_as_yaml_names_it():
    spec = replace(SPEC, context={"kind": Field(name="kind", type="boolean", optional=True)})
    rows = Challenge().settled(3, seed=1)
    told = replace(rows.examples, contexts=[{"kind": True}, {"kind": False}, {"kind": None}])

    assert list(heard(replace(rows, examples=told), spec=spec).slices) == ["kind=true", "kind=false", "kind=missing"]


def test_a_slice_that_suffers_beyond_doubt_blocks_and_each_has_a_part_of_the_level():
    rows = Challenge(challenger="twin", share=0.5).settled(6000, seed=4)  # as good in all, and worse where kind is b

    (slice_reason,) = [reason for reason in judged(heard(rows), SPEC) if reason.name == "slice"]

    assert slice_reason.call == Call.INCONCLUSIVE
    assert slice_reason.sentence.startswith("Harm in a slice blocks: it earns -0.2")
    assert "where kind=b" in slice_reason.sentence
    assert slice_reason.numbers["needed"] == pytest.approx(4 / 0.05)


def test_shares_of_actions_are_told_without_statistics():
    rows = Challenge(challenger="better").settled(4000, seed=4)  # another action in one kind of four

    (reason,) = [reason for reason in judged(heard(rows), SPEC) if reason.name == "guard-action_share"]

    assert reason.numbers["largest"] == pytest.approx((MUCH - LITTLE) / 4, abs=0.02)
    assert reason.call == Call.INCONCLUSIVE
