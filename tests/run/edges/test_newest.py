"""Keeping up with the newest model: whatever a download turns out to be, the last good one goes on, and the reason is told."""

import json
import logging
import time
from dataclasses import replace

import pytest

from edge_models import some_model_files
from model_server import PROBLEM, ModelServer
from policyloop.core import model_file
from policyloop.core.errors import BadModel, NoModel
from policyloop.core.spec_file import read_spec
from policyloop.run.edge import Decider
from policyloop.run.edges.newest import KEPT
from running_app import CONTEXT, LOOP

SELDOM_S = 3600.0  # the tests look by themselves


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return some_model_files(tmp_path_factory.mktemp("trained"), 3)


@pytest.fixture
def server(files):
    running = ModelServer(files[0])
    yield running
    running.go_away()


@pytest.fixture
def decider(server):
    with Decider.from_url(server.address, mode="fast", poll_s=SELDOM_S) as made:
        yield made


def model_in(file):
    return model_file.unpack(file).model


def eventually(holds, within_s=30.0):
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)


def test_a_look_takes_what_is_new_and_asks_for_no_more_than_that(server, decider, files):
    first = decider.model
    nothing_new = decider.look()
    server.file = files[1]
    something_new = decider.look()

    assert (first, nothing_new, something_new, decider.model) == (model_in(files[0]), False, True, model_in(files[1]))
    assert server.statuses == [200, 304, 200]
    assert decider.counts() == {"looks": 3, "downloads": 2, "failures": 0}


def test_it_looks_by_itself(server, files):
    with Decider.from_url(server.address, mode="fast", poll_s=0.1) as decider:
        server.file = files[1]

        eventually(lambda: decider.model == model_in(files[1]))

        assert decider.counts()["failures"] == 0


def test_a_file_without_a_model_lets_the_baseline_decide_and_the_next_one_ends_that(server, decider, files):
    spec = model_file.unpack(files[0]).spec
    server.file = model_file.pack(spec)
    decider.look()
    paused = decider.decide(CONTEXT)
    server.file = files[0]
    decider.look()

    assert (paused.policy, paused.fallback) == ("baseline", True)
    assert decider.decide(CONTEXT).policy == model_in(files[0])


def cut_short(status, headers, body):
    return status, headers | {"Content-Length": str(len(body) // 2)}, body[: len(body) // 2]


def broken_off(status, headers, body):
    return status, headers, body[: len(body) // 2]


def with_a_flipped_bit(status, headers, body):
    return status, headers, body[:-1] + bytes([body[-1] ^ 1])


def with_a_flipped_bit_and_no_checksum(status, headers, body):
    return status, {k: v for k, v in headers.items() if k != "Repr-Digest"}, body[:-1] + bytes([body[-1] ^ 1])


def with_another_checksum(status, headers, body):
    return status, headers | {"Repr-Digest": "sha-256=:AAAA:"}, body


def of_another_format(status, headers, body):
    body = body.replace(b"policyloop-model 1", b"policyloop-model 7", 1)
    return status, {"Content-Length": str(len(body))}, body


def of_another_loop(status, headers, body):
    body = model_file.pack(read_spec(LOOP | {"loop": "other"}))
    return status, {"Content-Length": str(len(body))}, body


def a_web_page(status, headers, body):
    return 200, {"Content-Length": "13"}, b"<html></html>"


def not_found(status, headers, body):
    told = json.dumps(PROBLEM | {"detail": "no loop is named 'front-page'; known: shop."}).encode()
    return 404, {"Content-Length": str(len(told))}, told


def in_trouble(status, headers, body):
    return 500, {"Content-Length": "0"}, b""


BAD = [
    (cut_short, "the download is damaged: its SHA-256 is"),
    (broken_off, "it broke off"),
    (with_a_flipped_bit, "the download is damaged: its SHA-256 is"),
    (with_a_flipped_bit_and_no_checksum, "the tensors in it are not those that its manifest names"),
    (with_another_checksum, "the server said AAAA"),
    (of_another_format, "the model file has format '7'; this version reads format 1"),
    (of_another_loop, "is of loop 'other'; expected one of 'front-page'"),
    (a_web_page, "this is no model file"),
    (not_found, "gave no model: no loop is named 'front-page'; known: shop."),
    (in_trouble, "gave no model: it answered 500."),
]


@pytest.mark.parametrize(("spoil", "told"), BAD, ids=[spoil.__name__ for spoil, _ in BAD])
def test_whatever_is_wrong_with_a_download_the_last_good_model_goes_on_until_a_good_one_comes(
    server, decider, files, caplog, spoil, told
):
    server.file = files[1]
    good, server.spoil = server.spoil, spoil
    with caplog.at_level(logging.WARNING, "policyloop.edge"):
        looks = [decider.look(), decider.look()]
    during = (decider.model, decider.trouble, decider.counts()["failures"], decider.decide(CONTEXT).policy)
    server.spoil = good
    after = decider.look()

    assert looks == [False, False]
    assert during[0] == during[3] == model_in(files[0])
    assert told in during[1]
    assert during[2] == 2
    assert [told in record.message for record in caplog.records] == [True]  # told once
    assert (after, decider.model, decider.trouble) == (True, model_in(files[1]), None)


@pytest.mark.parametrize("spoil", [spoil for spoil, _ in BAD])
def test_at_the_first_start_it_is_an_error(server, spoil):
    server.spoil = spoil

    with pytest.raises((NoModel, BadModel)):
        Decider.from_url(server.address, mode="fast").close()


def test_a_server_that_goes_away_and_comes_back_is_taken_up_again(server, decider, files):
    server.go_away()
    decider.look()
    away = (decider.trouble, decider.decide(CONTEXT).policy)
    server.come_back()
    server.file = files[2]
    decider.look()

    assert "gave no model: " in away[0]
    assert away[1] == model_in(files[0])
    assert (decider.model, decider.trouble) == (model_in(files[2]), None)


def test_a_restart_while_the_server_is_away_goes_on_with_the_model_that_was_kept(server, files, tmp_path):
    with Decider.from_url(server.address, spool=tmp_path, poll_s=SELDOM_S) as decider:
        server.file = files[1]
        decider.look()
    server.go_away()

    with Decider.from_url(server.address, spool=tmp_path, poll_s=SELDOM_S) as decider:
        kept = (decider.model, decider.trouble, decider.decide(CONTEXT).logged)
        server.come_back()
        server.file = files[2]
        decider.look()
        newest = decider.model

    assert (kept[0], kept[2], newest) == (model_in(files[1]), True, model_in(files[2]))
    assert "refused" in kept[1]


def test_a_kept_model_that_is_damaged_is_left_out(server, tmp_path):
    Decider.from_url(server.address, spool=tmp_path, poll_s=SELDOM_S).close()
    (tmp_path / KEPT).write_bytes((tmp_path / KEPT).read_bytes()[:-1])

    with Decider.from_url(server.address, spool=tmp_path, poll_s=SELDOM_S) as decider:
        assert decider.trouble is None
    server.go_away()
    (tmp_path / KEPT).write_bytes(b"")
    with pytest.raises(NoModel):
        Decider.from_url(server.address, spool=tmp_path)
    server.come_back()


def test_an_address_whose_model_never_changes_is_not_looked_at_again(server, files):
    server.spoil = lambda status, headers, body: (status, headers | {"Cache-Control": "private, immutable"}, body)

    with Decider.from_url(server.address, mode="fast", poll_s=0.1):
        time.sleep(0.5)

    assert server.statuses == [200]


def test_decisions_wait_in_the_spool_while_the_server_is_away_and_come_once_with_their_probabilities(server, tmp_path):
    with Decider.from_url(server.address, spool=tmp_path, poll_s=SELDOM_S) as decider:
        server.go_away()
        answers = [decider.decide(CONTEXT, pmf=True, exclude=["bold"]) for _ in range(3)]
        decider.outcome(answers[0], clicked=True)
        waited = decider.flush()
        server.come_back()
        eventually(lambda: decider.flush() and len(server.tracked) >= 4)

    rows = server.tracked
    assert waited is False
    assert [row["type"] for row in rows] == ["decision"] * 3 + ["outcome"]
    assert [row["decision_id"] for row in rows] == [a.decision_id for a in answers] + [answers[0].decision_id]
    for row, answer in zip(rows, answers, strict=False):
        assert (row["pmf"], row["action"], row["policy"]) == (list(answer.pmf), answer.action, answer.policy)
        assert (row["exclude"], row["occurred_at"], row["context"]) == (["bold"], answer.decided_at, CONTEXT)
    assert rows[3]["outcomes"] == {"clicked": True}


def test_without_a_spool_they_wait_in_memory(server, decider):
    server.go_away()
    answer = decider.decide(CONTEXT, explore=False)
    decider.outcome(answer, clicked=True)
    server.come_back()
    eventually(lambda: decider.flush() and len(server.tracked) >= 2)

    assert answer.logged is False
    assert server.tracked[0]["propensity_kind"] == "point"


def test_what_happened_after_the_window_is_not_delivered_as_if_it_had_happened_at_once(server, decider):
    answer = replace(decider.decide(CONTEXT), decided_at="2026-01-01T00:00:00.000000Z")

    late = decider.outcome(answer, clicked=True, occurred_at="2026-01-01T00:10:00Z")
    in_time = decider.outcome(answer, clicked=True, occurred_at="2026-01-01T00:09:59Z")

    assert (late.dropped, in_time.dropped) == (1, 0)
    assert "outside the window of 10m; it is not delivered." in late.warnings[0]
