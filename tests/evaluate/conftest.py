"""A small world with known truth, for all estimators: two kinds of context, three actions, noisy rewards."""

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

TRUE_REWARD = np.array([[0.2, 0.5, 0.8], [0.9, 0.4, 0.1]])  # by kind of context and action
LOGGING = np.array([[0.6, 0.3, 0.1], [0.3, 0.3, 0.4]])
TARGET = np.array([[0.1, 0.1, 0.8], [0.7, 0.2, 0.1]])
TRUE_VALUE = 0.5 * (0.02 + 0.05 + 0.64) + 0.5 * (0.63 + 0.08 + 0.01)  # half the contexts are of each kind: 0.715


@dataclass(frozen=True)
class Logged:
    """Examples of the world, as arrays."""

    kind: NDArray[np.int64]
    reward: NDArray[np.float64]
    propensity: NDArray[np.float64]
    action: NDArray[np.int64]
    target_pmf: NDArray[np.float64]
    truth: NDArray[np.float64]  # (n, k) expected rewards

    def given(self, **changed):
        """Keyword arguments of an estimator."""
        return {"action": self.action, "target_pmf": self.target_pmf, "predicted": self.truth} | changed


def log_world(n: int, seed: int, target: NDArray[np.float64] = TARGET, logging: NDArray[np.float64] = LOGGING) -> Logged:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 2, n)
    pmf = logging[kind]
    action = (rng.random(n)[:, None] > pmf.cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = TRUE_REWARD[kind, action] + rng.normal(0, 0.2, n)
    return Logged(kind, reward, pmf[np.arange(n), action], action, target[kind], TRUE_REWARD[kind])


@pytest.fixture
def world():
    return log_world


@pytest.fixture
def true_value():
    return TRUE_VALUE


@pytest.fixture
def logging_pmf():
    return LOGGING
