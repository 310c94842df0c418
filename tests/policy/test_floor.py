"""The floor: every allowed action keeps its share."""

import pytest

from policyloop.core.errors import BadSetting
from policyloop.policy import floor


def test_the_floor_is_shared_evenly_and_the_rest_keeps_its_proportions():
    got = floor.apply([0.7, 0.3, 0.0, 0.0], 0.1)

    # (1 - .1) * q + .1 / 4
    assert got == pytest.approx([0.655, 0.295, 0.025, 0.025], abs=1e-15)


def test_a_floor_of_zero_changes_nothing():
    assert floor.apply([0.25, 0.75], 0.0) == [0.25, 0.75]


def test_a_floor_of_one_is_uniform():
    assert floor.apply([1.0, 0.0], 1.0) == [0.5, 0.5]


@pytest.mark.parametrize("value", [-0.01, 1.01, float("nan")])
def test_a_floor_that_is_no_share_is_refused_with_the_range(value):
    with pytest.raises(BadSetting, match=r"expected a number from 0 to 1"):
        floor.check(value)
