"""Outcome reports: values within their bounds become an event, undeclared names a warning, impossible ones a refusal."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from front_page import CONTEXT, NOW_US, SALT, front_page
from policyloop.core.clock import US_PER_S, iso
from policyloop.core.errors import Invalid
from policyloop.core.event import ACTIVATED, ENDED, EXECUTED, decode, encode, kind_of
from policyloop.core.loop import Field
from policyloop.core.wire import ActivateRequest, OutcomeRequest
from policyloop.ingest.checks import checks_of
from policyloop.ingest.outcomes import Reported, activation, fingerprint, outcome

CHECKS = checks_of(front_page(), salt=SALT)


def reported(outcomes=None, checks=CHECKS, **request) -> Reported:
    values = {"clicked": True} if outcomes is None else outcomes
    return outcome(OutcomeRequest(**{"decision_id": "d1", "outcomes": values, **request}), checks, received_at=NOW_US)


def message_of(outcomes=None, **request) -> str:
    with pytest.raises(Invalid) as caught:
        reported(outcomes, **request)
    (fault,) = caught.value.faults
    return f"{fault.where} {fault.message}"


def test_booleans_and_numbers_become_floats():
    got = reported({"clicked": True, "dwell_s": 12}, outcome_id="o1")

    assert got.event.values == {"clicked": 1.0, "dwell_s": 12.0}
    assert all(type(value) is float for value in got.event.values.values())
    assert got.event.outcome_id == "o1"
    assert got.event.received_at == NOW_US
    assert got.warnings == []
    assert decode(kind_of(got.event), encode(got.event)) == got.event


def test_without_an_outcome_id_each_call_gets_a_new_one():
    first, second = reported().event.outcome_id, reported().event.outcome_id

    assert first != second
    assert int(first[:8] + first[9:13], 16) == NOW_US // 1000


def test_an_undeclared_name_is_stored_with_a_warning_and_the_nearest_name():
    got = reported({"clickd": 1})

    assert got.event.values == {"clickd": 1.0}
    assert got.warnings == [
        "$.outcomes.clickd: no outcome is named 'clickd'; did you mean 'clicked'? "
        "It is stored and counted, and is no part of the reward."
    ]


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        ({"clicked": 2}, "$.outcomes.clicked is 2; expected true or false, or 1 or 0."),
        ({"clicked": "yes"}, "$.outcomes.clicked is 'yes'; expected true or false, or 1 or 0."),
        ({"clicked": None}, "$.outcomes.clicked is null; expected true or false, or 1 or 0."),
        ({"dwell_s": -0.5}, "$.outcomes.dwell_s is -0.5; expected a number from 0 to 3600."),
        ({"dwell_s": 3601}, "$.outcomes.dwell_s is 3601; expected a number from 0 to 3600."),
        ({"dwell_s": math.nan}, "$.outcomes.dwell_s is nan; expected a number from 0 to 3600."),
        (
            {"dwell_s": 10**5000},
            "$.outcomes.dwell_s is a whole number of about 4,999 digits; expected a number from 0 to 3600.",
        ),
        ({"other": math.inf}, "$.outcomes.other is inf; expected a finite number or boolean."),
        ({"other": [1]}, "$.outcomes.other is a list of 1 items; expected a finite number or boolean."),
        ({}, "$.outcomes is empty; expected at least one name with a number or boolean."),
        ({"": 1}, "$.outcomes[''] is no name; expected 1 to 128 printable characters."),
        ({"$activated": 1}, "$.outcomes.$activated is a reserved name; expected the activate call instead."),
        ({"$executed": 1}, "$.outcomes.$executed is a reserved name; expected the key `executed` instead."),
        ({"$ended": 1}, "$.outcomes.$ended is a reserved name; expected the key `terminated` or `truncated` instead."),
        ({"$x": 1}, "$.outcomes.$x starts with $, which is kept for Policyloop's own names; expected another."),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "",
)
def test_impossible_values_are_refused(outcomes, message):
    assert message_of(outcomes) == message


def test_the_bounds_themselves_are_within():
    assert reported({"dwell_s": 0}).event.values == {"dwell_s": 0.0}
    assert reported({"dwell_s": 3600}).event.values == {"dwell_s": 3600.0}


def test_all_faults_come_back_together_with_their_place_in_the_body():
    request = OutcomeRequest(decision_id="", outcomes={"clicked": 5, "dwell_s": -1}, outcome_id="\n", occurred_at="?")

    with pytest.raises(Invalid) as caught:
        outcome(request, CHECKS, received_at=NOW_US, where="$[3]")

    assert [fault.where for fault in caught.value.faults] == [
        "$[3].outcomes.clicked",
        "$[3].outcomes.dwell_s",
        "$[3].decision_id",
        "$[3].occurred_at",
        "$[3].outcome_id",
    ]


def test_final_is_kept():
    assert reported(final=True).event.final is True


def test_what_was_really_carried_out_is_kept_as_an_index_under_its_reserved_name():
    got = reported({"clicked": 1}, executed="playful").event

    assert got.executed == "2"
    assert got.values == {"clicked": 1.0, EXECUTED: None}
    assert reported({}, executed=0).event.values == {EXECUTED: None}
    assert message_of(executed="playfull") == "$.executed no action is named 'playfull'; did you mean 'playful'?"


def test_the_end_of_an_episode_is_kept_with_its_last_context():
    got = reported({}, terminated=True, next_context=CONTEXT).event

    assert got.values == {ENDED: None}
    assert got.terminated is True
    assert got.next_context.startswith('{"hour":9,"device":"phone"')


def test_the_next_context_is_checked_and_redacted_like_any_other():
    secret = front_page(Field(name="email", type="category", store="never"), Field(name="hour", type="integer"))

    got = reported(next_context={"email": "a@example.org", "hour": 1}, checks=checks_of(secret, salt=SALT)).event

    assert got.next_context == '{"hour":1}'
    assert message_of(next_context={**CONTEXT, "hour": 99}).startswith("$.next_context.hour is 99")


def test_times_of_the_client_are_kept_clamped_at_a_minute_ahead():
    fine = reported(occurred_at=iso(NOW_US - 5), decided_at=iso(NOW_US - 10)).event
    ahead = reported(occurred_at=iso(NOW_US + 3600 * US_PER_S)).event
    ancient = reported(occurred_at="1000-01-01T00:00:00Z").event

    assert (fine.occurred_at, fine.decided_at, fine.is_clamped) == (NOW_US - 5, NOW_US - 10, False)
    assert (ahead.occurred_at, ahead.is_clamped) == (NOW_US + 60 * US_PER_S, True)
    assert (ancient.occurred_at, ancient.is_clamped) == (0, True)


def test_a_hint_of_when_it_was_decided_is_stored_and_moves_nothing():
    got = reported(occurred_at=iso(NOW_US - 100), decided_at=iso(NOW_US - 10)).event

    assert got.occurred_at == NOW_US - 100


def test_activation_is_the_same_event_each_time():
    request = ActivateRequest(decision_id="d1", decided_at=iso(NOW_US))

    first = activation(request, CHECKS, received_at=NOW_US)
    again = activation(request, CHECKS, received_at=NOW_US + 5)

    assert first.values == {ACTIVATED: None}
    assert first.outcome_id == again.outcome_id == ACTIVATED
    assert fingerprint(first) == fingerprint(again)


def test_an_activation_with_a_bad_id_is_refused():
    with pytest.raises(Invalid, match="decision_id"):
        activation(ActivateRequest(decision_id="a\nb"), CHECKS, received_at=NOW_US)


def test_fingerprints_tell_contents_apart():
    marks = {
        fingerprint(reported(outcomes, outcome_id=name).event)
        for outcomes in ({"clicked": 1}, {"clicked": 0}, {"clicked": 1, "dwell_s": 1})
        for name in ("a", "b")
    }

    assert len(marks) == 6


@given(
    outcomes=st.dictionaries(
        st.text() | st.sampled_from(["clicked", "dwell_s"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just(10**4000),
        max_size=6,
    )
)
def test_any_outcomes_are_taken_or_refused(outcomes):
    try:
        got = reported(outcomes)
    except Invalid as invalid:
        str(invalid).encode()
    else:
        assert all(math.isfinite(value) for value in got.event.values.values())
        assert set(got.event.values) == set(outcomes)
        encode(got.event)
