"""The watch over the log of a loop with episodes: the newest decisions are looked at, each once."""

import pytest

from episode_world import World
from policyloop.run.episodes import log_watch
from policyloop.run.episodes.log_watch import begin_again, check_steps, remembered


@pytest.fixture
def world(deployment):
    made = World(deployment, "ladder")  # eight decisions an episode
    yield made
    made.log.close()


def spec_of(world):
    return world.deployment.registry.standing(world.name).spec


def test_a_first_look_takes_the_newest_decisions_and_the_next_only_what_came_since(world, monkeypatch):
    monkeypatch.setattr(log_watch, "MOST", 20)
    assert remembered(world.deployment, spec_of(world)) is None
    world.play(4)
    first = check_steps(world.deployment, spec_of(world))
    again = check_steps(world.deployment, spec_of(world))
    world.play(1)
    later = check_steps(world.deployment, spec_of(world))

    assert (first.n, again.n, later.n) == (20, 20, 28)
    assert first.alarms == ()


def test_what_came_before_a_new_beginning_is_not_looked_at(world):
    world.play(2)
    begin_again(world.deployment, spec_of(world))
    world.play(1)

    assert check_steps(world.deployment, spec_of(world)).n == 8
