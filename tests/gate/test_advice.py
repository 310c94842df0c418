"""Advice beside what was done: counted by step and by episode, told in words, and never evidence."""

import math
from dataclasses import replace

import numpy as np
import pytest

from made_loops import CORRIDOR, LADDER
from policyloop.core.loop import LabelledPart
from policyloop.core.spec_file import read_spec
from policyloop.gate.advice import Followed, followed_of, reason
from policyloop.gate.verdict import Call

MOVES = read_spec(CORRIDOR).actions  # one number between -0.2 and 0.2
RUNGS = read_spec(LADDER).actions  # two labels


def followed(advised, done, episode, actions=MOVES):
    return followed_of(np.array(advised, dtype=float), np.array(done, dtype=float), np.array(episode), actions=actions)


def test_a_step_by_hand():
    got = followed([[0.1], [0.1], [0.0]], [[0.1], [-0.1], [0.1]], [0, 1, 1])

    assert (got.n, got.n_overridden, got.n_episodes, got.n_followed) == (3, 2, 2, 1)
    assert got.share_overridden == pytest.approx(2 / 3)
    assert got.difference["move"] == pytest.approx((0 - 0.2 + 0.1) / 3)
    assert got.distance["move"] == pytest.approx((0 + 0.2 + 0.1) / 3)


def test_a_number_is_followed_within_a_hundredth_of_its_width():
    got = followed([[0.1], [0.1]], [[0.1039], [0.1041]], [0, 1])

    assert got.n_overridden == 1


def test_an_episode_is_followed_only_when_every_step_of_it_is():
    got = followed([[0.1]] * 4, [[0.1], [0.1], [0.1], [0.2]], [0, 0, 1, 1])

    assert (got.n_episodes, got.n_followed) == (2, 1)


def test_another_label_is_something_else_however_near_its_place():
    got = followed([[0], [1]], [[1], [1]], [0, 1], RUNGS)

    assert (got.n_overridden, got.difference) == (1, {})


def test_of_a_label_with_numbers_either_may_differ():
    both = replace(MOVES, kind="tuple", choices=(LabelledPart(name="gear", labels=("low", "high")),))

    got = followed([[0, 0.1], [0, 0.1], [0, 0.1]], [[1, 0.1], [0, 0.2], [0, 0.1]], [0, 1, 2], both)

    assert (got.n_overridden, got.n_followed) == (2, 1)


def test_nothing_advised_is_nothing_followed():
    got = followed(np.zeros((0, 1)), np.zeros((0, 1)), np.zeros(0, dtype=int))

    assert got == Followed()
    assert math.isnan(got.share_overridden)
    assert reason(got).sentence == "No episode with advice has closed yet."


def test_what_is_told_decides_nothing_and_says_so():
    told = reason(followed([[0.1], [0.1]], [[0.1], [0.2]], [0, 1]))

    assert told.call == Call.INCONCLUSIVE
    assert told.sentence == (
        "In 1 of 2 steps with advice (50 %) something else was carried out; 1 of 2 episodes followed it throughout. "
        "move: +0.05 beside the advice on average, 0.05 apart. It is no evidence of what the advice is worth."
    )
    assert (told.numbers["share_overridden"], told.numbers["distance_move"]) == (0.5, pytest.approx(0.05))
