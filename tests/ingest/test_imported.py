"""Decisions of other systems: taken with their probabilities, refused where these cannot be true."""

import math

import pytest

from front_page import CONTEXT, NOW_US, SALT, front_page
from policyloop.core.clock import US_PER_S, iso
from policyloop.core.errors import Invalid
from policyloop.core.event import Decision, decode, encode, kind_of
from policyloop.core.rng import keyed_uniform
from policyloop.core.wire import TrackedDecision
from policyloop.ingest.checks import checks_of
from policyloop.ingest.imported import imported_decision

CHECKS = checks_of(front_page(), salt=SALT)


def imported(**row) -> Decision:
    filled = {"loop": "front-page", "context": CONTEXT, "action": "bold", "pmf": [0.5, 0.25, 0.25], "decision_id": "d1", **row}
    return imported_decision(TrackedDecision(**filled), CHECKS, received_at=NOW_US)[0]


def message_of(**row) -> str:
    with pytest.raises(Invalid) as caught:
        imported(**row)
    (fault,) = caught.value.faults
    return f"{fault.where} {fault.message}"


def test_everything_that_matters_later_is_written_down():
    got = imported(policy="old rules", action_source="expert", episode_id="e1", step=3, defer=True)

    assert got.policy == "imported:old rules"
    assert got.action == [1]
    assert got.propensity == 0.25
    assert got.probabilities() == [0.5, 0.25, 0.25]
    assert got.decided_at == NOW_US
    assert got.spec == CHECKS.spec.digest
    assert got.draw_version == 0
    assert got.is_fallback is False
    assert (got.action_source, got.episode_id, got.step, got.is_deferred) == ("expert", "e1", 3, True)
    assert decode(kind_of(got), encode(got)) == got


def test_the_split_is_ours_and_that_of_an_episode_is_one():
    assert imported().split == keyed_uniform(SALT, "front-page", "d1", "split")
    assert imported(episode_id="e").split == imported(episode_id="e", decision_id="d2").split


def test_a_fallback_stays_one_so_that_it_is_no_evidence():
    assert imported(fallback=True).is_fallback
    assert not imported().is_fallback


def test_an_action_may_be_given_by_its_index():
    assert imported(action=2).action == [2]


def test_probabilities_may_be_given_by_label():
    assert imported(pmf={"bold": 0.75, "calm": 0.25}).probabilities() == [0.25, 0.75, 0.0]


def test_without_an_id_one_is_made_from_the_time_of_receipt():
    made = imported(decision_id=None).decision_id

    assert int(made[:8] + made[9:13], 16) == NOW_US // 1000


def test_an_estimated_propensity_needs_no_pmf():
    got = imported(pmf=None, propensity=0.4, propensity_kind="estimated")

    assert (got.propensity, got.propensity_kind, got.pmf) == (0.4, "estimated", None)


def test_what_was_taken_for_sure_is_a_point_and_needs_its_pmf():
    got = imported(pmf=[0.0, 1.0, 0.0], propensity_kind="point")

    assert (got.propensity, got.propensity_kind) == (1.0, "point")
    assert message_of(pmf=None, propensity_kind="point").startswith("$.pmf is missing")


def test_an_unknown_propensity_is_not_a_number():
    got = imported(pmf=None, propensity_kind="unknown")

    assert math.isnan(got.propensity)
    assert math.isnan(decode(kind_of(got), encode(got)).propensity)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"action": "blod"}, "$.action no action is named 'blod'; did you mean 'bold'?"),
        ({"action": 3}, "$.action is 3; expected a name or a whole number from 0 to 2."),
        ({"action": -1}, "$.action is -1; expected a name or a whole number from 0 to 2."),
        ({"action": True}, "$.action is true; expected a name or a whole number from 0 to 2."),
        ({"pmf": [0.5, 0.5]}, "$.pmf has 2 entries; expected 3, one per action in this order: 'calm', 'bold', 'playful'."),
        ({"pmf": [0.5, 0.5, 0.5]}, "$.pmf sums to 1.5; expected 1 within 1e-06."),
        ({"pmf": [1.5, -0.5, 0.0]}, "$.pmf gives 'calm' the probability 1.5; expected 0 to 1."),
        ({"pmf": [0.5, math.nan, 0.5]}, "$.pmf gives 'bold' the probability nan; expected 0 to 1."),
        ({"pmf": {"blod": 1.0}}, "$.pmf no action is named 'blod'; did you mean 'bold'?"),
        ({"pmf": [1.0, 0.0, 0.0]}, "$.propensity is 0 in the pmf; expected the chance in (0, 1] that the action really had."),
        ({"propensity": 0.5}, "$.propensity is 0.5, but the pmf gives this action 0.25; expected the same number."),
        (
            {"propensity": 0.0},
            "$.propensity is 0.0; expected a probability in (0, 1]. Log the chance the action really had.",
        ),
        (
            {"pmf": None, "propensity_kind": "estimated"},
            "$.propensity is missing; expected the chance in (0, 1] that the action really had.",
        ),
        (
            {"pmf": None, "propensity": 0.5},
            "$.pmf is missing; expected a probability per action, or propensity_kind 'estimated' or 'unknown', "
            "which is learned from but is no evidence.",
        ),
        (
            {"mask": [True, True, False]},
            "$.pmf gives 'playful' the probability 0.25, although it is masked; expected 0.",
        ),
    ],
)
def test_what_cannot_be_true_is_refused(row, message):
    assert message_of(**row) == message


def test_an_action_that_was_ruled_out_cannot_have_been_taken():
    with pytest.raises(Invalid, match="which mask or exclude rules out"):
        imported(exclude=["bold"])


def test_the_other_systems_time_is_kept_and_never_used_to_file_by():
    earlier = iso(NOW_US - 3600 * US_PER_S)

    assert imported(decided_at=earlier).occurred_at == NOW_US - 3600 * US_PER_S
    assert imported(decided_at=earlier).decided_at == NOW_US
    assert imported(decided_at=earlier).is_clamped is False


def test_a_time_in_the_future_is_clamped_to_a_minute_ahead_and_flagged():
    got = imported(occurred_at=iso(NOW_US + 3600 * US_PER_S))

    assert got.occurred_at == NOW_US + 60 * US_PER_S
    assert got.is_clamped is True
