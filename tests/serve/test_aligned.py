"""A model under a newer spec: new actions start at the floor, removed ones get nothing, the rest keep their preference."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from front_page import CONTEXT, front_page
from policyloop.core.loop import ActionSpec, ExploreSpec
from policyloop.core.policy import Actions
from policyloop.serve.aligned import aligned
from served import some_model

OLD = ("calm", "bold", "playful")


def serve(labels, allowed=None, floor=0.2):
    spec = front_page(
        actions=ActionSpec(kind="discrete", labels=tuple(labels)), baseline="first", explore=ExploreSpec(floor=floor)
    )
    actions = Actions(spec.labels, np.ones(len(labels), dtype=bool) if allowed is None else np.array(allowed))
    return aligned(some_model(), OLD, spec).probabilities(CONTEXT, actions)


def preferences():
    return some_model().with_floor(0.0).probabilities(CONTEXT, Actions.of(OLD))


def test_the_same_actions_take_the_floor_of_the_spec_that_holds():
    np.testing.assert_allclose(serve(OLD), 0.8 * preferences() + 0.2 / 3, rtol=1e-12)


def test_a_new_action_has_its_share_of_the_floor_and_no_more():
    q = preferences()

    got = serve([*OLD, "new"])

    np.testing.assert_allclose(got, [*(0.8 * q + 0.05), 0.05], rtol=1e-12)


def test_a_removed_action_gets_nothing():
    allowed = np.array([True, False, True])
    q = some_model().with_floor(0.0).probabilities(CONTEXT, Actions(OLD, allowed))

    np.testing.assert_allclose(serve(["calm", "playful"]), 0.8 * q[[0, 2]] + 0.1, rtol=1e-12)


def test_actions_in_another_order_keep_their_preference():
    np.testing.assert_allclose(serve(["playful", "calm", "bold"]), (0.8 * preferences() + 0.2 / 3)[[2, 0, 1]], rtol=1e-12)


def test_where_it_knows_none_of_those_offered_all_are_even():
    np.testing.assert_allclose(serve([*OLD, "x", "y"], [False, False, False, True, True]), [0, 0, 0, 0.5, 0.5])


@given(
    labels=st.lists(st.sampled_from([*OLD, "x", "y", "z"]), min_size=1, unique=True),
    floor=st.floats(0, 1),
    data=st.data(),
)
def test_the_probabilities_are_always_true_ones(labels, floor, data):
    allowed = data.draw(st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)).filter(any))

    got = serve(labels, allowed, floor)

    assert got.sum() == pytest.approx(1, abs=1e-9)
    assert (got[~np.array(allowed)] == 0).all()
    assert (got[allowed] >= floor / sum(allowed) * (1 - 1e-9)).all()


def test_many_are_decided_as_one_is():
    spec = front_page(actions=ActionSpec(kind="discrete", labels=(*OLD, "new")))
    policy = aligned(some_model(), OLD, spec)
    allowed = np.array([[True, True, True, True], [True, False, True, True]])

    many = policy.probabilities_of_many([CONTEXT, CONTEXT], allowed)

    for row, mask in zip(many, allowed, strict=True):
        np.testing.assert_allclose(row, policy.probabilities(CONTEXT, Actions(spec.labels, mask)), atol=1e-12)
    assert policy.probabilities_of_many([], np.empty((0, 4), dtype=bool)).shape == (0, 4)


@given(labels=st.lists(st.sampled_from([*OLD, "x", "y"]), min_size=1, unique=True), floor=st.floats(0, 1), data=st.data())
def test_many_are_decided_as_one_is_whatever_was_renamed_and_whatever_is_allowed(labels, floor, data):
    mask = st.lists(st.booleans(), min_size=len(labels), max_size=len(labels)).filter(any)
    allowed = np.array(data.draw(st.lists(mask, min_size=1, max_size=6)))
    spec = front_page(
        actions=ActionSpec(kind="discrete", labels=tuple(labels)), baseline="first", explore=ExploreSpec(floor=floor)
    )
    policy = aligned(some_model(), OLD, spec)

    many = policy.probabilities_of_many([CONTEXT] * len(allowed), allowed)

    for row, may in zip(many, allowed.tolist(), strict=True):
        np.testing.assert_allclose(row, policy.pmf(CONTEXT, may), atol=1e-12)


def test_expected_rewards_follow_their_labels_and_a_new_one_is_expected_to_be_average():
    spec = front_page(actions=ActionSpec(kind="discrete", labels=("new", "playful", "calm")), baseline="first")
    calm, bold, playful = some_model().rewards_of_many([CONTEXT])[0]

    got = aligned(some_model(), OLD, spec).rewards_of_many([CONTEXT, CONTEXT])

    np.testing.assert_allclose(got, [[(calm + bold + playful) / 3, playful, calm]] * 2, rtol=1e-12)
