"""Rows on the device: which row follows which, what counts as an end, and in which units they come."""

import dataclasses

import numpy as np
import pytest

pytest.importorskip("jax", reason="needs the extra rl")

from made_history import MOVE, corridor
from policyloop.learn.networks.replay import put, with_room
from policyloop.learn.networks.rows import picked, rows_of, scaled, scaler_of


def test_the_next_action_is_that_of_the_next_row_of_the_same_episode():
    history = corridor(2, 3)

    rows = rows_of(history, MOVE)

    np.testing.assert_array_equal(rows.has_next, [1, 1, 0, 1, 1, 0])
    np.testing.assert_array_equal(rows.next_action[:2], rows.action[1:3])
    np.testing.assert_allclose(rows.action, history.action_value / 0.2, rtol=1e-6)


def test_an_episode_goes_on_where_it_was_cut_off_and_not_where_it_terminated():
    history = dataclasses.replace(corridor(2, 3), terminated=np.array([0, 0, 0, 0, 0, 1], bool))

    assert history.truncated[2]
    np.testing.assert_array_equal(rows_of(history, MOVE).goes_on, [1, 1, 1, 1, 1, 0])


def test_a_number_that_never_varies_stays_as_it_is():
    history = corridor(2, 3)
    state = np.stack([history.state[:, 0], np.full(6, 3.0)], axis=1).astype(np.float32)

    scaler = scaler_of(dataclasses.replace(history, state=state))

    assert float(scaler.scale[1]) == 1
    np.testing.assert_allclose(scaler.states(state)[:, 1], 0)
    np.testing.assert_allclose(np.std(scaler.states(state)[:, 0]), 1, rtol=1e-5)


def test_an_image_is_scaled_by_its_largest_number_alone():
    history = corridor(2, 3)
    state = np.zeros((6, 2, 2), np.uint8)
    state[4, 0, 1] = 200

    scaler = scaler_of(dataclasses.replace(history, state=state))

    assert np.asarray(scaler.states(state)).max() == 1
    assert not np.asarray(scaler.mean).any()


def test_rewards_come_in_units_of_the_largest():
    history = dataclasses.replace(corridor(2, 3), reward=np.array([0, 1, -4, 2, 0, 0], np.float32))

    batch = scaled(rows_of(history, MOVE), scaler_of(history))

    np.testing.assert_allclose(batch.reward, [0, 0.25, -1, 0.5, 0, 0])


def test_without_any_reward_the_unit_is_one():
    assert float(scaler_of(dataclasses.replace(corridor(2, 3), reward=np.zeros(6, np.float32))).reward) == 1


def test_the_newest_rows_take_the_places_of_the_oldest():
    rows = rows_of(dataclasses.replace(corridor(2, 3), reward=np.arange(6, dtype=np.float32)), MOVE)
    some = picked(rows, np.arange(4))

    kept = put(with_room(some, 5), rows, n_before=4)

    np.testing.assert_array_equal(kept.reward, [1, 2, 3, 4, 5])  # 4 + 6 came, the last 5 stay


def test_rows_that_fit_leave_the_others_alone():
    rows = rows_of(dataclasses.replace(corridor(1, 3), reward=np.array([7, 8, 9], np.float32)), MOVE)

    kept = put(with_room(rows, 5), picked(rows, np.arange(1)), n_before=3)

    np.testing.assert_array_equal(kept.reward, [7, 8, 9, 7, 0])
