"""`policyloop notify`: try the webhook, see what was told, make a secret."""

import json
import os
import subprocess
import sys

import pytest

from deployed import eventually
from policyloop.core.settings import Home
from policyloop.registry import notice_rows
from policyloop.run.deployment import open_deployment
from policyloop.run.notices.webhook import key_of
from receiver import SECRET, is_signed, receiving

LOOP = """
loop: front-page
context: {hour: {type: integer, min: 0, max: 23}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
"""


@pytest.fixture
def signed(monkeypatch):
    monkeypatch.setenv("POLICYLOOP_NOTIFY__SECRET", SECRET)


def name_receiver(tmp_path, url):
    (tmp_path / "policyloop.yaml").write_text(f"notify: {{url: '{url}', allow: [127.0.0.1]}}\n")


def test_a_test_reaches_the_receiver_now_and_says_how_it_was_taken(policyloop, tmp_path, signed):
    with receiving(202) as receiver:
        name_receiver(tmp_path, receiver.url)
        ran = policyloop("notify", "test", "--loop", "front-page")

    ((_, headers, body),) = receiver.got
    assert ran.code == 0
    assert ran.out == f"127.0.0.1 answered 202 to notice {headers['webhook-id']}.\n"
    assert is_signed(headers, body)
    assert (receiver.events[0]["type"], receiver.events[0]["subject"]) == ("policyloop.test", "front-page")


def test_a_test_that_nobody_takes_says_why(policyloop, tmp_path, signed):
    with receiving(500) as receiver:
        name_receiver(tmp_path, receiver.url)
        ran = policyloop("notify", "test")

    assert ran.code == 1
    assert ran.err == "error: 127.0.0.1 answered 500; expected 200 to 299.\n"


def test_without_a_receiver_or_a_secret_it_says_what_is_missing(policyloop, tmp_path):
    nobody = policyloop("notify", "test")
    name_receiver(tmp_path, "https://hooks.example.com/")
    unsigned = policyloop("notify", "test")

    assert (nobody.code, unsigned.code) == (2, 2)
    assert "notify.url is empty" in nobody.err
    assert "expected whsec_ and 24 to 64 bytes in base64, in the environment as POLICYLOOP_NOTIFY__SECRET" in unsigned.err


def test_what_was_given_up_is_listed_counted_in_the_status_and_waits_again_when_asked_for(policyloop, tmp_path):
    with open_deployment(Home(tmp_path / "policyloop-data")) as deployment, deployment.records.write() as connection:
        notice_rows.add(connection, "front-page", "alarm", {"sentence": "no rewards"}, now_us=1)
        (row,) = notice_rows.due(connection, now_us=2, limit=1)
        notice_rows.end(connection, row, state="failed", message="nobody is there", now_us=3)

    listed = json.loads(policyloop("notify", "list", "--json").out)
    table = policyloop("notify", "list")
    before = json.loads(policyloop("status", "--json").out)["notices"]
    (tmp_path / "front-page.yaml").write_text(LOOP)
    policyloop("apply", "front-page.yaml")
    shown = policyloop("status").out
    asked = policyloop("notify", "retry")
    after = json.loads(policyloop("status", "--json").out)["notices"]

    assert [(one["kind"], one["state"], one["message"]) for one in listed] == [("alarm", "failed", "nobody is there")]
    assert "nobody is there" in table.out
    assert "notify.url is empty, so nobody is told" in table.err
    assert "1 notice reached nobody; `policyloop notify list` says why." in " ".join(shown.split())
    assert before == {"waiting": 0, "sent": 0, "failed": 1}
    assert asked.out == "1 notice waits again; the worker sends it.\n"
    assert after == {"waiting": 1, "sent": 0, "failed": 0}


def test_a_secret_is_printed_that_signs(policyloop):
    assert len(key_of(policyloop("notify", "secret").out.strip())) == 32


def test_a_worker_sends_what_waits_and_one_without_a_secret_does_not_start(tmp_path):
    with open_deployment(Home(tmp_path / "policyloop-data")) as deployment, deployment.records.write() as connection:
        notice_rows.add(connection, "front-page", "freeze", {"sentence": "an alarm"}, now_us=1)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POLICYLOOP_")}
    command = [sys.executable, "-m", "policyloop", "work"]
    with receiving() as receiver:
        name_receiver(tmp_path, receiver.url)
        refused = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        worker = subprocess.Popen(command, cwd=tmp_path, env=environment | {"POLICYLOOP_NOTIFY__SECRET": SECRET})
        try:
            eventually(lambda: receiver.got)
        finally:
            worker.terminate()
            worker.wait(45)

    assert refused.returncode == 2
    assert "notify.secret is missing" in refused.stderr
    assert [event["type"] for event in receiver.events] == ["policyloop.freeze"]
