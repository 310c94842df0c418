"""The client's wire shapes are core's: it imports nothing of ours, so a test holds the two together."""

import inspect

import msgspec
import pytest

from policyloop.client import Answer, Receipt
from policyloop.core import clock as core_clock
from policyloop.core import rng as core_rng
from policyloop.core import wire

EVERYTHING = {
    "decision_id": "d1",
    "exclude": ["calm"],
    "explore": False,
    "defer": True,
    "occurred_at": "2026-11-01T07:30:00Z",
    "episode_id": "e1",
    "step": 0,
    "previous": {"force": 0.5},
    "subject": "u1",
}


@pytest.fixture
def client(connect, server, clock):
    with connect(server.url, clock=clock) as made:
        yield made


def fields_of(struct):
    return {f.encode_name for f in msgspec.structs.fields(struct)}


def test_every_decide_request_is_one_that_core_reads(client, server):
    client.decide("front-page", {"hour": 9}, **EVERYTHING)
    client.decide("front-page", {"hour": 9}, mask=[True, False])
    client.decide("hats", {"hour": 9}, actions=[{"id": "bowler", "features": {"price": 40}}, {"id": "beret"}], n=2)

    full, masked, ranked = (msgspec.convert(body, wire.DecideRequest) for body in server.bodies())
    assert {name: getattr(full, name) for name in EVERYTHING} == EVERYTHING
    assert masked.mask == [True, False]
    assert ([action.id for action in ranked.actions], ranked.n) == (["bowler", "beret"], 2)


def test_decide_can_say_all_that_core_reads(client):
    taken = set(inspect.signature(client.decide).parameters) - {"loop", "default", "pmf", "timeout"}

    assert taken == fields_of(wire.DecideRequest)


def test_every_set_of_candidates_is_one_that_core_reads_and_its_name_one_that_the_client_reads(client, server):
    registered = wire.RegisterActionsAnswer(action_set="a-name", n=1)
    server.script.append((201, {}, msgspec.json.encode(registered)))

    name = client.register_actions("hats", [{"id": "bowler", "features": {"price": 40}}])

    (action,) = msgspec.convert(server.bodies()[0], wire.RegisterActionsRequest).actions
    assert (name, action.id, action.features) == ("a-name", "bowler", {"price": 40})


def test_every_outcome_is_one_that_core_reads(client, server):
    answer = client.decide("front-page", {})
    client.outcome(answer, clicked=True, dwell_s=2.5, occurred_at="2026-11-01T07:30:00Z", final=True)

    (report,) = msgspec.convert(server.bodies()[1], list[wire.OutcomeRequest])

    assert report.outcomes == {"clicked": True, "dwell_s": 2.5}
    assert (report.decision_id, report.decided_at, report.final) == (answer.decision_id, answer.decided_at, True)


def test_every_activation_is_one_that_core_reads(client, server):
    client.activate(client.decide("front-page", {}), occurred_at="2026-11-01T07:30:00Z")

    assert msgspec.convert(server.bodies()[1], wire.ActivateRequest).occurred_at == "2026-11-01T07:30:00Z"


def test_every_spooled_report_is_a_row_of_track_that_core_reads(connect, server, clock, tmp_path):
    server.script.append((503, {}, b""))
    with connect(server.url, spool=tmp_path, clock=clock) as client:
        client.outcome("d1", loop="front-page", clicked=True, final=True)
        client.activate("d1", loop="front-page")
        client.flush()

    rows = [msgspec.convert(row, wire.TrackedRow) for row in server.bodies()[-1]]
    assert [type(row) for row in rows] == [wire.TrackedOutcome, wire.TrackedActivation]


def test_what_was_done_instead_is_a_row_of_track_that_core_reads(connect, server, clock, tmp_path):
    server.script.extend([(500, {}, b""), (503, {"Retry-After": "60"}, b"")])
    with connect(server.url, spool=tmp_path, clock=clock) as client:
        client.decide("front-page", {}, default="calm", timeout=5)
        client.flush()

    (row,) = (msgspec.convert(row, wire.TrackedRow) for row in server.bodies()[-1])
    assert row.executed == "calm"


def test_core_s_answers_are_ones_that_the_client_reads(client, server):
    decided = wire.DecideAnswer(
        decision_id="d1",
        decided_at="2026-11-01T07:30:00.000000Z",
        action="bold",
        index=1,
        propensity=0.5,
        policy="baseline",
        fallback=True,
        logged=True,
        deferred=False,
        split=0.9,
        ranking=["bold", "calm"],
        pmf=[0.5, 0.5],
    )
    taken = wire.OutcomesAnswer(accepted=0, duplicates=1, warnings=["no outcome is named 'cliked'"])
    results = wire.TrackAnswer(results=[wire.TrackResult(status="duplicate", id="o1")])
    server.script.extend((200, {}, msgspec.json.encode(answer)) for answer in (decided, taken, results))

    answer = client.decide("front-page", {}, decision_id="d1")
    receipt = client.outcome(answer, clicked=True)
    (result,) = client.track([{"type": "outcome", "loop": "front-page", "decision_id": "d1", "outcomes": {"clicked": 1}}])

    told = {name: value for name, value in msgspec.structs.asdict(decided).items() if value is not msgspec.UNSET}
    assert answer == Answer(loop="front-page", **{**told, "ranking": ("bold", "calm"), "pmf": (0.5, 0.5)})
    assert receipt == Receipt(duplicates=1, warnings=("no outcome is named 'cliked'",))
    assert result["status"] == "duplicate"


def test_core_s_answers_of_numbers_are_ones_that_the_client_reads(client, server):
    decided = wire.DecideAnswer(
        decision_id="d1",
        decided_at="2026-11-01T07:30:00.000000Z",
        action='{"gear":"high","force":0.25}',
        index=0,
        propensity=1.5,
        policy="m" * 32,
        fallback=False,
        logged=True,
        deferred=False,
        split=0.9,
        step=4,
        values={"gear": "high", "force": 0.25},
        propensity_kind="density",
        action_value_estimate=812.5,
        pmf={"gear": [0.25, 0.75]},
        density={"family": "uniform", "low": [-1.0], "high": [1.0]},
    )
    server.script.append((200, {}, msgspec.json.encode(decided)))

    answer = client.decide("cart", {}, decision_id="d1", episode_id="e1", pmf=True)

    told = {name: value for name, value in msgspec.structs.asdict(decided).items() if value is not msgspec.UNSET}
    assert answer == Answer(loop="cart", episode_id="e1", **{**told, "pmf": {"gear": (0.25, 0.75)}})


def test_the_end_of_an_episode_and_what_was_really_done_are_ones_that_core_reads(client, server):
    answer = client.decide("cart", {}, episode_id="e1")
    client.end_episode(answer, {"x": 1.5}, truncated=True, outcomes={"reached": True})
    client.executed(answer, {"force": 0.5}, occurred_at="2026-11-01T07:30:00Z")
    client.executed(answer, [0.5])

    ended, executed, listed = (msgspec.convert(body, list[wire.OutcomeRequest])[0] for body in server.bodies()[1:])
    assert (ended.terminated, ended.truncated, ended.next_context, ended.outcomes) == (
        None,
        True,
        {"x": 1.5},
        {"reached": True},
    )
    assert (executed.executed, executed.outcomes, listed.executed) == ({"force": 0.5}, {}, [0.5])


def test_the_answer_names_every_field_of_core_s():
    assert fields_of(wire.DecideAnswer) <= set(Answer.__dataclass_fields__)
    assert fields_of(wire.OutcomesAnswer) <= set(Receipt.__dataclass_fields__)


def test_times_and_ids_are_written_as_core_writes_them():
    from policyloop.client import clock, ids  # noqa: PLC0415 - beside core's for this comparison alone

    now_us = 1_793_500_000_123_456

    assert clock.iso(now_us) == core_clock.iso(now_us)
    assert ids.uuid7(now_us)[:15] == core_rng.uuid7(now_us)[:15]
