"""Fitted Q and the doubly robust estimator put policies into their true order, where the truth is a linear system's."""

import numpy as np
import pytest
from scipy.stats import spearmanr

from policyloop.core import plugins
from policyloop.evaluate.fitted_q import cross_judged
from policyloop.evaluate.sequence_report import ESTIMATORS
from policyloop.evaluate.sequences import ratios
from policyloop.evaluate.target import target_of_labels
from policyloop.simulate.environment import actor_of, open_environment
from policyloop.simulate.history import play

TASKS = {
    "inventory": {"capacity": 6, "mean_demand": 2.0, "max_steps": 15},
    "gridworld": {"width": 4, "height": 3, "pits": [[1, 1]], "max_steps": 30},
}


def place_of(environment, state):
    return environment.cell(state) if hasattr(environment, "cell") else state[:, 0].astype(int)


def policies_of(truth, n=20):
    """(s, k) each: the optimum mixed with chance and with its own reverse, so that some are good and some are bad."""
    k = truth.reward.shape[1]
    best = truth.best()
    good, bad = np.eye(k)[best], np.eye(k)[(best + k // 2) % k]
    mixed = [(0.9 * i / n) * good + 0.9 * (1 - i / n) * bad + 0.1 / k for i in range(n // 2, n)]
    return [*mixed, *[(i / n) * good + (1 - i / n) / k for i in range(0, n, 2)]]


@pytest.mark.parametrize("task", TASKS)
def test_twenty_policies_are_put_into_their_true_order_and_next_to_nothing_is_lost_by_choosing_the_first(task):
    environment = open_environment(task, TASKS[task])
    history = play(environment, actor_of(environment, "history"), n_episodes=600, seed=3).to_transitions()
    policies = policies_of(environment.truth)
    true = np.array([environment.truth.value(policy) for policy in policies])
    told = {"fqe": [], "dr": []}
    for policy in policies:
        target = target_of_labels(lambda state, policy=policy: policy[place_of(environment, state)], history)
        sequences = cross_judged(history, target, ratio=ratios(history, target))
        for name, values in told.items():
            values.append(plugins.load(ESTIMATORS, name).estimate(sequences).value)

    for values in told.values():
        assert spearmanr(values, true).statistic >= 0.9
        assert true.max() - true[int(np.argmax(values))] <= 0.05 * (true.max() - true.min())
