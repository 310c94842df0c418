"""A history: the same episodes as a table and as transitions, with nothing shifted and nothing lost."""

import numpy as np
import pyarrow as pa
import pytest

from policyloop.simulate.environment import open_environment
from policyloop.simulate.history import joined, play

CARTPOLE = open_environment("cartpole", {"max_steps": 60})
GRID = open_environment("gridworld")


def history(n=6, environment=CARTPOLE, name="history", seed=1):
    return play(environment, environment.actors[name], n_episodes=n, seed=seed)


def test_the_next_state_of_a_step_is_the_state_of_the_next():
    made = history()

    following = made.next_state()

    for e in range(6):
        rows = np.flatnonzero(made.episode == e)
        np.testing.assert_array_equal(following[rows[:-1]], made.state[rows[1:]])
        np.testing.assert_array_equal(following[rows[-1]], made.last_state[e])


def test_the_reward_stands_beside_its_own_action():
    made = history(environment=GRID, name="random", n=50)

    # a step into the goal or a pit is the only one that does not cost 0.02, and it is where the episode terminates
    np.testing.assert_array_equal(made.reward != -0.02, made.terminated)


def test_a_table_has_a_row_without_action_after_every_episode():
    made = history()

    table = made.to_table()

    assert table.num_rows == len(made) + 6
    force, step = np.array(table["force"].to_pylist(), dtype=float), table["step"].to_numpy()
    is_last = np.isnan(force)
    np.testing.assert_array_equal(step[is_last], made.lengths)
    np.testing.assert_array_equal(table["x"].to_numpy()[is_last], made.last_state[:, 0])
    np.testing.assert_array_equal(table["x"].to_numpy()[~is_last], made.state[:, 0])
    assert table["propensity"].null_count == 6
    assert not table["truncated"].to_numpy()[is_last].any()


def test_a_table_says_who_acted_and_with_which_chance():
    row = history().to_table().slice(0, 2).to_pylist()

    assert [r["episode_id"] for r in row] == ["episode-0", "episode-0"]
    assert [(r["action_source"], r["propensity_kind"], r["propensity"]) for r in row] == [
        ("random", "density", 0.5),
        ("expert", "point", 1.0),
    ]


def test_a_table_of_labels_names_the_action_and_has_the_outcomes():
    table = history(environment=GRID, name="history").to_table()

    assert set(table["action"].to_pylist()) <= {"up", "right", "down", "left", None}
    assert table.schema.field("earned").type == pa.float64()
    assert table.schema.field("x").type == pa.int64()


def test_a_table_of_boards_keeps_their_numbers_in_order():
    tetris = open_environment("tetris", {"rows": 6, "columns": 5})
    made = play(tetris, tetris.actors["random"], n_episodes=2, seed=0)

    cell = made.to_table()["board"][1].as_py()

    assert cell == made.state[1].reshape(-1).tolist()


def test_transitions_are_the_same_steps():
    made = history()

    transitions = made.to_transitions(seed=3)

    assert transitions.n_episodes == 6
    np.testing.assert_allclose(transitions.returns, made.returns, rtol=1e-5)
    np.testing.assert_array_equal(transitions.lengths, made.lengths)
    assert transitions.state.dtype == np.float32
    assert len(set(transitions.split)) == 6
    assert set(transitions.action_source) == {"random", "expert"}
    assert set(transitions.propensity_kind) == {"density", "point"}


def test_transitions_of_labels_carry_what_they_were_drawn_from():
    transitions = history(environment=GRID, name="history").to_transitions()

    np.testing.assert_allclose(transitions.pmf[np.arange(len(transitions)), transitions.action[:, 0]], transitions.propensity)
    assert set(transitions.propensity_kind) == {"probability"}


def test_histories_that_are_joined_keep_their_episodes_apart():
    first, second = history(2, seed=1), history(3, seed=2)

    both = joined([first, second])

    np.testing.assert_array_equal(both.lengths, [*first.lengths, *second.lengths])
    assert both.returns.sum() == pytest.approx(first.returns.sum() + second.returns.sum())


def test_a_progress_bar_hears_of_every_episode():
    heard = []

    play(CARTPOLE, CARTPOLE.actors["history"], n_episodes=7, seed=0, on_step=heard.append)

    assert sum(heard) == 7
