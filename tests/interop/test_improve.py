"""The Improve track protocol over HTTP: what its clients send is durable when they hear so, and nothing is half taken."""

import json
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from empty_records import with_records
from improve_themes import DECISION, REWARD, THEMES, TRACK, decision, ksuid, reward
from policyloop.core.clock import SystemClock
from policyloop.core.event import ActionSet, Decision, Outcome
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.interop.protocols.improve import MAX_BODY_BYTES
from policyloop.log.folder import segments
from policyloop.log.replay import read_segment
from policyloop.run.deployment import open_deployment
from running_app import running_app

PAGE = {"origin": "https://app.example", "content-type": "text/plain;charset=UTF-8", "x-api-key": "a key"}


def apply_themes(folder):
    with open_deployment(Home(with_records(folder / "data"))) as deployment:
        deployment.registry.apply(read_spec(THEMES))


@pytest.fixture
def themes(tmp_path):
    apply_themes(tmp_path)
    with running_app(tmp_path) as app:
        yield app


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """One application for tests that only ask it."""
    folder = tmp_path_factory.mktemp("themes")
    apply_themes(folder)
    with running_app(folder) as app:
        yield app


def logged(app):
    """What the log holds, in order."""
    files = segments(app.app.service.settings.home.log)
    return [record.event() for file in files for record in read_segment(file).records]


def test_a_decision_and_its_reward_are_logged_when_success_is_told(themes):
    first = themes.post(TRACK, decision())
    second = themes.post(TRACK, reward(model="themes"))

    assert (first.status, first.json) == (second.status, second.json) == (200, {"status": "success"})
    decided, rewarded = logged(themes)
    assert isinstance(decided, Decision)
    assert isinstance(rewarded, Outcome)
    assert (decided.loop, decided.decision_id) == (rewarded.loop, rewarded.decision_id) == ("themes", DECISION)


def test_a_record_sent_again_at_once_is_logged_once(themes):
    for record in (decision(), reward(), decision(), reward()):
        assert themes.post(TRACK, record).status == 200

    assert len(logged(themes)) == 2


def test_large_candidates_stand_in_the_log_before_the_decision_that_offers_them(themes):
    big = decision(item={"text": "x" * 2000}, sample={"text": "y" * 2000})
    for n in range(3):
        assert themes.post(TRACK, big | {"message_id": ksuid(10**15 * 15 // 10, n)}).status == 200

    offered, *decisions = logged(themes)
    assert isinstance(offered, ActionSet)
    assert {one.actions for one in decisions} == {offered.digest}
    assert len(decisions) == 3


def test_pages_of_any_origin_may_call_and_read_the_answer_whatever_it_is(asked):
    preflight = asked.ask("OPTIONS", TRACK, b"", PAGE | {"access-control-request-method": "POST"})
    taken = asked.ask("POST", TRACK, json.dumps(reward()).encode(), PAGE)
    refused = asked.ask("POST", TRACK, b"{", PAGE)
    without_a_type = asked.ask("POST", TRACK, json.dumps(reward()).encode(), {"content-type": None})

    assert preflight.status == 200
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-methods"] == "OPTIONS, POST"
    assert preflight.headers["access-control-allow-headers"] == "content-type, x-api-key"
    assert [(got.status, got.headers["access-control-allow-origin"]) for got in (taken, refused)] == [(200, "*"), (400, "*")]
    assert without_a_type.status == 200


def test_other_methods_and_other_hosts_are_refused(asked):
    assert asked.get(TRACK).status == 405
    assert asked.ask("POST", TRACK, json.dumps(reward()).encode(), {"host": "elsewhere.example"}).status == 403


def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_refused(asked):
    room = MAX_BODY_BYTES - len(json.dumps(decision(item="")))
    largest = json.dumps(decision(item="x" * room)).encode()

    assert len(largest) == MAX_BODY_BYTES == 1_023_999
    assert asked.ask("POST", TRACK, largest, pieces=16).status == 200
    got = asked.ask("POST", TRACK, largest + b" ", pieces=16)
    assert (got.status, got.json) == (400, {"error": {"message": "the body is over 1,023,999 bytes; send less at a time."}})


def test_an_unknown_model_is_told_no_names_of_ours(asked):
    got = asked.post(TRACK, decision(model="Themes"))

    told = "$.model: is 'Themes'; expected the name of a loop, or one of its aliases."
    assert (got.status, got.json) == (400, {"error": {"message": told}})


def test_a_future_id_is_refused(asked):
    tomorrow = ksuid(SystemClock().now_us() + 86_400_000_000)

    assert asked.post(TRACK, decision(message_id=tomorrow)).status == 400
    assert asked.post(TRACK, reward(message_id=tomorrow)).status == 400


HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"1",
    b'"x"',
    b"{",
    b"{}",
    b"\xff",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b'{"message_id": "\xff"}',
    b"[" * 100_000,
    b'{"message_id": ' * 100_000,
    json.dumps(decision()).encode() * 2,
    json.dumps([decision()]).encode(),
    json.dumps(decision(model="x\u0000")).encode(),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b"NaN"),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b"-Infinity"),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b"1e999"),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b"9" * 5000),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b'"\\ud800"'),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b'{"\\udfff": 1}'),
    json.dumps(decision(item="?")).encode().replace(b'"?"', b"[" * 50_000 + b"]" * 50_000),
    json.dumps(decision(context="?")).encode().replace(b'"?"', b'{"a": ' * 50_000 + b"1" + b"}" * 50_000),
    json.dumps(reward(reward="?")).encode().replace(b'"?"', b"1e309"),
    json.dumps(reward(reward="?")).encode().replace(b'"?"', b"9" * 400),
    json.dumps(decision(count=10**30)).encode(),
    json.dumps(decision(count=1)).encode(),
    json.dumps(decision(message_id=quote(DECISION))).encode() + b"}",
    json.dumps(reward(decision_id="..%2F" * 5 + "ab")).encode(),
]


@pytest.mark.parametrize("body", HOSTILE, ids=lambda body: repr(body[:40]))
def test_a_hostile_body_is_a_400_with_a_message_and_leaves_nothing_in_the_log(asked, body):
    before = len(logged(asked))

    got = asked.ask("POST", TRACK, body)

    assert got.status == 400
    assert set(got.json) == {"error"}
    assert got.json["error"]["message"]
    assert len(logged(asked)) == before


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = ("message_id", "model", "count", "item", "variant", "context", "givens", "sample", "decision_id", "reward", "type")


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=6), st.booleans())
def test_whatever_the_values_are_it_is_taken_or_refused_and_never_a_500(asked, changes, is_decision):
    record = (decision() if is_decision else reward()) | changes
    try:
        body = json.dumps(record).encode()
    except ValueError:
        return

    assert asked.ask("POST", TRACK, body).status in (200, 400)


def test_when_the_log_cannot_be_written_the_client_is_told_to_send_again(themes):
    themes.app.service.log.close()

    got = themes.post(TRACK, reward())

    assert (got.status, got.headers["retry-after"]) == (503, "1")
    assert set(got.json) == {"error"}
    assert REWARD not in got.json["error"]["message"]
