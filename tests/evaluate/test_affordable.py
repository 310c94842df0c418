"""What is affordable of a history: whole episodes, spread evenly, fewer of them the more one row costs."""

import numpy as np
import pytest

from policyloop.evaluate.affordable import MOST_EPISODES, affordable
from small_histories import history_of


def flat(n_episodes, n_steps, width):
    """Episodes whose states never repeat."""
    rng = np.random.default_rng(0)
    states = [rng.normal(size=(n_steps, width)) for _ in range(n_episodes)]
    return history_of(states, [[0] * n_steps] * n_episodes, [[1.0] * n_steps] * n_episodes)


def test_of_a_small_history_all_is_looked_at_and_nothing_is_told():
    got = affordable(flat(20, 10, 3), n_labels=2)

    assert got.keep.all()
    assert (got.model, got.is_weighed, got.told) == ("linear", True, ())
    assert got.n_resamples > 1


def test_episodes_are_kept_whole_and_spread_from_the_first_to_the_last():
    history = flat(3 * MOST_EPISODES, 4, 3)

    keep = affordable(history, n_labels=2).keep

    number = np.cumsum(history.is_first) - 1
    kept = np.unique(number[keep])
    assert len(kept) == MOST_EPISODES
    assert (kept[0], kept[-1]) == (0, 3 * MOST_EPISODES - 1)
    assert np.isin(number, kept).tolist() == keep.tolist()


@pytest.mark.parametrize(("width", "n_labels", "fewest"), [(20, 1, 50), (20, 4, 20), (20, 8, 11)])
def test_a_row_that_costs_more_is_looked_at_less_often(width, n_labels, fewest):
    got = affordable(flat(60, 100, width), n_labels=n_labels)

    assert (got.model, got.n_resamples, got.is_weighed) == ("trees", 0, True)
    assert got.keep.sum() == fewest * 100


@pytest.mark.parametrize(
    ("n_steps", "model", "n_resamples", "looked_at"), [(90, "linear", 40, 9_000), (1_000, "network", 0, 70_000)]
)
def test_where_a_hundred_episodes_fill_a_network_it_is_taken_and_fitted_once(n_steps, model, n_resamples, looked_at):
    got = affordable(flat(120, n_steps, 3), n_labels=2)

    assert (got.model, got.n_resamples, got.keep.sum()) == (model, n_resamples, looked_at)


def test_what_would_take_minutes_is_left_alone_and_why_is_told():
    got = affordable(flat(6, 2_000, 80), n_labels=40)

    assert not got.keep.any()
    assert got.told[0].endswith("80 numbers of a state, 40 labels and 2,000 steps an episode would take minutes.")
