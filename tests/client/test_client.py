"""The client over real HTTP: decisions, reports, ids and mistakes, while all is well."""

import subprocess
import sys
import uuid
from threading import Thread

import numpy as np
import pytest
from scripted_server import decided

from policyloop.client import Answer, Client, Receipt, Refused

CONTEXT = {"hour": 9, "device": "phone"}


@pytest.fixture
def client(connect, server, clock):
    with connect(server.url, clock=clock) as made:
        yield made


def test_decide_hands_back_what_the_server_decided(client, server):
    answer = client.decide("front-page", CONTEXT)

    assert answer == Answer(
        loop="front-page",
        decision_id=server.bodies()[0]["decision_id"],
        action="bold",
        index=1,
        propensity=0.98,
        policy="0" * 32,
        fallback=False,
        logged=True,
        decided_at="2026-11-01T07:30:00.000000Z",
        deferred=False,
        split=0.25,
    )
    assert server.paths() == ["/v1/loops/front-page/decide"]


def test_a_decision_gets_an_id_on_this_side(client, server):
    client.decide("front-page", CONTEXT)

    sent = server.bodies()[0]
    assert uuid.UUID(sent["decision_id"]).version == 7
    assert sent == {"context": CONTEXT, "decision_id": sent["decision_id"]}


def test_only_what_the_caller_said_goes_out(client, server):
    client.decide("front-page", CONTEXT, decision_id="d1", exclude=("calm",), explore=False, defer=True, subject="u1", pmf=True)

    assert server.requests[0] == (
        "/v1/loops/front-page/decide?pmf=true",
        {
            "context": CONTEXT,
            "decision_id": "d1",
            "exclude": ["calm"],
            "explore": False,
            "defer": True,
            "subject": "u1",
        },
    )


def test_candidates_go_out_as_they_were_given(client, server):
    hats = [{"id": "bowler", "features": {"price": np.float64(40)}}, {"id": "beret"}]

    client.decide("hats", CONTEXT, actions=(hat for hat in hats), n=2, decision_id="d1")
    client.decide("hats", CONTEXT, action_set="a" * 64, exclude=("beret",), default="bowler", decision_id="d2")

    assert server.bodies() == [
        {
            "context": CONTEXT,
            "decision_id": "d1",
            "n": 2,
            "actions": [{"id": "bowler", "features": {"price": 40}}, {"id": "beret"}],
        },
        {"context": CONTEXT, "decision_id": "d2", "action_set": "a" * 64, "exclude": ["beret"]},
    ]


def test_candidates_are_registered_ahead_under_a_name(client, server):
    name = client.register_actions("hats", ({"id": hat} for hat in ("bowler", "beret")))

    assert name == "a" * 32
    assert server.requests == [("/v1/loops/hats/action-sets", {"actions": [{"id": "bowler"}, {"id": "beret"}]})]


def test_the_pmf_comes_along_when_asked_for(client, server):
    server.script.append((200, {}, decided("d1", pmf=[0.01, 0.98, 0.01])))

    answer = client.decide("front-page", CONTEXT, decision_id="d1", pmf=True)

    assert answer.pmf == (0.01, 0.98, 0.01)


def test_an_outcome_names_its_decision_and_echoes_its_time(client, server):
    answer = client.decide("front-page", CONTEXT)

    receipt = client.outcome(answer, clicked=True, dwell_s=12.5, final=True)

    assert receipt == Receipt(accepted=1)
    path, (sent,) = server.requests[1]
    assert path == "/v1/loops/front-page/outcomes"
    assert uuid.UUID(sent.pop("outcome_id")).version == 7
    assert sent == {
        "decision_id": answer.decision_id,
        "decided_at": "2026-11-01T07:30:00.000000Z",
        "outcomes": {"clicked": True, "dwell_s": 12.5},
        "final": True,
    }


def test_an_outcome_can_name_its_decision_by_id_alone(client, server):
    client.outcome("d1", {"sign-up": 1}, loop="front-page", outcome_id="o1", occurred_at="2026-11-01T07:31:00Z")

    assert server.bodies()[0] == [
        {"decision_id": "d1", "outcomes": {"sign-up": 1}, "outcome_id": "o1", "occurred_at": "2026-11-01T07:31:00Z"}
    ]


def test_an_id_alone_needs_its_loop(client, server):
    with pytest.raises(Refused, match="`loop` is missing"):
        client.outcome("d1", clicked=True)

    assert server.requests == []


def test_warnings_come_back_with_the_receipt(client, server):
    warning = "no outcome is named 'cliked'; did you mean 'clicked'?"
    server.script.append((202, {}, {"accepted": 1, "duplicates": 0, "warnings": [warning]}))

    receipt = client.outcome("d1", loop="front-page", cliked=True)

    assert receipt.warnings == (warning,)


def test_many_outcomes_go_out_in_requests_of_bounded_size(client, server):
    reports = [{"decision_id": f"d{i}", "outcomes": {"clicked": 1}, "outcome_id": "o" * 200} for i in range(4000)]

    receipt = client.outcomes("front-page", reports)

    assert receipt == Receipt(accepted=4000)
    assert len(server.requests) == 3
    assert [row["decision_id"] for body in server.bodies() for row in body] == [f"d{i}" for i in range(4000)]


def test_reports_keep_the_ids_they_have(client, server):
    client.outcomes("front-page", [{"decision_id": "a", "outcomes": {"x": 1}, "outcome_id": "mine"}])

    assert server.bodies()[0][0]["outcome_id"] == "mine"


def test_no_reports_are_no_request(client, server):
    assert client.outcomes("front-page", []) == Receipt()
    assert server.requests == []


def test_activate_names_the_decision(client, server):
    receipt = client.activate("d1", loop="front-page")

    assert receipt == Receipt(accepted=1)
    assert server.requests == [("/v1/loops/front-page/activate", {"decision_id": "d1"})]


def test_track_gives_ids_where_they_are_missing_and_a_result_per_event(client, server):
    events = [
        {"type": "decision", "loop": "front-page", "context": CONTEXT, "action": "bold", "propensity_kind": "unknown"},
        {"type": "outcome", "loop": "front-page", "decision_id": "d1", "outcomes": {"clicked": 1}},
        {"type": "activation", "loop": "front-page", "decision_id": "d1"},
    ]

    results = client.track(events)

    decision, outcome, activation = server.bodies()[0]
    assert uuid.UUID(decision["decision_id"]).version == uuid.UUID(outcome["outcome_id"]).version == 7
    assert activation == events[2]
    assert [r["status"] for r in results] == ["accepted"] * 3


def test_a_mistake_is_raised_with_code_place_and_every_fault(client, server):
    problem = {
        "type": "https://policyloop.dev/errors/invalid",
        "title": "invalid",
        "status": 400,
        "detail": "$.context.hour: is 31; expected 0 to 23.",
        "code": "invalid",
        "where": "$.context.hour",
        "errors": [{"where": "$.context.hour", "message": "is 31; expected 0 to 23.", "code": "invalid"}],
    }
    server.script.append((400, {}, problem))

    with pytest.raises(Refused, match="expected 0 to 23") as raised:
        client.decide("front-page", {"hour": 31}, default="calm", timeout=5)

    error = raised.value
    assert (error.status, error.code, error.where) == (400, "invalid", "$.context.hour")
    assert error.errors[0]["message"] == "is 31; expected 0 to 23."
    assert len(server.requests) == 1


def test_a_conflict_is_a_mistake_and_is_not_tried_again(client, server):
    server.script.append((409, {}, {"detail": "already decided", "code": "decision_conflict"}))

    with pytest.raises(Refused) as raised:
        client.decide("front-page", CONTEXT, decision_id="d1", default="calm", timeout=5)

    assert (raised.value.status, raised.value.code) == (409, "decision_conflict")
    assert len(server.requests) == 1


def test_a_refusal_without_a_problem_document_is_still_told(client, server):
    server.script.append((403, {"Content-Type": "text/html"}, b"<h1>no</h1>"))

    with pytest.raises(Refused, match="403 without a word why") as raised:
        client.decide("front-page", CONTEXT, default="calm", timeout=5)

    assert raised.value.code == "http_403"


@pytest.mark.parametrize(
    ("context", "message"),
    [
        ({"a": {"b": [1.0, float("nan")]}}, r"\$\.context\.a\.b\[1\] is not finite"),
        ({"a": float("inf")}, r"\$\.context\.a is not finite"),
        ({"a": object()}, "a value of type object has no JSON form"),
    ],
)
def test_what_json_cannot_say_is_refused_before_it_is_sent(client, server, context, message):
    with pytest.raises(Refused, match=message):
        client.decide("front-page", context, default="calm")

    assert server.requests == []


def test_a_context_nested_beyond_reason_is_refused_before_it_is_sent(client, server):
    deep = {}
    for _ in range(100_000):
        deep = {"a": deep}

    with pytest.raises(Refused, match="nested too deep"):
        client.decide("front-page", deep, default="calm")

    while deep:  # taken apart by hand: freeing it at once would recurse as deep
        deep = deep.pop("a")
    assert server.requests == []


def test_numpy_values_are_taken_as_the_plain_ones_they_hold(client, server):
    client.decide("front-page", {"x": np.float32(0.5), "n": np.int64(3), "v": np.array([1.0, 2.0])})

    assert server.bodies()[0]["context"] == {"x": 0.5, "n": 3, "v": [1.0, 2.0]}


def test_a_loop_name_cannot_change_the_path(client, server):
    client.decide("../models?x=", CONTEXT)

    assert server.paths() == ["/v1/loops/..%2Fmodels%3Fx%3D/decide"]


def test_one_thread_keeps_one_connection_and_another_has_its_own(server):
    with Client(server.url) as client:
        for _ in range(5):
            client.decide("front-page", CONTEXT)
        thread = Thread(target=lambda: [client.decide("front-page", CONTEXT) for _ in range(5)])
        thread.start()
        thread.join()

    assert len(server.requests) == 10
    assert server.n_connections == 2


FORK = """
import os, sys
from policyloop.client import Client
client = Client(sys.argv[1], timeout=30)
client.decide("front-page", {})
child = os.fork()
answer = client.decide("front-page", {})
if child == 0:
    os._exit(0 if answer.logged else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), answer.logged)
"""


def test_a_forked_child_does_not_speak_on_its_parent_s_connection(server):
    told = subprocess.run([sys.executable, "-c", FORK, server.url], check=True, capture_output=True, text=True).stdout

    assert told == "0 True\n"
    assert server.n_connections == 2


def test_a_closed_client_opens_again_when_it_is_used(client, server):
    client.decide("front-page", CONTEXT)
    client.close()

    client.decide("front-page", CONTEXT)

    assert server.n_connections == 2


def test_a_path_before_the_calls_is_kept(connect, server, clock):
    with connect(server.url + "/decisions/", clock=clock) as client:
        client.decide("front-page", CONTEXT)

    assert server.paths() == ["/decisions/v1/loops/front-page/decide"]


@pytest.mark.parametrize("url", ["127.0.0.1:8900", "ftp://host", "http://", "http://host/?a=b", "http://user:word@host"])
def test_an_address_that_is_none_is_refused(connect, url):
    with pytest.raises(ValueError, match="expected"):
        connect(url)
