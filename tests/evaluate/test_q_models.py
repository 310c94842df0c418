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


@pytest.mark.parametrize(("model", "slack"), [("linear", 1e-3), ("trees", 0.1), ("network", 0.05)])
def test_actions_that_are_numbers_are_valued_too(model, slack):
    history = numbers()
    target = target_of_numbers(lambda state: state * 0.5, history)
    told = judged(fit(history, target, model=model), history, target)

    truth = 1 - (0.5 * history.state[:, 0]) ** 2
    assert told.state_value is not None
    assert np.abs(told.state_value - truth).mean() < slack


def walks(n=300, steps=40):
    """From anywhere in [-1, 1] an action in [-1, 1] moves a tenth of itself, and beyond 0.8 a step is worth 1; by chance."""
    rng = np.random.default_rng(8)
    states, actions, rewards = [], [], []
    for x in rng.uniform(-1, 1, n):
        path, acts = [x], rng.uniform(-1, 1, steps)
        for a in acts:
            path.append(np.clip(path[-1] + a / 10, -1, 1))
        states.append(path)
        actions.append(acts)
        rewards.append([float(x > 0.8) for x in path[1:]])
    rows = history_of([path[:-1] for path in states], [[0] * steps] * n, rewards, discount=0.95)
    last = np.array([path[-1] for path in states], dtype=np.float32)
    rows.next_state[rows.is_last, 0] = last
    return replace(
        rows,
        action=np.empty((n * steps, 0), dtype=np.int32),
        action_value=np.concatenate(actions).reshape(-1, 1).astype(np.float32),
        terminated=np.zeros(n * steps, dtype=bool),
        truncated=rows.is_last,
        pmf=None,
    )


def test_a_network_knows_a_reward_that_comes_many_steps_later_and_a_polynomial_does_not():
    """Always upwards by a tenth: from -0.01 the ninth step is the first beyond 0.8, so 0.95^8 of 1 / (1 - 0.95) is expected."""
    history = walks()
    target = target_of_numbers(np.ones_like, history)
    starts = np.array([[-0.45], [-0.01], [0.45]], dtype=np.float32)
    truth = [0.95**12 / 0.05, 0.95**8 / 0.05, 0.95**3 / 0.05]
    told = {m: fit(history, target, model=m).expects(starts, np.ones((3, 1))) for m in ("network", "linear")}

    np.testing.assert_allclose(told["network"], truth, rtol=0.1)
    assert np.abs(told["linear"] - truth).max() > 5 * np.abs(told["network"] - truth).max()


def test_states_that_repeat_get_a_table_others_a_polynomial_wide_ones_trees_and_many_rows_a_network(chain):
    wide = history_of([np.zeros((40, 30))], [[0] * 40], [[0.0] * 40])
    wide.state[:] = np.random.default_rng(0).normal(size=wide.state.shape)

    assert model_for(chain) == "tabular"
    assert model_for(numbers()) == "linear"
    assert model_for(wide) == "trees"
    assert model_for(walks()) == "network"
    assert model_for(walks(), n_rows=9_999) == "linear"


def test_a_polynomial_of_too_many_numbers_is_refused_and_trees_are_named():
    wide = history_of([np.zeros((4, 60))], [[0] * 4], [[0.0] * 4])
    target = Target(pmf=np.tile([1.0, 0.0], (4, 1)), next_pmf=np.tile([1.0, 0.0], (4, 1)))

    with pytest.raises(BadSetting, match=r"would have 3,782 features; expected at most 1,000\. Use `trees`"):
        fit(wide, target, model="linear")
