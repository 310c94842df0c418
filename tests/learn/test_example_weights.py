"""Weights of examples: hand-worked, and the same however the examples are cut into pieces."""

import numpy as np
import pytest

from policyloop.core.clock import US_PER_S
from policyloop.core.example import ExampleBatch
from policyloop.learn.example_weights import ExampleWeights


def batch(decided_s, propensity=None):
    n = len(decided_s)
    return ExampleBatch(
        features=np.ones((n, 1)),
        allowed=np.ones((n, 2), dtype=bool),
        action=np.zeros(n, dtype=np.int64),
        reward=np.zeros(n),
        propensity=np.full(n, 0.5) if propensity is None else np.array(propensity),
        decided_at=np.array(decided_s, dtype=np.int64) * US_PER_S,
    )


def test_without_settings_all_count_alike_and_nothing_fades():
    weight, fade = ExampleWeights(max_weight=None, half_life_s=None).of(batch([0, 100]))

    assert (weight.tolist(), fade) == ([1.0, 1.0], 1.0)


def test_a_propensity_weighs_by_its_inverse_up_to_a_limit_and_an_unknown_one_not_at_all():
    weight, _ = ExampleWeights(max_weight=5, half_life_s=None).of(batch([0, 0, 0], [0.5, 0.1, np.nan]))

    assert weight.tolist() == [2.0, 5.0, 1.0]


def test_a_weight_halves_with_each_half_life_behind_the_newest_and_so_does_what_came_before():
    weights = ExampleWeights(max_weight=None, half_life_s=10)

    first, first_fade = weights.of(batch([0, 10, 20]))
    second, second_fade = weights.of(batch([30, 20]))
    late, late_fade = weights.of(batch([10]))

    assert (first.tolist(), first_fade) == ([0.25, 0.5, 1.0], 1.0)
    assert (second.tolist(), second_fade) == ([1.0, 0.5], 0.5)
    assert (late.tolist(), late_fade) == ([0.25], 1.0)


def test_the_weights_do_not_depend_on_how_the_examples_are_cut():
    times = [3, 1, 4, 1, 5, 9, 2, 6]
    whole, _ = ExampleWeights(max_weight=None, half_life_s=2).of(batch(times))

    weights, so_far = ExampleWeights(max_weight=None, half_life_s=2), np.zeros(0)
    for time in times:
        weight, fade = weights.of(batch([time]))
        so_far = np.append(so_far * fade, weight)

    assert so_far == pytest.approx(whole, rel=1e-12)
