"""Moments of long arrays, part by part."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.evaluate.moments import PART, moments, parts, skewness


@pytest.mark.parametrize("n", [1, 2, PART, PART + 1, 3 * PART + 7])
def test_parts_put_together_are_the_whole(n):
    values = np.random.default_rng(n).normal(5, 2, n)

    got = moments(n, lambda part: values[part])

    assert got.mean == pytest.approx(values.mean(), rel=1e-13)
    assert got.squares == pytest.approx(((values - values.mean()) ** 2).sum(), rel=1e-10)
    assert sum(part.stop - part.start for part in parts(n)) == n


@given(st.floats(-1e9, 1e9), st.integers(0, 1000))
def test_a_large_offset_costs_no_digits_of_the_spread(offset, seed):
    values = np.random.default_rng(seed).normal(0, 1, 2 * PART + 5)

    got = moments(len(values), lambda part: values[part] + offset)

    assert got.stderr == pytest.approx(values.std(ddof=1) / math.sqrt(len(values)), rel=1e-5)


def test_nothing_has_no_mean_and_one_value_no_error():
    assert math.isnan(moments(0, lambda _: np.empty(0)).mean)
    assert moments(1, lambda _: np.ones(1)).stderr == math.inf


def test_the_skewness_of_a_rare_thing_is_the_inverse_root_of_its_rate():
    rare = np.zeros(10_000)
    rare[:25] = 1.0

    got = skewness(10_000, lambda part: rare[part])

    assert got == pytest.approx((1 - 2 * 0.0025) / math.sqrt(0.0025 * 0.9975))


def test_equal_values_have_no_skewness():
    assert skewness(10, lambda part: np.ones(10)[part]) == 0.0
