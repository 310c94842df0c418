"""SquareCB: probabilities by the formula of the paper, worked by hand."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.policy.explorers.squarecb import SquareCB, create


def test_one_over_k_plus_gamma_times_the_gap():
    got = SquareCB(gamma=10.0).probabilities([0.9, 0.5, 0.2])

    # 1 / (3 + 10 * .4) = 1/7, 1 / (3 + 10 * .7) = 1/10; the best takes the rest
    assert got == pytest.approx([1 - 1 / 7 - 1 / 10, 1 / 7, 1 / 10], abs=1e-15)


def test_ties_at_the_top_share_the_rest():
    got = SquareCB(gamma=8.0).probabilities([0.5, 0.5, 0.25])

    # 1 / (3 + 8 * .25) = 1/5, and (1 - 1/5) / 2 each
    assert got == pytest.approx([0.4, 0.4, 0.2], abs=1e-15)


def test_many_decisions_at_once_give_what_each_gives_alone():
    means = np.random.default_rng(1).normal(size=(50, 4))
    explorer = SquareCB(gamma=25.0)

    together = np.stack(explorer.probabilities(list(means.T)), axis=-1)

    np.testing.assert_allclose(together, [explorer.probabilities(row.tolist()) for row in means], atol=1e-15)


def test_a_negative_setting_is_refused():
    with pytest.raises(BadSetting, match="gamma_scale is -1"):
        create(n_examples=10, reward_span=1.0, gamma_scale=-1)
