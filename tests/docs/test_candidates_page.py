"""The page of candidates is true: its loop takes its decision, its numbers are the code's, its set is registered."""

import json
import re
from pathlib import Path

import msgspec

from policyloop.core.candidates import MAX_CANDIDATES, MAX_INLINE_BYTES
from policyloop.core.clock import SystemClock
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, RegisterActionsRequest
from policyloop.ingest.payload import read
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of

PAGE = (Path(__file__).parents[2] / "docs" / "candidates.md").read_text(encoding="utf-8")


def block(language, number=0):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[number]


def decider():
    live = live_of(read_spec(block("yaml")), salt=bytes(32))
    return Decider(live, clock=SystemClock(), append=lambda record: 1)


def test_the_loop_takes_the_decision():
    request = read(block("json").encode(), DecideRequest, check=decider().check)
    request = msgspec.structs.replace(request, decision_id="d-1")

    answer = decider().decide(request).answer

    assert answer.action == "rain-at-last"  # the baseline takes the first, but for the floor
    assert sorted(answer.ranking) == ["budget-passed", "rain-at-last"]
    assert answer.index == 0


def test_the_numbers_are_those_of_the_code():
    assert f"**Up to {MAX_CANDIDATES:,} candidates**" in PAGE
    assert f"Sets of up to {MAX_INLINE_BYTES:,} bytes" in PAGE


def test_the_body_of_the_call_is_one_that_registering_takes():
    body = re.search(r"-d '(\{.*\})'", block("sh", 1)).group(1)

    assert len(read(body.encode(), RegisterActionsRequest).actions) == 1
    assert json.loads(body)["actions"][0]["id"] == "rain-at-last"
