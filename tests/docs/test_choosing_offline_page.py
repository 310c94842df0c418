"""docs/choosing-offline.md is true: its commands run, and its numbers and estimators are those that there are."""

import re
import shlex
from pathlib import Path

import pytest

from made_history import corridor
from made_loops import CORRIDOR
from policyloop.cli.app import main
from policyloop.core import plugins
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.evaluate import choice, curves, sequences
from policyloop.evaluate.sequence_report import ESTIMATORS
from policyloop.gate import episodes
from policyloop.gate.ramp import OF_EPISODES
from policyloop.learn import thin
from policyloop.run import jobs
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.offline import refresh_offline
from policyloop.run.looks import look

PAGE = (Path(__file__).parents[2] / "docs" / "choosing-offline.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
COMMANDS = [shlex.split(line) for block in BLOCKS for line in block.splitlines()]
PLACEHOLDER = "3f9c1a2b7d4e"


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """A function that runs a command of the page, on a model that was chosen offline, and answers what it printed."""
    monkeypatch.chdir(tmp_path)
    with open_deployment(Home(tmp_path / "policyloop-data"), SystemClock()) as deployment:
        deployment.registry.apply(read_spec(CORRIDOR.replace("loop: corridor", "loop: cart-pole")))
        standing = deployment.registry.standing("cart-pole")
        now_us = deployment.clock.now_us()
        job = jobs.begin(deployment.records, "cart-pole", reason="asked for", n_examples=0, now_us=now_us)
        model = refresh_offline(deployment, standing, corridor(40), snapshot={}, job_id=job.id).model

    def run(command):
        with pytest.raises(SystemExit) as left:
            main([model if word == PLACEHOLDER else word for word in command[1:]])
        assert left.value.code in (None, 0)
        return capsys.readouterr().out

    return run


def test_the_commands_run_in_the_order_of_the_page(said):
    listed, card, challenge, status = (said(command) for command in COMMANDS[:4])
    with open_deployment(Home(Path.cwd() / "policyloop-data"), SystemClock()) as deployment:
        look(deployment, "cart-pole")  # as the worker does whenever something has settled
    (advised,) = (said(command) for command in COMMANDS[4:])

    assert "offline-chosen" in listed
    assert "## Why it was chosen offline" in card
    assert "The history returned" in card
    assert "is asked beside what decides now" in challenge
    assert "challenge 1: FROZEN" in status
    assert advised == "cart-pole: challenge 1 (ADVISORY) gives its advice; report what is carried out as `executed`.\n"


def test_every_estimator_is_on_the_page():
    for name in plugins.ours(ESTIMATORS):
        assert f"`{name}`" in PAGE


def test_the_numbers_of_the_page_are_those_of_the_code():
    assert (curves.FALL, curves.HIGH_ERROR, curves.HIGH_TERM) == (1 / 20, 1 / 5, 1 / 10)
    assert (choice.COLLAPSED, sequences.LEAST_SHARE) == (1 / 10, 1 / 20)
    assert (thin.FEWEST_EPISODES, thin.FEWEST_HELD_OUT, thin.FEWEST_OF_LINE) == (20, 5, 5)
    assert (OF_EPISODES.shadow, OF_EPISODES.ramp) == (10, 50)
    assert (episodes.FEWEST_EPISODES, episodes.FEWEST_PLAYED) == (50, 10)
