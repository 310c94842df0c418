"""`policyloop train` of a loop with episodes: from a rollout to a model that is chosen offline, also after a kill."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from policyloop.core import plugins
from policyloop.learn.checkpoints import lines_of
from policyloop.run.model_out import MAKE_NETWORKS

LOOP = """\
loop: gridworld
context: {x: {type: integer, min: 0, max: 5}, y: {type: integer, min: 0, max: 4}}
actions: {kind: discrete, labels: [up, right, down, left]}
outcomes: {earned: {type: number, take: sum}}
reward: {expression: earned, range: [-1, 1], window: 1s, close: window}
episodes: {discount: 0.95, max_steps: 100}
baseline: uniform
explore: {name: greedy, floor: 0.1}
learner: {name: fqi, n_trees: 5, updates: 4, checkpoint_every: 1}
"""


@pytest.fixture
def grid(policyloop, tmp_path):
    """A project in whose log are 100 episodes of a random walk that are over."""
    (tmp_path / "gridworld.yaml").write_text(LOOP)
    assert policyloop("apply").code == 0
    ran = policyloop("rollout", "gridworld", "--policy", "random", "--episodes", 100, "--seed", 1)
    assert ran.code == 0, ran.err
    time.sleep(1.0)  # the window of the last outcome
    return policyloop


def test_a_model_is_made_chosen_listed_and_counted(grid):
    told = grid("train", "gridworld", "--json")

    said = json.loads(told.out)
    (job,) = json.loads(grid("jobs", "list", "--json").out)
    (model,) = json.loads(grid("models", "gridworld", "--json").out)
    assert "OFFLINE-CHOSEN. " in said["message"]
    assert (job["state"], job["updates_done"], job["updates"], job["message"]) == ("done", 4, 4, said["message"])
    assert model["state"] == "offline-chosen"
    status = " ".join(grid("status", "gridworld").out.split())
    assert "waits for 200 more episodes" in status
    first, *others = grid("train", "gridworld").out.splitlines()  # the same again, for people
    assert first.endswith("transitions: OFFLINE-CHOSEN.")
    assert len(others) <= 5
    assert others[0].startswith("Taken: the checkpoint after ")
    (returns,) = [line for line in others if "by fqe" in line and "in its history" in line]
    assert returns.startswith("Return of an episode, discounted by 0.95 a step: ")
    card = grid("models", "gridworld", model["model"]).out
    assert "| transitions | " in card
    assert "| learner | fqi (checkpoint_every 1, n_trees " in card
    assert "Discounted, from a step of the data on, the checkpoint expects " in card
    assert " As counted, without a discount, a whole episode of the history returned " in card
    assert model["learner"] == "fqi"
    assert grid("models", "gridworld").out.split()[:7] == ["model", "state", "is", "transitions", "made", "trained", "beside"]
    assert others[-2].startswith("`policyloop models gridworld ")
    assert others[-1].startswith("Next: `policyloop challenge gridworld --model ")
    assert "Use fqe" not in said["message"]
    assert "a model is chosen offline, and goes live when a challenge proves it" in status
    assert "passes the hard checks" not in status
    refused = grid("export", "onnx", "gridworld", "grid.onnx", "--model", model["model"][:12])
    assert refused.code == 2
    assert "was made by fqi, which makes no network (its kind is forest_q); expected one that bc, cql," in refused.err


def test_the_learners_whose_models_can_be_exported_are_told_in_full():
    folder = plugins.folder_of("policyloop.learn.learners")
    of_episodes = {file.stem for file in folder.glob("*.py") if "def create_episodic(" in file.read_text()}

    assert of_episodes - set(MAKE_NETWORKS) == {"fqi", "outside"}
    assert set(MAKE_NETWORKS) <= of_episodes


def test_after_a_kill_the_same_command_goes_on_where_it_was(grid, tmp_path):
    (tmp_path / "gridworld.yaml").write_text(LOOP.replace("updates: 4", "updates: 40"))
    assert grid("apply").code == 0
    lines = tmp_path / "policyloop-data" / "jobs" / "1"
    command = [sys.executable, "-m", "policyloop", "train", "gridworld"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    while len(lines_of(lines)) < 3 and process.poll() is None:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = lines_of(lines)

    assert grid("train", "gridworld", "--json").code == 0

    (job,) = json.loads(grid("jobs", "list", "--json").out)
    assert 3 <= len(before) < 40
    assert (job["id"], job["state"], job["updates_done"]) == (1, "done", 40)
    assert lines_of(lines)[: len(before)] == before  # with the seconds that they took then: they were not learned again


def test_without_any_episode_it_says_how_to_bring_some_in(policyloop, tmp_path):
    (tmp_path / "gridworld.yaml").write_text(LOOP)
    assert policyloop("apply").code == 0

    ran = policyloop("train", "gridworld")

    assert ran.code == 2
    assert "loop 'gridworld' has no episode. Bring a history in: `policyloop import history FILE --loop gridworld`" in ran.err


def test_while_no_episode_is_over_it_says_what_it_waits_for(policyloop, tmp_path):
    (tmp_path / "gridworld.yaml").write_text(LOOP.replace("window: 1s", "window: 10m"))
    assert policyloop("apply").code == 0
    policyloop("rollout", "gridworld", "--policy", "random", "--episodes", 5, "--seed", 1)

    ran = policyloop("train", "gridworld")

    assert ran.code == 2
    assert "has no episode that is over: 5 wait for their end" in ran.err
    assert "with the key `terminated` or `truncated`" in ran.err
    assert "Learning" not in ran.err  # no bar of what was never begun
