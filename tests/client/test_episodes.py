"""Episodes over the wire: steps in order, what was done before, ends, and what a person did instead."""

import msgspec
import pytest

from policyloop.client import Refused, Unavailable
from policyloop.core import wire
from policyloop.testing.fake_client import FakeClient

VALUES = {"force": 0.25}


@pytest.fixture
def client(connect, server, clock):
    with connect(server.url, clock=clock) as made:
        yield made


def script(server, *values):
    """The server answers these values, one decision each, under the ids d0, d1, ..."""
    for number, each in enumerate(values):
        server.script.append((200, {}, msgspec.json.encode(answer_of(f"d{number}", each, step=number))))


def answer_of(decision_id, values, *, step):
    return wire.DecideAnswer(
        decision_id=decision_id,
        decided_at="2026-11-01T07:30:00.000000Z",
        action=msgspec.json.encode(values).decode(),
        index=0,
        propensity=1.0,
        policy="m" * 32,
        fallback=False,
        logged=True,
        deferred=False,
        split=0.0,
        values=values,
        step=step,
    )


def test_steps_are_counted_and_what_was_done_before_is_said(client, server):
    script(server, {"force": 0.1}, {"force": 0.2}, {"force": 0.3})

    for i in range(3):
        client.decide("cart", {}, episode_id="e1", decision_id=f"d{i}")

    said = [(body["step"], body.get("previous")) for body in server.bodies()]
    assert said == [(0, None), (1, {"force": 0.1}), (2, {"force": 0.2})]


def test_what_the_caller_says_is_what_is_sent(client, server):
    script(server, {"force": 0.1}, {"force": 0.2})

    client.decide("cart", {}, episode_id="e1", decision_id="d0", step=7)
    client.decide("cart", {}, episode_id="e1", decision_id="d1", previous={"force": -1.0})

    assert [(body["step"], body.get("previous")) for body in server.bodies()] == [(7, None), (8, {"force": -1.0})]


def test_episodes_are_counted_each_for_itself_and_begin_anew_after_their_end(client, server):
    script(server, {"force": 0.1}, {"force": 0.2})
    first = client.decide("cart", {}, episode_id="e1", decision_id="d0")
    client.decide("cart", {}, episode_id="e2", decision_id="d1")
    server.script.append((202, {}, msgspec.json.encode(wire.OutcomesAnswer(accepted=1, duplicates=0, warnings=[]))))

    client.end_episode(first, {"x": 1.0}, terminated=True)
    script(server, {"force": 0.3})
    client.decide("cart", {}, episode_id="e1", decision_id="d0")

    decides = [body for body in server.bodies() if isinstance(body, dict)]
    assert [(body["step"], body.get("previous")) for body in decides] == [(0, None)] * 3


def test_in_an_outage_the_default_values_are_what_was_done_before(connect, server, clock, tmp_path):
    with connect(server.url, spool=tmp_path, clock=clock) as client:
        server.script.extend([(500, {}, b""), (503, {"Retry-After": "60"}, b"")])
        answer = client.decide("cart", {}, episode_id="e1", default={"force": 0.0}, timeout=5)
        script(server, {"force": 0.2})
        client.decide("cart", {}, episode_id="e1", decision_id="d0")

    decides = [body for body in server.bodies() if isinstance(body, dict) and "context" in body]
    assert (answer.values, answer.action, answer.step, answer.logged) == ({"force": 0.0}, '{"force":0.0}', 0, False)
    assert (decides[-1]["step"], decides[-1]["previous"]) == (1, {"force": 0.0})
    rows = [row for body in server.bodies() if isinstance(body, list) for row in body]
    assert {str(row["executed"]) for row in rows} == {"{'force': 0.0}"}


def test_an_answer_that_was_lost_leaves_its_step_behind(connect, server, clock):
    with connect(server.url, clock=clock, timeout=1) as client:
        server.script.extend([(500, {}, b"")] * 50)
        with pytest.raises(Unavailable):
            client.decide("cart", {}, episode_id="e1")
        server.script.clear()
        script(server, VALUES)
        client.decide("cart", {}, episode_id="e1", decision_id="d0")

    assert server.bodies()[-1]["step"] == 1


@pytest.mark.parametrize("ends", [{}, {"terminated": True, "truncated": True}])
def test_an_episode_ends_in_one_way(client, ends):
    with pytest.raises(Refused, match="expected terminated=True, nothing comes after, or truncated=True"):
        client.end_episode("d1", {}, loop="cart", **ends)


def test_the_fake_client_plays_numbers_and_remembers_ends():
    fake = FakeClient({"cart": {"force": (-1, 1), "gear": ("low", "high")}}, script=[{"force": 0.5, "gear": "high"}])

    first = fake.decide("cart", {"x": 1}, episode_id="e1")
    second = fake.decide("cart", {"x": 2}, episode_id="e1")
    fake.executed(second, {"force": 1.0, "gear": "low"})
    fake.end_episode(second, {"x": 3}, truncated=True)

    assert (first.values, first.step, first.propensity_kind) == ({"force": 0.5, "gear": "high"}, 0, "point")
    assert (second.values, second.step) == ({"force": 0.0, "gear": "low"}, 1)
    assert fake.reports == [
        {"decision_id": second.decision_id, "outcomes": {}, "executed": {"force": 1.0, "gear": "low"}},
        {"decision_id": second.decision_id, "outcomes": {}, "truncated": True, "next_context": {"x": 3}},
    ]
    with pytest.raises(Refused, match="expected a value for each of force, gear"):
        FakeClient({"cart": {"force": (-1, 1), "gear": ("a",)}}, script=["a"]).decide("cart", {})


def test_advice_comes_with_the_answer_and_what_was_carried_out_is_what_was_done_before(client, server):
    advice = wire.Advice(model="c" * 32, action='{"force":0.4}', values={"force": 0.4}, action_value_estimate=2.5)
    body = msgspec.structs.replace(answer_of("d0", {"force": 0.1}, step=0), advice=advice)
    server.script.append((200, {}, msgspec.json.encode(body)))

    answer = client.decide("cart", {}, episode_id="e1", decision_id="d0")
    server.script.append((202, {}, msgspec.json.encode(wire.OutcomesAnswer(accepted=1, duplicates=0, warnings=[]))))
    client.executed(answer, answer.advice["values"])
    script(server, {"force": 0.3})
    after = client.decide("cart", {}, episode_id="e1", decision_id="d0")

    said = {"model": "c" * 32, "action": '{"force":0.4}', "values": {"force": 0.4}, "action_value_estimate": 2.5}
    assert (answer.advice, after.advice) == (said, None)
    assert server.bodies()[-1]["previous"] == {"force": 0.4}


def test_what_was_carried_out_of_an_earlier_step_is_not_what_was_done_before(client, server):
    script(server, {"force": 0.1}, {"force": 0.2})
    first = client.decide("cart", {}, episode_id="e1", decision_id="d0")
    client.decide("cart", {}, episode_id="e1", decision_id="d1")
    server.script.append((202, {}, msgspec.json.encode(wire.OutcomesAnswer(accepted=1, duplicates=0, warnings=[]))))

    client.executed(first, {"force": 0.9})
    script(server, {"force": 0.3})
    client.decide("cart", {}, episode_id="e1", decision_id="d0")

    assert server.bodies()[-1]["previous"] == {"force": 0.2}
