"""`policyloop evaluate` and `plan` of a loop with episodes: whole episodes are what counts, and the way out is said."""

import json
import shutil
from pathlib import Path

import pytest

from episode_world import World
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Data in whose tables are 60 short episodes of a uniform baseline, and a model that knows the best ladder."""
    home = tmp_path_factory.mktemp("played") / "policyloop-data"
    with open_deployment(Home(home)) as deployment:
        world = World(deployment, "ladder")
        world.play(60)
        world.log.close()
    return home, world.model


@pytest.fixture
def ladder(policyloop, played):
    """Commands in a project of its own with that data."""
    home, policyloop.model = played
    shutil.copytree(home, "policyloop-data")
    return policyloop


def go_live(model):
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        deployment.registry.promote_by_person("ladder", model, why="a simulation", is_unseen_fine=True)


def test_a_model_is_held_against_the_held_out_episodes_and_sentences_say_what_came_of_it(ladder):
    ran = ladder("evaluate", "ladder", ladder.model[:8])

    assert ran.code == 0, ran.err
    first, *said = ran.out.splitlines()
    assert first.startswith(f"{ladder.model[:12]}, held against ")
    assert any(line.startswith("The history returned ") for line in said)
    assert any(line.startswith("By fqe the policy returns ") for line in said)


def test_the_champion_is_asked_by_default_and_json_has_the_record(ladder):
    nobody = ladder("evaluate", "ladder")
    go_live(ladder.model)
    (found,) = json.loads(ladder("evaluate", "ladder", "--json").out)

    assert nobody.code == 2
    assert "the baseline decides in loop 'ladder'" in nobody.err
    assert found["model"] == ladder.model
    assert {"fqe", "dr", "per_decision"} <= set(found["estimates"])
    assert found["history"]["n"] == found["n_episodes"] > 5
    # it learned to climb and to stay on the last rung, where each step earns; whoever goes at random earns less
    assert found["estimates"]["fqe"]["value"] > found["history"]["value"]
    assert found["history"]["low"] < found["history"]["value"] < found["history"]["high"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["uniform"], "'uniform' is no stored model"),
        (["constant:up"], "'constant:up' is no stored model"),
        (["champion", "--by", "rung"], "--by: is 'rung', but the loop has episodes"),
        (["champion", "--interval", "empirical-bernstein"], "--interval: is 'empirical-bernstein'"),
    ],
)
def test_what_cannot_be_asked_of_episodes_is_refused_with_what_can(ladder, args, told):
    ran = ladder("evaluate", "ladder", *args)

    assert ran.code == 2
    assert told in " ".join(ran.err.split())


def test_without_held_out_episodes_it_is_said_what_makes_them(policyloop):
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        world = World(deployment, "ladder")
        world.log.close()

    ran = policyloop("evaluate", "ladder", world.model)

    assert ran.code == 2
    assert "has 0 held-out episodes in its tables; an estimate needs 5" in " ".join(ran.err.split())
    assert "policyloop join" in ran.err


def test_a_plan_of_decisions_names_the_challenge_that_counts_episodes(ladder):
    ran = ladder("plan", "ladder", "--lift", "0.1")

    assert ran.code == 2
    said = " ".join(ran.err.split())
    assert "a challenge there counts whole episodes" in said
    assert "policyloop challenge ladder --model DIGEST" in said
