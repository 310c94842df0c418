"""The baseline: a label, the first allowed action, or all evenly."""

import numpy as np
import pytest

from policyloop.core.errors import UnknownName
from policyloop.core.loop import ActionSpec
from policyloop.core.policy import Actions
from policyloop.policy import scored

LABELS = ("calm", "bold", "playful")
ACTIONS = ActionSpec(kind="discrete", labels=LABELS)


def test_a_label_gets_everything_but_the_floor():
    policy = scored.baseline(ACTIONS, "bold", floor=0.3)

    np.testing.assert_allclose(policy.probabilities({}, Actions.of(LABELS)), [0.1, 0.8, 0.1])


def test_the_first_allowed_action_stands_in_for_a_masked_label():
    policy = scored.baseline(ACTIONS, "calm", floor=0.0)
    masked = Actions(LABELS, np.array([False, True, True]))

    np.testing.assert_array_equal(policy.probabilities({}, masked), [0.0, 1.0, 0.0])


def test_uniform_shares_among_the_allowed():
    policy = scored.baseline(ACTIONS, "uniform", floor=0.02)
    masked = Actions(LABELS, np.array([True, False, True]))

    np.testing.assert_allclose(policy.probabilities({}, masked), [0.5, 0.0, 0.5])


def test_an_unknown_choice_is_refused_with_the_nearest():
    with pytest.raises(UnknownName, match="did you mean 'playful'"):
        scored.baseline(ACTIONS, "playfull", floor=0.0)
