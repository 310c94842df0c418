"""The demo's numbers: rolling means over full windows of a hundred."""

import numpy as np
import pytest

from policyloop.run.demo.story import rolling_mean


def test_only_full_windows_count():
    rewards = np.concatenate([np.zeros(100), np.ones(100)])

    rolling = rolling_mean(rewards)

    assert len(rolling) == 101
    assert (rolling[0], rolling[50], rolling[-1]) == pytest.approx((0.0, 0.5, 1.0))


def test_fewer_than_a_hundred_are_one_window():
    np.testing.assert_allclose(rolling_mean(np.array([0.0, 1.0])), [0.5])
