"""What a history can support."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from policyloop.evaluate.history import facts_of, values_to_go
from small_histories import history_of


def n_episodes(n, **settings):
    return history_of([[0, 1]] * n, [[0, 0]] * n, [[1.0, 2.0]] * n, **settings)


def test_the_discounted_return_is_counted_from_each_row_to_the_end_of_its_episode():
    history = history_of([[0, 1, 2], [0]], [[0, 0, 0], [0]], [[1, 2, 4], [8]], discount=0.5)

    np.testing.assert_allclose(values_to_go(history), [1 + 0.5 * (2 + 0.5 * 4), 2 + 0.5 * 4, 4, 8])


def test_the_returns_of_the_history_are_told_with_their_interval():
    facts = facts_of(history_of([[0]] * 2, [[0]] * 2, [[1.0], [3.0]]), n_episodes(2), highest_reward=13)

    assert facts.mean_return == pytest.approx((1 + 3 + 3 + 3) / 4)
    assert facts.low == pytest.approx(2.5 - 1.959964 * 1.0 / 2)
    assert facts.largest_value == pytest.approx(13 / 0.5)


def test_enough_episodes_leave_no_doubt():
    assert facts_of(n_episodes(20), n_episodes(5)).doubts == ()


def test_too_few_episodes_block_a_choice_and_the_sentence_says_how_many():
    facts = facts_of(n_episodes(19), n_episodes(5))

    assert not facts.is_enough
    assert [doubt.kind for doubt in facts.doubts] == ["too_few_episodes"]
    assert "There are 19 episodes to learn from, and 20 are the fewest" in facts.doubts[0].sentence


def test_without_held_out_episodes_nothing_can_be_chosen():
    history = n_episodes(40)
    facts = facts_of(history, history.where(np.zeros(len(history), dtype=bool)))

    assert [doubt.kind for doubt in facts.doubts] == ["no_held_out"]
    assert not facts.is_enough


def test_unknown_propensities_leave_less_to_stand_on_and_block_nothing():
    facts = facts_of(n_episodes(30), n_episodes(10, propensity=math.nan, kind="unknown"))

    assert facts.known_propensities == 0.75
    assert facts.is_enough
    assert facts.doubts[0].sentence.startswith("Of 25 % of the steps nobody logged the propensity")


def test_the_facts_can_be_written_as_json_though_nothing_bounds_the_return():
    told = json.loads(json.dumps(facts_of(n_episodes(20), n_episodes(5)).to_json(), allow_nan=False))

    assert told["largest_value"] is None
    assert told["n_episodes"] == 20
