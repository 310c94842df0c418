"""Models of the return: each solves what it can represent, exactly where that is possible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from chain import played, pmf_of, uphill, values
from policyloop.core import plugins
from policyloop.core.errors import BadSetting
from policyloop.evaluate.fitted_q import Q_MODELS, fit, judged, model_for
from policyloop.evaluate.target import Target, target_of_labels, target_of_numbers
from small_histories import history_of


@pytest.fixture(scope="module")
def chain():
    return played(uphill(0.5), n=800, seed=3)


@pytest.mark.parametrize("model", plugins.ours(Q_MODELS))
def test_every_model_comes_near_the_value_of_the_first_state(chain, model):
    target = target_of_labels(pmf_of(uphill(0.7)), chain)
    told = judged(fit(chain, target, model=model), chain, target)

    assert told.state_value is not None
    assert told.state_value[0] == pytest.approx(values(uphill(0.7))[0], abs=0.25)


def test_a_table_is_exact_where_the_history_is_the_whole_world():
    """One state leads to another for 2, that to the end for 4; discount a half: 2 + .5 * 4 = 4."""
    history = history_of([[0, 1]], [[0, 0]], [[2.0, 4.0]])
    target = Target(pmf=np.tile([1.0, 0.0], (2, 1)), next_pmf=np.tile([1.0, 0.0], (2, 1)))
    model = fit(history, target, model="tabular")

    np.testing.assert_allclose(model.expects(history.state, np.zeros(2, dtype=int)), [4.0, 4.0])


def test_a_label_that_a_state_never_saw_is_worth_what_the_others_are():
    history = history_of([[0, 1]], [[0, 0]], [[2.0, 4.0]])
    target = Target(pmf=np.tile([0.0, 1.0], (2, 1)), next_pmf=np.tile([0.0, 1.0], (2, 1)))
    model = fit(history, target, model="tabular")

    np.testing.assert_allclose(model.expects(history.state, np.ones(2, dtype=int)), [4.0, 4.0])


def test_a_state_that_the_history_never_had_is_worth_the_mean_of_all():
    history = history_of([[0, 1]], [[0, 0]], [[2.0, 4.0]])
    target = Target(pmf=np.tile([1.0, 0.0], (2, 1)), next_pmf=np.tile([1.0, 0.0], (2, 1)))

    assert fit(history, target, model="tabular").expects(np.array([[9.0]], dtype=np.float32), np.zeros(1, dtype=int)) == 4.0


def test_rows_that_count_twice_are_rows_that_are_there_twice():
    once = history_of([[0], [0]], [[0], [0]], [[1.0], [4.0]])
    target = Target(pmf=np.tile([1.0, 0.0], (2, 1)), next_pmf=np.tile([1.0, 0.0], (2, 1)))

    for model in ("tabular", "linear"):
        weighed = fit(once, target, model=model, weight=np.array([2.0, 1.0]))
        assert weighed.expects(once.state[:1], np.zeros(1, dtype=int))[0] == pytest.approx(2.0, abs=1e-3)


def numbers(n=400):
    """Steps of an episode each: reward is 1 - (state - action)^2 of numbers in [-1, 1], and nothing comes after."""
    rng = np.random.default_rng(5)
    state, action = rng.uniform(-1, 1, n), rng.uniform(-1, 1, n)
    rows = history_of([[x] for x in state], [[0]] * n, [[1 - (x - a) ** 2] for x, a in zip(state, action, strict=True)])
    return replace(
        rows, action=np.empty((n, 0), dtype=np.int32), action_value=action.reshape(-1, 1).astype(np.float32), pmf=None
    )


@pytest.mark.parametrize(("model", "slack"), [("linear", 1e-3), ("trees", 0.1)])
def test_actions_that_are_numbers_are_valued_too(model, slack):
    history = numbers()
    target = target_of_numbers(lambda state: state * 0.5, history)
    told = judged(fit(history, target, model=model), history, target)

    truth = 1 - (0.5 * history.state[:, 0]) ** 2
    assert told.state_value is not None
    assert np.abs(told.state_value - truth).mean() < slack


def test_states_that_repeat_get_a_table_others_a_polynomial_and_wide_ones_trees(chain):
    wide = history_of([np.zeros((40, 30))], [[0] * 40], [[0.0] * 40])
    wide.state[:] = np.random.default_rng(0).normal(size=wide.state.shape)

    assert model_for(chain) == "tabular"
    assert model_for(numbers()) == "linear"
    assert model_for(wide) == "trees"


def test_a_polynomial_of_too_many_numbers_is_refused_and_trees_are_named():
    wide = history_of([np.zeros((4, 60))], [[0] * 4], [[0.0] * 4])
    target = Target(pmf=np.tile([1.0, 0.0], (4, 1)), next_pmf=np.tile([1.0, 0.0], (4, 1)))

    with pytest.raises(BadSetting, match=r"would have 3,782 features; expected at most 1,000\. Use `trees`"):
        fit(wide, target, model="linear")
