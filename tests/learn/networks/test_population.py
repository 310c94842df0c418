"""A population: members learn as they would alone, each by its own numbers."""

import numpy as np
import pytest

pytest.importorskip("jax", reason="needs the extra rl")

from made_history import MOVE, corridor
from policyloop.core.errors import BadSetting
from policyloop.learn.learners.rebrac import create_episodic
from policyloop.learn.networks.population import population

HISTORY = corridor(20)
TRAIN, HELD_OUT = HISTORY.to_learn_from(0.75), HISTORY.to_evaluate_on(0.75)
SMALL = {"width": 16, "depth": 1, "batch": 32, "layer_norm": False}  # as in test_learner.py, which compiles it anyway


def members_of(*members):
    every = [{**SMALL, **member} for member in members]
    return population(create_episodic, TRAIN, HELD_OUT, actions=MOVE, members=every)


def test_members_learn_what_they_would_learn_alone_and_go_on_alone():
    members = {"seed": 1}, {"seed": 3, "learning_rate": 1e-2, "actor_weight": 1.0}
    together = members_of(*members)

    first, told = together.advance(3), together.advance(4)

    assert first != told
    for i, member in enumerate(members):
        alone = create_episodic(TRAIN, HELD_OUT, actions=MOVE, **SMALL, **member)
        alone.advance(3)
        assert alone.advance(4) == pytest.approx(told[i], rel=1e-3, abs=1e-5)
        assert alone.diagnose() == pytest.approx(together.member(i).diagnose(), rel=1e-3, abs=1e-4)
        ours, theirs = together.member(i).policy(), alone.policy()
        np.testing.assert_allclose(ours.act(TRAIN.state), theirs.act(TRAIN.state), atol=1e-5)
        assert alone.advance(1) == pytest.approx(together.member(i).advance(1), rel=1e-3, abs=1e-5)


def test_a_member_that_runs_away_leaves_the_others_alone():
    together = members_of({"seed": 1}, {"seed": 2, "critic_weight": 1e6, "target_rate": 1.0, "learning_rate": 0.1})
    wild = together.member(1)
    wild.learned = wild.learned._replace(numbers={**wild.learned.numbers, "discount": np.float32(1e30)})

    told = members_again(together).advance(10)

    assert told[0] is not None
    assert told[1] is None


def test_other_sizes_need_a_population_of_their_own():
    with pytest.raises(BadSetting, match="member 1 of the population has other sizes than member 0"):
        members_of({"seed": 1}, {"seed": 1, "width": 9})
    with pytest.raises(BadSetting, match="the population has no member"):
        members_of()


def members_again(together):
    """A population of the same learners, as they now stand."""
    return type(together)([together.member(0), together._learners[1]])
