"""Reports while the server is away: they wait on disk, go out in order when it is back, and count once."""

import json
import logging

import pytest
from scripted_server import decided

from policyloop.client import Receipt, Refused, SpoolFull

AWAY = (503, {}, {"detail": "the log cannot be written", "code": "log_unavailable"})


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def client(connect, server, clock, folder):
    made = connect(server.url, spool=folder, clock=clock)
    yield made
    made.close()


def tracked(server):
    return [row for path, body in server.requests if path == "/v1/track" for row in body]


def test_a_report_goes_straight_to_a_server_that_is_there(client, server):
    receipt = client.outcome("d1", loop="front-page", clicked=True)

    assert receipt == Receipt(accepted=1)
    assert server.paths() == ["/v1/loops/front-page/outcomes"]


def test_a_report_waits_on_disk_while_the_server_is_away_and_is_not_tried_twice(client, server):
    server.script.append(AWAY)

    receipt = client.outcome("d1", loop="front-page", clicked=True)

    assert receipt == Receipt(spooled=1)
    assert len(server.requests) == 1


def test_what_waited_goes_out_before_the_next_report_with_the_id_it_had(client, server, clock):
    server.script.append(AWAY)
    client.outcome("d1", loop="front-page", clicked=True)
    clock.pass_by(60)

    receipt = client.outcome("d2", loop="front-page", clicked=False)

    assert receipt == Receipt(accepted=1)
    assert server.paths()[1:] == ["/v1/track", "/v1/loops/front-page/outcomes"]
    first_try, (waited,) = server.bodies()[0][0], server.bodies()[1]
    assert waited["outcome_id"] == first_try["outcome_id"]


def test_a_report_that_waits_says_when_it_happened(client, server, clock):
    server.script.append(AWAY)
    client.outcome("d1", loop="front-page", clicked=True)
    client.outcome("d2", loop="front-page", clicked=True, occurred_at="2026-11-01T00:00:00Z")
    clock.pass_by(3600)

    client.flush()

    assert [r["occurred_at"] for r in tracked(server)] == ["2026-11-01T02:26:40.000000Z", "2026-11-01T00:00:00Z"]


def test_a_server_that_was_just_away_is_left_alone_for_a_while(client, server, clock):
    server.script.append(AWAY)
    client.outcome("d1", loop="front-page", clicked=True)

    receipts = [client.outcome(f"d{n}", loop="front-page", clicked=True) for n in (2, 3)]

    assert receipts == [Receipt(spooled=1)] * 2
    assert len(server.requests) == 1
    clock.pass_by(60)
    assert client.flush()
    assert [r["decision_id"] for r in tracked(server)] == ["d1", "d2", "d3"]


def test_a_new_client_sends_what_an_earlier_one_left(connect, client, server, clock, folder):
    server.script.extend([AWAY] * 3)
    client.outcome("d1", loop="front-page", clicked=True)
    client.close()
    server.script.clear()

    with connect(server.url, spool=folder, clock=clock) as later:
        later.outcome("d2", loop="front-page", clicked=True)

    failed, taken = tracked(server)
    assert failed == taken
    assert taken["decision_id"] == "d1"
    assert list(folder.glob("0*")) == []


def test_activations_wait_too(client, server, clock):
    server.script.append(AWAY)

    receipt = client.activate("d1", loop="front-page")

    assert receipt == Receipt(spooled=1)
    assert client.flush()
    (row,) = tracked(server)
    assert (row["type"], row["loop"], row["decision_id"]) == ("activation", "front-page", "d1")


def test_a_report_that_is_refused_is_raised_and_not_kept(client, server, folder):
    server.script.append((400, {}, {"detail": "$.outcomes.clicked: is 7; expected 0 or 1.", "code": "invalid"}))

    with pytest.raises(Refused, match="expected 0 or 1"):
        client.outcome("d1", loop="front-page", clicked=7)

    assert list(folder.glob("0*")) == []


def test_a_waiting_report_that_is_refused_is_set_aside_and_the_others_are_taken(client, server, folder, caplog):
    server.script.extend([AWAY])
    client.outcomes("front-page", [{"decision_id": f"d{n}", "outcomes": {"clicked": n}} for n in range(3)])
    refusal = {"status": "refused", "error": {"status": 400, "code": "invalid", "detail": "clicked is 2; expected 0 or 1."}}
    server.script.append((200, {}, {"results": [{"status": "accepted"}, {"status": "duplicate"}, refusal]}))

    assert client.flush()

    (aside,) = map(json.loads, (folder / "refused.jsonl").read_text().splitlines())
    assert aside["row"]["decision_id"] == "d2"
    assert aside["reason"] == "clicked is 2; expected 0 or 1."
    assert "d2 is set aside" in caplog.text


def test_a_batch_that_is_refused_as_a_whole_is_halved_until_the_row_at_fault_stands_alone(client, server, folder):
    server.script.append(AWAY)
    client.outcomes("front-page", [{"decision_id": f"d{n}", "outcomes": {"clicked": 1}} for n in range(4)])
    unreadable = (400, {}, {"detail": "$[2]: is no event", "code": "invalid"})
    one, two = [(200, {}, {"results": [{"status": "accepted"}] * n}) for n in (1, 2)]
    server.script.extend([unreadable, two, unreadable, unreadable, one])

    assert client.flush()

    (aside,) = map(json.loads, (folder / "refused.jsonl").read_text().splitlines())
    assert aside["row"]["decision_id"] == "d2"


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_what_waits_is_kept_when_the_refusal_is_not_about_the_reports(client, server, folder, status):
    server.script.append(AWAY)
    client.outcome("d1", loop="front-page", clicked=True)
    server.script.append((status, {}, {"detail": "no", "code": "no"}))

    assert not client.flush()

    assert client.flush()
    assert not (folder / "refused.jsonl").exists()


def test_a_row_that_the_server_could_not_write_is_sent_again(client, server):
    server.script.append(AWAY)
    client.outcome("d1", loop="front-page", clicked=True)
    failed = {"status": "refused", "error": {"status": 503, "code": "log_unavailable", "detail": "the disk is full"}}
    server.script.append((200, {}, {"results": [failed]}))

    assert not client.flush()

    assert client.flush()
    assert len(tracked(server)) == 2


def test_a_full_spool_is_told(connect, server, clock, folder):
    server.script.extend([AWAY] * 9)

    with connect(server.url, spool=folder, spool_bytes=100, clock=clock) as client, pytest.raises(SpoolFull):
        client.outcome("d1", loop="front-page", clicked=True)


def test_closing_in_an_outage_raises_nothing_and_keeps_what_waits(connect, nobody, clock, folder):
    with connect(nobody, spool=folder, clock=clock) as client:
        client.outcome("d1", loop="front-page", clicked=True)

    assert len(list(folder.glob("0*"))) == 1


def test_an_outage_is_told_once_and_values_are_never_logged(client, server, clock, caplog):
    caplog.set_level(logging.INFO)
    server.script.extend([AWAY] * 3)

    for number in range(3):
        client.outcome(f"d{number}", loop="front-page", clicked=123456)
        clock.pass_by(60)
    client.flush()

    assert caplog.text.count("reports are spooled") == 1
    assert caplog.text.count("takes reports again") == 1
    assert "123456" not in caplog.text


def test_decide_does_not_wait_for_the_spool(client, server):
    server.script.append(AWAY)
    client.outcome("d1", loop="front-page", clicked=True)
    server.script.append((200, {}, decided("d2")))

    answer = client.decide("front-page", {}, decision_id="d2")

    assert answer.logged
    assert tracked(server) == []
