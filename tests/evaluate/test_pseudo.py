"""Pseudo-outcomes: one number per example for the difference of two policies."""

import numpy as np
import pytest

from policyloop.core.errors import BadPropensity
from policyloop.evaluate.estimators import dr
from policyloop.evaluate.pseudo import pseudo_outcomes


def test_by_hand():
    got = pseudo_outcomes(
        np.array([1.0, 0.0]),
        np.array([0.25, 0.5]),
        action=np.array([0, 1]),
        moved=np.array([[0.5, -0.5], [-0.2, 0.2]]),
        predicted=np.array([[0.6, 0.1], [0.3, 0.4]]),
    )

    # .5 * .6 - .5 * .1 + .5 / .25 * (1 - .6) = 1.05;  -.2 * .3 + .2 * .4 + .2 / .5 * (0 - .4) = -.14
    np.testing.assert_allclose(got, [1.05, -0.14])


def test_policies_that_agree_differ_by_exactly_nothing(world):
    data = world(50, 1)

    got = pseudo_outcomes(data.reward, data.propensity, action=data.action, moved=np.zeros((50, 3)), predicted=data.truth)

    assert (got == 0).all()


def test_with_a_whole_pmf_the_mean_is_the_doubly_robust_value(world):
    data = world(300, 2)

    got = pseudo_outcomes(data.reward, data.propensity, action=data.action, moved=data.target_pmf, predicted=data.truth)

    assert got.mean() == pytest.approx(dr.estimate(data.reward, data.propensity, **data.given()).value)


def test_a_constant_added_to_all_predictions_changes_the_mean_by_nothing_but_noise(world, logging_pmf):
    data = world(2000, 3)
    moved = data.target_pmf - logging_pmf[data.kind]

    near = pseudo_outcomes(data.reward, data.propensity, action=data.action, moved=moved, predicted=data.truth)
    far = pseudo_outcomes(data.reward, data.propensity, action=data.action, moved=moved, predicted=data.truth + 0.3)

    assert abs((far - near).mean()) < 4 * (far - near).std() / 2000**0.5


def test_a_bad_propensity_is_named_with_its_row():
    with pytest.raises(BadPropensity, match=r"propensity\[1\] is 0.0"):
        pseudo_outcomes(
            np.ones(2), np.array([0.5, 0.0]), action=np.array([0, 0]), moved=np.zeros((2, 2)), predicted=np.zeros((2, 2))
        )
