"""The client against a real server, through a crash and back."""

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from policyloop.client import Receipt, Refused

PATIENT_S = 60  # machines stall


class RealServer:
    """Can be killed and started again on the same data and port."""

    def __init__(self, home):
        self.home = home
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        command = [sys.executable, Path(__file__).with_name("real_server.py"), self.home, str(self.port)]
        with (self.home / "server.log").open("ab") as told:
            self.process = subprocess.Popen(command, stderr=told)
        until = time.monotonic() + PATIENT_S
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                pytest.fail(f"the server does not start: {(self.home / 'server.log').read_text()[-4000:]}")
            time.sleep(0.05)

    def is_ready(self):
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/readyz", timeout=1) as answer:
            return answer.status == 200
        return False

    def crash(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(timeout=PATIENT_S)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    running = RealServer(tmp_path_factory.mktemp("home"))
    running.start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def client(connect, real, tmp_path):
    with connect(real.url, spool=tmp_path / "spool", timeout=PATIENT_S) as made:
        yield made


def test_a_decision_its_outcome_and_its_repetition(client):
    answer = client.decide("front-page", {"hour": 9}, pmf=True)
    again = client.decide("front-page", {"hour": 9}, decision_id=answer.decision_id, pmf=True)
    first = client.outcome(answer, clicked=True, outcome_id="once")
    second = client.outcome(answer, clicked=True, outcome_id="once")

    assert again == answer
    assert answer.logged
    assert (answer.fallback, answer.policy) == (True, "baseline")
    assert answer.propensity == answer.pmf[answer.index]
    assert sum(answer.pmf) == pytest.approx(1)
    assert (first, second) == (Receipt(accepted=1), Receipt(duplicates=1))


def test_masks_and_exclusions_reach_the_policy(client):
    excluded = client.decide("front-page", {"hour": 9}, exclude=["calm", "bold"])
    masked = client.decide("front-page", {"hour": 9}, mask=[True, False, False])

    assert (excluded.action, masked.action) == ("playful", "calm")
    assert excluded.propensity == masked.propensity == 1


def test_candidates_are_ranked_whether_they_come_along_or_were_registered(client):
    hats = [{"id": name, "features": {"price": price}} for name, price in (("bowler", 40), ("beret", 25), ("fez", 31))]

    brought = client.decide("hats", {"hour": 9}, actions=hats, n=3, exclude=["bowler"], pmf=True)
    named = client.decide("hats", {"hour": 9}, action_set=client.register_actions("hats", hats), n=3, explore=False)
    receipt = client.outcome(brought, bought=True)

    assert brought.ranking[0] == brought.action
    assert (set(brought.ranking), brought.pmf[0]) == ({"beret", "fez"}, 0)
    assert set(named.ranking) == {"bowler", "beret", "fez"}
    assert receipt == Receipt(accepted=1)


def test_a_deferred_decision_is_activated_as_often_as_one_likes(client):
    answer = client.decide("front-page", {"hour": 9}, defer=True)

    receipts = [client.activate(answer) for _ in range(2)]

    assert answer.deferred
    assert [r.accepted + r.duplicates for r in receipts] == [1, 1]


def test_tracked_events_are_taken_or_refused_one_by_one(client):
    decision = {
        "type": "decision",
        "loop": "front-page",
        "context": {"hour": 1},
        "action": "calm",
        "propensity_kind": "unknown",
    }
    wrong = {**decision, "context": {"hour": 99}}
    outcome = {"type": "outcome", "loop": "front-page", "decision_id": "d1", "outcomes": {"clicked": 1}}

    results = client.track([decision, wrong, outcome])

    assert [r["status"] for r in results] == ["accepted", "refused", "accepted"]
    assert "$[1].context.hour" in results[1]["error"]["detail"]


def test_many_outcomes_at_once_are_all_taken(client):
    reports = [{"decision_id": f"d{n}", "outcomes": {"clicked": n % 2}} for n in range(3000)]

    assert client.outcomes("front-page", reports) == Receipt(accepted=3000)


def test_mistakes_are_told_with_code_and_place(client):
    with pytest.raises(Refused) as loop:
        client.decide("front-pag", {"hour": 9}, default="calm", timeout=PATIENT_S)
    with pytest.raises(Refused) as context:
        client.decide("front-page", {"hour": 31}, default="calm", timeout=PATIENT_S)
    client.decide("front-page", {"hour": 1}, decision_id="mine")
    with pytest.raises(Refused) as conflict:
        client.decide("front-page", {"hour": 2}, decision_id="mine")

    assert (loop.value.status, loop.value.code) == (404, "unknown_loop")
    assert "front-page" in loop.value.message
    assert (context.value.status, context.value.where) == (400, "$.context.hour")
    assert len(context.value.errors) == 1
    assert (conflict.value.status, conflict.value.code) == (409, "decision_conflict")


def test_an_undeclared_outcome_is_taken_with_a_warning(client):
    receipt = client.outcome("d1", loop="front-page", cliked=True)

    assert receipt.accepted == 1
    assert "clicked" in receipt.warnings[0]


def test_what_was_reported_while_the_server_was_down_is_there_when_it_is_back(real, client, tmp_path):
    answer = client.decide("front-page", {"hour": 9})
    real.crash()

    meanwhile = client.decide("front-page", {"hour": 9}, default="calm")
    receipt = client.outcome(answer, clicked=True, outcome_id="kept")
    (kept,) = (tmp_path / "spool").glob("0*.jsonl")
    row = json.loads(kept.read_text())
    real.start()
    is_empty = client.flush()

    assert (meanwhile.action, meanwhile.logged) == ("calm", False)
    assert receipt == Receipt(spooled=1)
    assert is_empty
    assert row["outcome_id"] == "kept"
    assert client.track([row])[0]["status"] == "duplicate"


def test_an_action_done_instead_is_a_report_that_the_server_takes(client):
    answer = client.decide("front-page", {"hour": 9})
    row = {"type": "outcome", "loop": "front-page", "decision_id": answer.decision_id, "outcomes": {}, "executed": "calm"}

    (result,) = client.track([row])

    assert result["status"] == "accepted"


def test_a_candidate_done_instead_is_a_report_that_the_server_takes(client):
    hats = [{"id": "bowler", "features": {"price": 40}}, {"id": "beret", "features": {"price": 25}}]
    answer = client.decide("hats", {"hour": 9}, actions=hats)
    row = {"type": "outcome", "loop": "hats", "decision_id": answer.decision_id, "outcomes": {}, "executed": 1}

    (result,) = client.track([row])

    assert result["status"] == "accepted"
