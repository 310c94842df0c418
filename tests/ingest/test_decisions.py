"""A request for a decision: ids, masks, exclusions and times are checked together with the context."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from front_page import CONTEXT, SALT, front_page
from policyloop.core.errors import Invalid
from policyloop.core.wire import CandidateAction, DecideRequest
from policyloop.ingest.checks import checks_of
from policyloop.ingest.decisions import Asked, ask

CHECKS = checks_of(front_page(), salt=SALT)


def asked(**request) -> Asked:
    return ask(DecideRequest(**{"context": CONTEXT, **request}), CHECKS)


def message_of(**request) -> str:
    with pytest.raises(Invalid) as caught:
        asked(**request)
    (fault,) = caught.value.faults
    return f"{fault.where} {fault.message}"


def test_nothing_but_a_context_is_needed():
    got = asked()

    assert got.mask is None
    assert got.subject is None
    assert got.occurred_at is None
    assert got.context.values["hour"] == 9


def test_a_mask_says_per_action_whether_it_may_be_taken():
    assert asked(mask=[True, False, True]).mask == [True, False, True]


def test_a_mask_that_allows_all_is_no_mask():
    assert asked(mask=[True, True, True]).mask is None


def test_exclude_takes_actions_out_by_label():
    assert asked(exclude=["bold", "calm"]).mask == [False, False, True]


def test_excluding_nothing_is_no_mask():
    assert asked(exclude=[]).mask is None


def test_an_unknown_label_is_suggested_for():
    assert message_of(exclude=["blod"]) == "$.exclude[0] no action is named 'blod'; did you mean 'bold'?"


@pytest.mark.parametrize("request_", [{"mask": [False, False, False]}, {"exclude": ["calm", "bold", "playful"]}])
def test_at_least_one_action_must_be_left(request_):
    assert "leaves no action; expected at least one that may be taken." in message_of(**request_)


def test_a_mask_has_one_entry_per_action():
    expected = "$.mask has 2 entries; expected 3, one per action in this order: 'calm', 'bold', 'playful'."

    assert message_of(mask=[True, True]) == expected


def test_mask_and_exclude_are_not_sent_together():
    assert message_of(mask=[True, True, True], exclude=[]) == "$.mask is sent together with exclude; expected one of the two."


@pytest.mark.parametrize("bad", ["", "x" * 257, "a\nb", "a\x00b", "a\x7f", "a\x85", "\ud800", "a\u2028b"])
def test_ids_that_cannot_be_are_refused(bad):
    assert message_of(decision_id=bad).startswith("$.decision_id ")
    assert message_of(episode_id=bad).startswith("$.episode_id ")
    assert message_of(subject=bad).startswith("$.subject ")
    message_of(decision_id=bad).encode()


def test_an_id_that_is_no_text_is_refused_in_process_too():
    assert message_of(decision_id=5) == "$.decision_id is 5; expected text of 1 to 256 characters."


@pytest.mark.parametrize("good", ["a", "x" * 256, "../../etc/passwd", "ün ïd", "a\u00a0b", "日本", "' or 1=1"])
def test_ids_are_any_text_without_control_characters(good):
    assert isinstance(asked(decision_id=good), Asked)


def test_actions_and_ranking_belong_to_other_kinds_of_loops():
    assert "expected none" in message_of(actions=[CandidateAction(id="a")])
    assert message_of(n=2) == "$.n is 2; expected 1: only candidates are ranked."
    assert isinstance(asked(n=1), Asked)


def test_times_are_parsed():
    assert asked(occurred_at="1970-01-01T00:00:01.5Z").occurred_at == 1_500_000


@pytest.mark.parametrize("bad", ["yesterday", "", "2026-13-01T00:00:00Z", "9" * 5000, "2026-11-01T07:30:00+99:00", "\ud800"])
def test_what_is_no_time_is_refused(bad):
    assert "expected an RFC 3339 time such as '2026-11-01T07:30:00Z'." in message_of(occurred_at=bad)


def test_faults_of_all_parts_come_back_together():
    with pytest.raises(Invalid) as caught:
        asked(context={}, exclude=["x"], decision_id="", occurred_at="?", n=0)

    places = [fault.where for fault in caught.value.faults]
    assert places[:4] == ["$.context.hour", "$.context.device", "$.context.price", "$.context.is_member"]
    assert places[4:] == ["$.exclude[0]", "$.decision_id", "$.n", "$.occurred_at"]


@given(text=st.text(st.characters(exclude_categories=[])))
def test_any_text_as_id_and_time_is_taken_or_refused(text):
    try:
        got = asked(decision_id=text, episode_id=text, subject=text, occurred_at=text)
    except Invalid as invalid:
        str(invalid).encode()
    else:
        assert isinstance(got, Asked)
