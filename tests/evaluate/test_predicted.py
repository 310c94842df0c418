"""Predicted rewards: each example takes the model that has erred least on the examples before it."""

from dataclasses import dataclass, replace

import numpy as np

from policyloop.core.example import Examples
from policyloop.evaluate.predicted import predicted_rewards


@dataclass(frozen=True)
class Constant:
    """Expects the same of every action."""

    value: float

    def rewards_of_many(self, contexts, candidates=None):
        return np.full((len(contexts), 2), self.value)


def examples(reward: list[float]) -> Examples:
    n = len(reward)
    return Examples(
        contexts=[{}] * n,
        allowed=np.ones((n, 2), dtype=bool),
        action=np.zeros(n, dtype=np.int64),
        reward=np.array(reward),
        propensity=np.full(n, 0.5),
        pmf=np.full((n, 2), 0.5),
        split=np.full(n, 0.9),
        decided_at=np.arange(n),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["m"] * n, dtype=object),
    )


def test_the_model_with_the_smaller_error_so_far_is_taken():
    got = predicted_rewards(examples([1.0, 1.0, 0.0, 0.0, 0.0]), [Constant(0.0), Constant(1.0)], low=0, high=1)

    # before each example the errors are (0,0) (1,0) (2,0) (2,1) (2,2): the first wins ties
    assert got[:, 0].tolist() == [0.0, 1.0, 1.0, 1.0, 0.0]


def test_the_reward_of_an_example_does_not_choose_its_own_prediction():
    models = [Constant(0.0), Constant(1.0)]
    rows = examples([1.0, 0.0, 1.0])

    flipped = replace(rows, reward=np.array([1.0, 0.0, 0.0]))

    before, after = (predicted_rewards(r, models, low=0, high=1) for r in (rows, flipped))
    assert np.array_equal(before, after)


def test_predictions_stay_within_the_range_of_rewards():
    got = predicted_rewards(examples([0.5, 0.5]), [Constant(np.inf)], low=-1, high=2)

    assert (got == 2.0).all()


def test_what_is_not_a_number_becomes_the_middle():
    assert (predicted_rewards(examples([0.5]), [Constant(np.nan)], low=0, high=3) == 1.5).all()


def test_without_a_model_nothing_is_predicted():
    assert (predicted_rewards(examples([0.5]), [], low=0, high=1) == 0).all()


def test_without_examples_there_is_nothing_to_predict():
    assert predicted_rewards(examples([]), [Constant(1.0)], low=0, high=1).shape == (0, 2)
