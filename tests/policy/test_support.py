"""Support: states of the history are inside, wild ones are not."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from policyloop.policy.support import HIGH, LOW, support_of, support_tensors

HISTORY = np.array([[0.0, -1.0, 7.0], [10.0, 1.0, 7.0], [5.0, 0.0, 7.0]], dtype=np.float32)


def support():
    return support_of(support_tensors(HISTORY))


def test_every_state_of_the_history_is_inside():
    assert all(support().holds(state) for state in HISTORY)


def test_a_tenth_of_the_range_is_allowed_beyond_it_and_no_more():
    assert support().holds(np.array([10.9, 0.0, 7.0]))
    assert not support().holds(np.array([11.1, 0.0, 7.0]))
    assert not support().holds(np.array([5.0, -1.21, 7.0]))


def test_a_number_that_never_changed_may_not_change():
    assert not support().holds(np.array([5.0, 0.0, 7.1]))


def test_what_is_no_number_is_outside():
    assert not support().holds(np.array([np.nan, 0.0, 7.0]))
    assert not support().holds(np.array([np.inf, 0.0, 7.0]))


def test_images_and_empty_histories_have_no_support():
    assert support_tensors(np.zeros((3, 2, 4, 4), dtype=np.uint8)) == {}
    assert support_tensors(np.zeros((0, 3), dtype=np.float32)) == {}
    assert support_of({}) is None


def test_the_tensors_are_float32_of_the_state_s_length():
    made = support_tensors(HISTORY)

    assert {name: (tensor.dtype.name, tensor.shape) for name, tensor in made.items()} == {
        LOW: ("float32", (3,)),
        HIGH: ("float32", (3,)),
    }


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_no_rounding_puts_a_state_of_the_history_outside(numbers):
    states = np.array(numbers, dtype=np.float32).reshape(-1, 1)

    support = support_of(support_tensors(states))

    assert all(support.holds(state) for state in states)
