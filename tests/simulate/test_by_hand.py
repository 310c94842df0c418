"""Play by hand: every key is a decision of a person, and every game ends once in the log."""

import numpy as np
import pytest

from policyloop.core.clock import SystemClock
from policyloop.core.event import Decision
from policyloop.core.spec_file import read_spec
from policyloop.ingest.checks import checks_of
from policyloop.simulate.by_hand import Table
from policyloop.simulate.environment import open_environment
from policyloop.simulate.environments.tetris import DOWN, KEYS, NONE, picture

SALT = b"a salt of thirty-two bytes, yes!"
TETRIS = open_environment("tetris", {"rows": 6, "columns": 6})


def played(keys, seed=0):
    """A game with these keys, and its events; after them the person leaves."""
    events, left = [], iter(keys)
    checks = checks_of(read_spec(TETRIS.problem.loop_file()), salt=SALT)
    table = Table(TETRIS, checks, append=events.append, clock=SystemClock())
    result = table.play("game", lambda state, earned: next(left, None), rng=np.random.default_rng(seed))
    return result, [e for e in events if isinstance(e, Decision)], [e for e in events if not isinstance(e, Decision)]


def test_every_key_is_a_decision_of_a_person():
    _, decisions, outcomes = played([DOWN, NONE, NONE])

    assert [(d.step, d.action, d.action_source) for d in decisions] == [
        (0, [DOWN], "human"),
        (1, [NONE], "human"),
        (2, [NONE], "human"),
    ]
    assert {d.propensity_kind for d in decisions} == {"unknown"}
    assert {d.episode_id for d in decisions} == {"game"}
    assert [set(o.values) >= {"lines", "placed", "died"} for o in outcomes[:3]] == [True] * 3


def test_who_leaves_leaves_an_episode_that_was_truncated_with_its_last_context():
    result, decisions, outcomes = played([NONE, NONE])

    (end,) = (o for o in outcomes if o.truncated)
    assert end.decision_id == decisions[-1].decision_id
    assert end.next_context is not None
    assert (result.is_over, result.n_steps) == (False, 2)


def test_a_game_that_is_lost_terminates():
    result, _, outcomes = played([DOWN] * 200)

    assert [bool(o.terminated) for o in outcomes].count(True) == 1
    assert not any(o.truncated for o in outcomes)
    assert result.is_over
    assert result.earned == pytest.approx(-1.0)


def test_who_never_pressed_a_key_leaves_nothing():
    result, decisions, outcomes = played([])

    assert (decisions, outcomes, result.n_steps) == ([], [], 0)


def test_a_picture_shows_the_board_and_the_next_piece():
    state = TETRIS.start(1, rng=np.random.default_rng(0)).state[0]

    lines = picture(state)

    assert len(lines) == 7
    assert sum(line.count("()") for line in lines[:6]) == 4 + 4  # the piece that falls, and the next
    assert "next" in lines[0]
    assert set(KEYS) == {"up", "down", "left", "right"}
