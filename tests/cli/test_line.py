"""`policyloop line`: the versions of a loop with episodes, in a table or as JSON."""

import json
import time

import pytest

from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment
from small_network import model_of, network_for

LOOP = """\
loop: gridworld
context: {x: {type: integer, min: 0, max: 5}, y: {type: integer, min: 0, max: 4}}
actions: {kind: discrete, labels: [up, right, down, left]}
outcomes: {earned: {type: number, take: sum}}
reward: {expression: earned, range: [-1, 1], window: 1s, close: window}
episodes: {discount: 0.95, max_steps: 100}
baseline: uniform
explore: {name: greedy, floor: 0.1}
learner: {name: fqi, n_trees: 5, updates: 2, checkpoint_every: 1}
"""
FLAT = ("--set", "width=4", "--set", "height=3", "--set", "pits=[]")


@pytest.fixture
def grid(policyloop, tmp_path):
    """Forty random walks, and a model that walked six times."""
    assert policyloop("rollout", "gridworld", *FLAT, "--policy", "random", "--episodes", 40, "--seed", 1).code == 0
    with open_deployment(Home(tmp_path / "policyloop-data")) as deployment:
        spec = deployment.registry.standing("gridworld").spec
        model = deployment.registry.publish(*model_of(spec, network_for(spec)))
    assert policyloop("rollout", "gridworld", *FLAT, "--policy", model, "--episodes", 6, "--seed", 2).code == 0
    assert policyloop("join", "gridworld").code == 0
    return policyloop, model


def test_a_table_has_the_cold_start_and_every_version(grid):
    policyloop, model = grid

    ran = policyloop("line", "gridworld")

    head, cold, first, *_ = (line.split() for line in ran.out.splitlines())
    assert head == ["#", "policy", "state", "from", "max", "Q", "played", "length", "return"]
    assert cold[:5] == ["0", "random", "cold", "start", "40"]
    assert first[:4] == ["1", model[:12], "challenger", "100"]
    assert "max Q: discounted, the mean over the" in ran.out
    assert max(map(len, ran.out.splitlines()[:3])) <= 80


def test_json_tells_it_whole_and_of_the_episode_that_one_names(grid):
    policyloop, model = grid
    asked = "SELECT episode_id, length FROM episodes WHERE policy = 'imported:random' ORDER BY episode_id LIMIT 1"
    (episode,) = json.loads(policyloop("sql", asked, "--json").out)

    told = json.loads(policyloop("line", "gridworld", "--episode", episode["episode_id"], "--json").out)

    assert told["episode"] == episode["episode_id"]
    cold, first = told["versions"]
    assert (cold["number"], cold["policy"], cold["max_q"], cold["played"]["n_episodes"]) == (0, "imported:random", None, 40)
    assert (first["number"], first["policy"], first["played"]["n_episodes"]) == (1, model, 6)
    assert isinstance(first["max_q"], float)


def test_before_anybody_played_it_says_so(policyloop):
    assert policyloop("rollout", "gridworld", *FLAT, "--episodes", 1).code == 0  # not joined yet

    ran = policyloop("line", "gridworld")

    assert (ran.code, ran.out) == (0, "loop 'gridworld' has no version yet, and nobody has played.\n")


def test_what_is_wrong_is_told_with_the_way_out(grid):
    policyloop, _ = grid

    unknown = policyloop("line", "gridwrld")
    nowhere = policyloop("line", "gridworld", "--episode", "z")

    assert (unknown.code, nowhere.code) == (2, 2)
    assert "did you mean 'gridworld'" in unknown.err
    assert "loop 'gridworld' has no episode 'z' that is over; `policyloop sql` lists them." in nowhere.err


def test_episodes_that_are_not_over_are_counted_with_what_they_wait_for(policyloop, tmp_path):
    (tmp_path / "gridworld.yaml").write_text(LOOP.replace("window: 1s", "window: 10m"))
    assert policyloop("apply").code == 0
    assert policyloop("rollout", "gridworld", "--policy", "random", "--episodes", 3, "--seed", 1).code == 0
    waiting = json.loads(policyloop("join", "gridworld", "--json").out)

    ran = policyloop("line", "gridworld")

    assert waiting["episodes_waiting"] == 3
    assert ran.out == (
        f"loop 'gridworld' has no version yet, and no episode is over: 3 episodes of {waiting['waiting']} steps wait for "
        "`terminated` or `truncated`, or for outcomes whose window is open.\n"
    )


def test_a_model_of_trees_tells_its_max_q_like_one_of_networks(policyloop, tmp_path):
    (tmp_path / "gridworld.yaml").write_text(LOOP)
    assert policyloop("apply").code == 0
    assert policyloop("rollout", "gridworld", "--policy", "random", "--episodes", 100, "--seed", 1).code == 0
    time.sleep(1.0)  # the window of the last outcome
    assert policyloop("train", "gridworld", "--json").code == 0

    ran = policyloop("line", "gridworld")

    assert "max Q is empty" not in ran.out
    (version,) = [one for one in json.loads(policyloop("line", "gridworld", "--json").out)["versions"] if one["number"]]
    assert isinstance(version["max_q"], float)
