"""The page of episodes is true: its loop is a loop, takes its step, and keeps its limits; its end is one that is taken."""

import json
import re
from pathlib import Path

from policyloop.core.clock import SystemClock
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.ingest.payload import read
from policyloop.join.episode_audit import EpisodeAudit
from policyloop.policy.support import MARGIN
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from policyloop.testing.fake_client import FakeClient

PAGE = (Path(__file__).parents[2] / "docs" / "episodes.md").read_text(encoding="utf-8")


def block(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[0]


def decider():
    live = live_of(read_spec(block("yaml")), salt=bytes(32))
    return Decider(live, clock=SystemClock(), append=lambda record: 1)


def test_the_loop_takes_the_step_and_keeps_its_limits():
    asked = decider()

    request = read(block("json").encode(), DecideRequest, check=asked.check)
    answer = asked.decide(request).answer

    assert answer.step == 0
    assert -0.9 <= answer.values["force"] <= 0.9
    assert json.loads(answer.action) == answer.values
    assert answer.propensity_kind == "mixed"


def test_the_end_is_one_that_is_taken():
    body = re.search(r"-d '(\{.*\})'", block("sh")).group(1)
    checks = decider().checks

    event = outcome(read(body.encode(), OutcomeRequest), checks, received_at=1).event

    assert event.terminated is True
    assert "2.5" in event.next_context


def test_the_program_runs():
    client = FakeClient({"cart-pole": {"force": (-1, 1)}})
    names = {"client": client, "state": {}, "last_state": {"x": 3}, "push": lambda force: None}

    exec(compile(block("python"), "page", "exec"), names)

    assert client.reports[-1]["terminated"] is True
    assert client.reports[0]["executed"] == {"force": 0.0}


def test_the_margin_is_the_code_s():
    assert MARGIN == 0.1
    assert "a tenth of the\nwidth wider on either side" in PAGE


def test_every_count_of_the_page_is_one_of_the_audit_and_every_decision_is_in_one():
    (table,) = re.findall(r"\| count \| decisions that \|\n\|---\|---\|\n(.*?)\n\n", PAGE, re.DOTALL)
    told = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    docstring = " ".join((EpisodeAudit.__doc__ or "").split())
    (terms,) = re.findall(r"decisions = ([\w +]+)\.", docstring)

    assert told == set(terms.split(" + "))
    assert told <= set(EpisodeAudit.__struct_fields__)
    assert {"gaps", "both_ends", "ended_again", "terminated_at_limit"} <= set(EpisodeAudit.__struct_fields__)
