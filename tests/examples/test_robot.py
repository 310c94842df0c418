"""The robot of the examples: the server goes away and comes back, and every step of the robot is in the tables once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deployed import deployed, eventually
from policyloop.core.settings import Home
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment

EXAMPLES = Path(__file__).parents[2] / "examples"
STEPS = 300


@pytest.fixture
def robot(tmp_path):
    """A function that starts the robot; what is left of it ends with the test."""
    started = []

    def start(url):
        command = [sys.executable, str(EXAMPLES / "robot.py"), url, "--steps", str(STEPS), "--pause", "0.02"]
        started.append(subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for one in started:
        if one.poll() is None:
            one.kill()
        one.communicate()


def tables(folder):
    """Rows of decisions and outcomes, after the last segment was shipped."""
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        with ship_by_hand(deployment) as is_ours:
            assert is_ours
        return deployment.lake.rows("decisions").to_pylist(), deployment.lake.rows("outcomes").to_pylist()


def n_decided(folder):
    """Decisions in the tables so far."""
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        return len(deployment.lake.rows("decisions"))


def test_it_is_short():
    assert len((EXAMPLES / "robot.py").read_text().splitlines()) < 100


def test_a_server_that_goes_away_costs_no_step(robot, tmp_path):
    folder, loop = tmp_path / "project", (EXAMPLES / "robot.yaml").read_text()
    with deployed(folder, loop=loop) as first:
        driving = robot(first.url)
        eventually(lambda: n_decided(folder) > 10)
        for worker in first.workers():
            os.kill(worker, signal.SIGKILL)
        first.process.kill()
        first.process.wait()
        port = urlsplit(first.url).port
    time.sleep(0.5)
    with deployed(folder, loop=loop, port=port) as again:
        out, err = driving.communicate(timeout=90)
        again.stop()
    assert driving.returncode == 0, err
    told = json.loads(out)

    decisions, outcomes = tables(folder)
    steps = {}
    for row in decisions:
        steps.setdefault(row["step"], set()).add(row["decision_id"])
    assert sorted(steps) == list(range(STEPS))
    assert all(len(ids) == 1 for ids in steps.values())
    by_robot = {row["step"] for row in decisions if row["action_source"] == "expert"}
    asked_again = {row["decision_id"] for row in outcomes if row["executed"] is not None}
    assert 0 < told["alone"] == len(by_robot) + len(asked_again) < STEPS
    assert [row["decision_id"] for row in outcomes if row["truncated"]] == [f"{told['episode']}-{STEPS - 1}"]
    assert not (tmp_path / "robot-spool" / "refused.jsonl").exists()
