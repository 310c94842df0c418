"""The client in an outage: decide answers the default, nothing hangs beyond its time, and retries repeat their ids."""

import json
import random
import time
from email.utils import formatdate

import pytest
from scripted_server import decided

from policyloop.client import Receipt, Unavailable
from policyloop.client.caller import Caller

CONTEXT = {"hour": 9}
BUSY = (503, {"Retry-After": "1"}, {"detail": "the log cannot be written", "code": "log_unavailable"})

LATER = (503, {"Retry-After": "60"}, b"")  # longer than any test waits: the client gives up at once


def never_answer(handler):
    """Hold the connection until the client gives up."""
    handler.connection.settimeout(10)
    handler.rfile.read(1)
    handler.close_connection = True


def hang_up(handler):
    """Close without a word."""
    handler.close_connection = True


def half_an_answer(handler):
    """A body that ends before its length."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{")
    handler.close_connection = True


def dribble(handler):
    """A byte now and then: each read is quick, the whole never ends."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n")
    try:
        for _ in range(500):
            handler.wfile.write(b" ")
            time.sleep(0.02)
    except OSError:
        pass
    handler.close_connection = True


def not_http(handler):
    handler.wfile.write(b"\x00\xff nonsense\r\n\r\n")
    handler.close_connection = True


OUTAGES = {
    "answers 500": (500, {}, b"oops"),
    "answers 503": BUSY,
    "answers 502 with a page": (502, {}, b"<html>bad gateway</html>"),
    "answers 429": (429, {"Retry-After": "7"}, {"detail": "too many"}),
    "answers 408": (408, {}, b""),
    "points elsewhere": (302, {"Location": "https://login.example/"}, b""),
    "answers a page": (200, {}, b"<html>welcome</html>"),
    "answers nothing": (200, {}, b""),
    "answers a list": (200, {}, []),
    "answers another decision": (200, {}, decided("another")),
    "answers half of the keys": (200, {}, {"decision_id": "d1", "action": "bold"}),
    "answers a number as action": (200, {}, decided("d1", action=1)),
    "answers true as index": (200, {}, decided("d1", index=True)),
    "answers true as ranking": (200, {}, decided("d1", ranking=True)),
    "answers a number as pmf": (200, {}, decided("d1", pmf=1)),
    "answers with brackets without end": (200, {}, b"[" * 100_000),
    "answers invalid UTF-8": (200, {}, b'{"decision_id": "\xff"}'),
    "hangs up": hang_up,
    "breaks off": half_an_answer,
    "speaks no HTTP": not_http,
}


@pytest.mark.parametrize("step", OUTAGES.values(), ids=OUTAGES.keys())
def test_decide_answers_the_default_when_the_server(connect, server, clock, step):
    server.script.extend([step] * 50)

    with connect(server.url, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", decision_id="d1")

    assert (answer.action, answer.logged, answer.fallback, answer.decision_id) == ("calm", False, True, "d1")
    assert (answer.index, answer.propensity, answer.policy, answer.decided_at) == (None, None, None, None)
    assert answer.reason


@pytest.mark.parametrize("step", [never_answer, dribble])
def test_decide_answers_the_default_when_its_time_is_up_and_the_server_is_slow(connect, server, step):
    server.script.append(step)

    with connect(server.url) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=0.1)

    assert (answer.action, answer.logged) == ("calm", False)
    assert "timed out" in answer.reason


def test_decide_answers_the_default_when_nobody_listens(connect, nobody, clock):
    with connect(nobody, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm")

    assert answer.action == "calm"
    assert "refused" in answer.reason or "Connect call failed" in answer.reason


def test_decide_answers_the_default_when_the_host_name_cannot_be_one(connect, clock):
    with connect("http://a..b", clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm")

    assert answer.action == "calm"


def test_decide_answers_the_default_when_the_server_does_not_speak_tls(connect, server, clock):
    with connect(server.url.replace("http:", "https:"), clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=2)

    assert answer.action == "calm"
    assert "SSL" in answer.reason


def test_without_a_default_an_outage_is_raised(connect, server, clock):
    server.script.extend([BUSY] * 50)

    with connect(server.url, clock=clock) as client, pytest.raises(Unavailable, match="the log cannot be written"):
        client.decide("front-page", CONTEXT)


def test_a_retry_repeats_the_same_bytes(connect, server, clock):
    server.script.extend([(500, {}, b""), hang_up])

    with connect(server.url, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, timeout=2)

    first, second, third = server.bodies()
    assert first == second == third
    assert answer.decision_id == first["decision_id"]
    assert answer.logged


def test_a_server_that_names_a_time_is_not_asked_earlier(connect, server, clock):
    server.script.append(BUSY)

    with connect(server.url, clock=clock) as client:
        client.decide("front-page", CONTEXT, timeout=5)

    assert clock.slept == [1.0]


def test_a_date_as_retry_after_is_understood(connect, server, clock):
    in_20_s = formatdate(clock.now_us() // 1_000_000 + 20, usegmt=True)
    server.script.append((503, {"Retry-After": in_20_s}, b""))

    with connect(server.url, clock=clock) as client:
        client.decide("front-page", CONTEXT, timeout=300)

    assert clock.slept == [20.0]


def test_a_server_that_asks_for_more_time_than_there_is_gets_no_second_try(connect, server, clock):
    server.script.append((503, {"Retry-After": "60"}, b""))

    with connect(server.url, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=5)

    assert answer.logged is False
    assert len(server.requests) == 1
    assert clock.slept == []


def test_pauses_double_up_to_half_a_minute_with_jitter():
    caller = Caller(None, None, random.Random(3))

    pauses = [caller.pause_s(attempt) for attempt in range(40)]

    for attempt, pause in enumerate(pauses):
        full = min(30.0, 0.05 * 2**attempt)
        assert full / 2 <= pause <= full
    assert len(set(pauses)) == 40


def test_a_connection_that_the_server_closed_meanwhile_is_replaced_at_once(connect, server, clock):
    def answer_then_hang_up(handler):
        data = json.dumps(decided(server.bodies()[-1]["decision_id"])).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(data) + data)
        handler.close_connection = True

    server.script.append(answer_then_hang_up)
    with connect(server.url, clock=clock) as client:
        client.decide("front-page", CONTEXT)

        answer = client.decide("front-page", CONTEXT)

    assert answer.logged
    assert clock.slept == []


def test_what_broke_off_on_a_kept_connection_may_have_been_carried_out(connect, server, clock):
    with connect(server.url, clock=clock) as client:
        client.decide("front-page", CONTEXT)
        server.script.extend([hang_up, LATER])

        answer = client.decide("front-page", CONTEXT, default="calm", timeout=5)

    assert answer.in_doubt
    assert clock.slept == []


def test_a_chunked_answer_is_read_whole(connect, server, clock):
    def chunked(handler):
        data = json.dumps(decided("d1")).encode()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in (data[:7], data[7:]):
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        handler.wfile.write(b"0\r\n\r\n")

    server.script.append(chunked)
    with connect(server.url, clock=clock) as client:
        first = client.decide("front-page", CONTEXT, decision_id="d1")
        second = client.decide("front-page", CONTEXT)

    assert first.action == second.action == "bold"
    assert server.n_connections == 1


@pytest.mark.parametrize("step", [LATER, OUTAGES["answers 429"]])
def test_reports_are_dropped_on_an_answer_that_the_server_never_logged(connect, server, clock, step):
    server.script.append(step)

    with connect(server.url, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=5)

        assert not answer.in_doubt
        assert client.outcome(answer, clicked=True) == Receipt(dropped=1)
        assert client.activate(answer) == Receipt(dropped=1)
    assert len(server.requests) == 1


def test_reports_are_dropped_when_nobody_listened(connect, nobody, server, clock):
    with connect(nobody, clock=clock) as away:
        answer = away.decide("front-page", CONTEXT, default="calm")

    with connect(server.url, clock=clock) as client:
        assert client.outcome(answer, clicked=True) == Receipt(dropped=1)


def test_a_report_says_what_was_done_when_the_server_may_have_logged_something_else(connect, server, clock):
    server.script.extend([hang_up, LATER])

    with connect(server.url, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=5)
        receipt = client.outcome(answer, clicked=True)

    assert answer.in_doubt
    assert receipt == Receipt(accepted=1)
    (report,) = server.bodies()[-1]
    assert (report["executed"], report["outcomes"]) == ("calm", {"clicked": True})


HATS = [{"id": "bowler"}, {"id": "beret"}]


def test_a_report_names_a_candidate_that_was_done_instead_by_its_place(connect, server, clock):
    with connect(server.url, clock=clock) as client:
        shelf = client.register_actions("hats", HATS)
        server.script.extend([hang_up, LATER] * 2)
        brought = client.decide("hats", CONTEXT, actions=HATS, default="beret", timeout=5)
        named = client.decide("hats", CONTEXT, action_set=shelf, default="beret", timeout=5)
        receipts = [client.outcome(answer, bought=True) for answer in (brought, named)]

    assert receipts == [Receipt(accepted=1)] * 2
    assert [report["executed"] for body in server.bodies()[-2:] for report in body] == [1, 1]


def test_a_candidate_whose_place_nobody_knows_is_not_reported_on(connect, server, clock, tmp_path):
    server.script.extend([hang_up, LATER] * 2)

    with connect(server.url, clock=clock, spool=tmp_path) as client:
        elsewhere = client.decide("hats", CONTEXT, action_set="registered-elsewhere", default="beret", timeout=5)
        not_offered = client.decide("hats", CONTEXT, actions=HATS, default="fez", timeout=5)

        assert elsewhere.in_doubt
        assert not_offered.in_doubt
        assert client.outcome(elsewhere, bought=True) == client.outcome(not_offered, bought=True) == Receipt(dropped=1)
    assert list(tmp_path.glob("0*")) == []


def test_the_server_is_told_what_was_done_even_when_nothing_comes_of_it(connect, server, clock, tmp_path):
    server.script.extend([half_an_answer, LATER])

    with connect(server.url, spool=tmp_path, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=5)
        client.flush()

    (row,) = server.bodies()[-1]
    assert answer.in_doubt
    assert (row["decision_id"], row["executed"], row["outcomes"]) == (answer.decision_id, "calm", {})
    assert row["occurred_at"]


def test_a_full_spool_does_not_make_decide_raise(connect, server, clock, tmp_path):
    server.script.extend([half_an_answer, LATER])

    with connect(server.url, spool=tmp_path, spool_bytes=10, clock=clock) as client:
        answer = client.decide("front-page", CONTEXT, default="calm", timeout=5)

    assert answer.action == "calm"


def test_without_a_spool_an_outcome_is_tried_until_its_time_is_up_and_then_raised(connect, server, clock):
    server.script.extend([(500, {}, b"")] * 50)

    with connect(server.url, clock=clock) as client, pytest.raises(Unavailable):
        client.outcome("d1", loop="front-page", clicked=True, timeout=1)

    assert len({json.dumps(body) for body in server.bodies()}) == 1
    assert len(server.requests) > 3
