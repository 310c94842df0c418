"""`policyloop replay` of a decision that is numbers, found in the log and made again."""

import json

import pytest

from policyloop.core.errors import NothingToDo
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.log.writer import LogWriter
from policyloop.run.deployment import open_deployment
from policyloop.run.questions.explaining import explain
from policyloop.run.questions.rebuild import rebuild
from shop import swap_onto

CART = {
    "loop": "cart",
    "context": {"x": "number"},
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "limits": {"force": {"max_change": 0.25}},
    "episodes": {},
    "outcomes": {},
    "reward": {"expression": "0 - abs(next.x) / 10", "range": [-1, 0]},
    "baseline": "uniform",
    "learner": {"name": "cql"},
    "explore": {"name": "gaussian", "floor": 0.1},
}


@pytest.fixture
def folder(tmp_path):
    """A data folder with three steps of an episode, d0 to d2, in the log."""
    with open_deployment(Home(tmp_path / "data")) as deployment:
        deployment.registry.apply(read_spec(CART))
        log = LogWriter(deployment.home.log, clock=deployment.clock)
        swap = swap_onto(log, deployment)
        swap.look()
        for step in range(3):
            request = DecideRequest(context={"x": 0.5}, decision_id=f"d{step}", episode_id="e1", step=step)
            swap.find("cart").decide(request)
        log.close()
    return tmp_path / "data"


def test_a_decision_is_found_and_agrees(folder):
    with open_deployment(Home(folder)) as deployment:
        found = [rebuild(deployment, f"d{step}") for step in range(3)]

    assert all(one.replay.agrees and one.replay.is_drawn_alike for one in found)
    assert {one.replay.largest_difference for one in found} == {0.0}


def test_the_command_tells_values_and_density(folder, policyloop):
    told = policyloop("replay", "d2", "--home", folder)
    as_json = policyloop("replay", "d2", "--home", folder, "--json")

    assert told.code == 0, told.err
    assert "force" in told.out
    assert "drawn from {" in told.out
    assert "They agree." in told.out
    body = json.loads(as_json.out)
    assert body["values"] == body["made_again"]
    assert body["logged"]["family"] == "uniform"
    assert body["propensity_kind"] == "density"


def test_what_is_numbers_is_not_explained_as_if_it_had_a_name(folder):
    with open_deployment(Home(folder)) as deployment, pytest.raises(NothingToDo, match="policyloop replay tells"):
        explain(deployment, "d0")
