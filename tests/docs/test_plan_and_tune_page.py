"""The page on tune and plan is true: its commands run on a log with a planted truth, and say what the page says they do."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml
from threadpoolctl import threadpool_limits

from planted import deploy, examples, planted
from policyloop.cli.app import main
from policyloop.core.settings import Home
from policyloop.learn.tune import FLOORS
from policyloop.run.challenges.planning import CANARIES, FEWEST_EXAMPLES
from policyloop.run.challenges.tuning import AT_MOST, FEWEST_HELD_OUT, FEWEST_LEARNED, FINALISTS
from policyloop.run.deployment import open_deployment
from policyloop.run.refresh import refresh

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plan-and-tune.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(block) for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
TUNE, CHALLENGE, PLAN, SIMULATE = range(4)
QUICK = ("--runs", "3", "--events", "2000")  # what comes last counts


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Small matrices: a second thread mostly waits, and longest where tests run side by side."""
    with threadpool_limits(1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with the log that the page's examples are of, and a champion."""
    folder = tmp_path_factory.mktemp("project")
    deploy(folder / "policyloop-data", examples(900, seed=1))
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        refresh(deployment, "front-page")
    return folder


@pytest.fixture
def said(project, monkeypatch, capsys):
    """A function that runs a command of the page, by its place, and answers what it printed."""
    monkeypatch.chdir(project)

    def run(place, *more):
        with pytest.raises(SystemExit) as left:
            main([*COMMANDS[place][1:], *more])
        assert left.value.code in (None, 0)
        return capsys.readouterr().out

    return run


def sentences(place):
    """The sentences of an example on the page as patterns, in which numbers may be others."""
    found = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)[place]
    number = re.compile(r"[+-]?[0-9][0-9.,]*[0-9]|[0-9]")
    return [number.sub(r"[-+0-9.,]+", re.escape(line).replace("\\", "")) for line in found.splitlines()]


def as_pattern(line):
    return line.replace("(", r"\(").replace(")", r"\)")


def test_the_page_has_these_commands():
    assert [command[1] for command in COMMANDS] == ["tune", "challenge", "plan", "simulate"]


def test_tune_finds_a_recipe_that_may_challenge(said, project):
    told = said(TUNE)

    assert "To let it challenge, judged by what is decided from then on: policyloop challenge front-page --recipe" in told
    for sentence in sentences(0)[:3]:
        assert re.search(as_pattern(sentence), told), sentence
    assert "The search, which picked it for its estimate, had seen +" in told
    body = yaml.safe_load((project / "recipe.yaml").read_text())
    assert set(body) <= {"context", "learner", "explore"}
    assert "device" in body.get("context", ["device"])
    assert "floor" not in body.get("explore", {})
    assert "$.explore" in said(CHALLENGE)


def test_tune_tells_scripts_every_attempt(said):
    told = json.loads(said(TUNE, "--trials", "3", "--only", "explore", "--json"))

    assert [attempt["trial"] for attempt in told["trials"]] == [0, 1, 2, 3]
    assert all(set(attempt["recipe"]) <= {"explore"} for attempt in told["trials"])
    assert told["trials"][0]["recipe"] == {}
    assert told["present"]["n"] == told["n_held_out"]


def test_plan_says_how_long_it_takes(said):
    told = said(PLAN, *QUICK, "--lift", "0.15")

    assert re.search(as_pattern(sentences(1)[0]), told)
    assert re.search(as_pattern(sentences(1)[2]), told)
    assert all(re.search(rf"^{100 * canary:g} % ", told, re.MULTILINE) for canary in CANARIES)


def test_plan_tells_scripts_every_share(said):
    told = json.loads(said(PLAN, *QUICK, "--canary", "0.3", "--json"))

    assert [one["canary"] for one in told["outlooks"]] == sorted([*CANARIES, 0.3])
    assert told["canary"] == 0.3
    assert told["decisions_per_day"] == pytest.approx(6000)
    assert told["true_lift"] == pytest.approx(0.02)


def test_the_twin_is_a_world_of_simulate_gate(said):
    told = json.loads(said(SIMULATE, *QUICK, "--json"))

    assert (told["world"], told["runs"]) == ("twin", 3)
    assert told["true_lift"] == pytest.approx(0.02)


def test_the_twin_is_played_by_the_loops_own_rule_unless_another_is_named(said, project):
    with open_deployment(Home(project / "policyloop-data")) as deployment:
        deployment.registry.apply(planted(gate={"challenge": {"name": "proven-better", "alpha": 0.2}, "hold_out": 0.1}))
    try:
        own, planned = (json.loads(said(place, *QUICK, "--json")) for place in (SIMULATE, PLAN))
        other = json.loads(said(SIMULATE, *QUICK, "--rule", "proven-better", "--json"))
    finally:
        with open_deployment(Home(project / "policyloop-data")) as deployment:
            deployment.registry.apply(planted())

    assert (own["rule"], own["rule_settings"]) == ("proven-better", {"alpha": 0.2})
    assert (planned["rule"], planned["rule_settings"], planned["hold_out"]) == ("proven-better", {"alpha": 0.2}, 0.1)
    assert (other["rule"], other["rule_settings"]) == ("proven-better", {})


def test_the_page_names_the_limits_that_the_code_has():
    assert (AT_MOST, FEWEST_LEARNED, FEWEST_HELD_OUT, FINALISTS) == (20_000, 400, 100, 3)
    assert (FEWEST_EXAMPLES, FLOORS.low) == (300, 0.02)
    text = " ".join(PAGE.split())
    for told in ("At most 20,000", "400 examples", "100 above", "best three", "300 examples", "a floor of 0.02"):
        assert told in text
