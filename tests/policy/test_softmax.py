"""Softmax: probabilities in proportion to powers of e, worked by hand."""

from math import log

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.policy.explorers.softmax import Softmax, create


def test_a_temperature_more_is_e_times_as_likely():
    got = Softmax(temperature=0.1).probabilities([0.5, 0.5 - 0.1 * log(2), 0.5 - 0.1 * log(4)])

    # powers 1, 1/2, 1/4
    assert got == pytest.approx([4 / 7, 2 / 7, 1 / 7], abs=1e-12)


def test_means_of_any_size_do_not_overflow():
    assert Softmax(temperature=1.0).probabilities([1e300, 0.0]) == [1.0, 0.0]


def test_the_temperature_is_a_share_of_the_rewards_range():
    assert create(n_examples=9, reward_span=20.0, temperature=0.05).temperature == 1.0


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_0_is_refused(temperature):
    with pytest.raises(BadSetting, match=r"explore\.temperature is .*; expected a number above 0"):
        create(n_examples=1, reward_span=1.0, temperature=temperature)


def test_many_decisions_get_what_each_gets_alone():
    means = np.random.default_rng(3).normal(size=(40, 5))

    together = np.stack(Softmax(0.3).probabilities(list(means.T)), axis=-1)

    np.testing.assert_allclose(together, [Softmax(0.3).probabilities(row.tolist()) for row in means], atol=1e-13)
