"""The page on explaining is true: its commands run on a real deployment, and say what the page says they do."""

import random
import re
import shlex
from pathlib import Path

import pytest

from policyloop.cli.app import main
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest, OutcomeRequest
from policyloop.ingest.outcomes import outcome
from policyloop.join.hours import join_loop
from policyloop.log.writer import LogWriter
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.refresh import refresh
from policyloop.serve.hot_swap import HotSwap

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "explain.md").read_text(encoding="utf-8")
LIKED = {"phone": "calm", "tablet": "playful", "desktop": "bold"}
LOOP = {
    "loop": "front-page",
    "context": {
        "hour": {"type": "integer", "min": 0, "max": 23},
        "device": {"type": "category", "values": ["phone", "tablet", "desktop"]},
    },
    "actions": {"kind": "discrete", "labels": ["calm", "bold", "playful"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "10m", "close": "final"},
    "baseline": "uniform",
}


def play(deployment):
    """Visitors, a model, more visitors, a second model, and visit-1 on a phone."""
    log = LogWriter(deployment.home.log, clock=deployment.clock)
    swap = HotSwap(
        deployment.registry,
        salt=deployment.registry.salt,
        clock=deployment.clock,
        append=log.append,
        on_refused=lambda *what: None,
    )
    rng = random.Random(7)
    for _ in range(2):
        swap.look()
        decider = swap.find("front-page")
        for _ in range(300):
            device = rng.choice(list(LIKED))
            made = decider.decide(DecideRequest(context={"hour": rng.randrange(24), "device": device})).answer
            told = OutcomeRequest(decision_id=made.decision_id, outcomes={"clicked": made.action == LIKED[device]}, final=True)
            log.append(outcome(told, decider.checks, received_at=deployment.clock.now_us()).event)
        log.roll()
        with ship_by_hand(deployment):
            join_loop(deployment.lake, deployment.records, deployment.registry.standing("front-page").spec)
        refresh(deployment, "front-page")
    swap.look()
    asked = DecideRequest(context={"hour": 9, "device": "phone"}, decision_id="visit-1", explore=False)
    swap.find("front-page").decide(asked)
    log.close()


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """A function that runs a command of the page, by the place of its block, and answers what it printed."""
    monkeypatch.chdir(tmp_path)
    with open_deployment(Home(tmp_path / "policyloop-data")) as deployment:
        deployment.registry.apply(read_spec(LOOP))
        play(deployment)
    commands = [shlex.split(block) for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
    assert [command[:2] for command in commands] == [["policyloop", name] for name in ("explain", "diff", "report")]

    def run(place, *more):
        with pytest.raises(SystemExit) as left:
            main([*commands[place][1:], *more])
        assert left.value.code in (None, 0)
        return capsys.readouterr().out

    return run


def sentences_on_the_page():
    """The sentences of the page's example as patterns: numbers, models and the next best action may be others."""
    (example,) = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    numbers = re.compile(r"'playful'|\b[0-9a-f]{12}\b|-?[0-9][0-9.,]*[0-9]|[0-9]")
    return [numbers.sub(r"[\\w'.,-]+", re.escape(line).replace("\\", "")) for line in example.splitlines()[1:]]


def test_explain_diff_and_report_run_as_the_page_says(said, tmp_path):
    why, change, page = said(0), said(1), said(2)

    assert why.startswith("decision visit-1 of loop 'front-page', ")
    for told in sentences_on_the_page():
        assert re.search(told, why), told
    assert re.search(r"^in all +\+", why, re.MULTILINE)
    assert re.match(r"front-page: 600 decisions of the last 7d, \w{12} instead of \w{12}\n", change)
    assert "would change their most probable action" in change
    assert page.startswith("report.html: 600 decisions of loop 'front-page'")
    assert (tmp_path / "report.html").read_bytes().startswith(b'<!doctype html>\n<html lang="en">')


def test_scripts_get_every_number_as_json(said):
    for place, key in ((0, '"contributions"'), (1, '"share_changed"'), (2, '"stretches"')):
        assert key in said(place, "--json")


def test_the_page_names_the_limits_that_the_code_has():
    from policyloop.care.report import MOST_ACTIONS  # noqa: PLC0415
    from policyloop.evaluate.shapley import MAX_COUNTED  # noqa: PLC0415
    from policyloop.run.questions.model_diff import AT_MOST  # noqa: PLC0415

    assert (MOST_ACTIONS, MAX_COUNTED, AT_MOST) == (10, 8, 50_000)
    for told in ("the ten most frequent", "Up to eight fields", "Above 50,000 decisions", "up to 64 drawn"):
        assert told in PAGE.replace("\n", " ")
