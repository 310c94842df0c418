"""Bootstrap: every replicate votes once, worked by hand."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.policy.explorers.bootstrap import create

EXPLORER = create(n_examples=5, reward_span=1.0, n_draws=4)


def test_an_action_gets_the_share_of_the_replicates_that_it_wins():
    replicates = np.array([[0.9, 0.1, 0.0], [0.8, 0.7, 0.1], [0.2, 0.3, 0.1], [0.5, 0.1, 0.4]])

    assert EXPLORER.probabilities([0.6, 0.3, 0.1], replicates) == [0.75, 0.25, 0.0]


def test_a_replicate_that_cannot_tell_shares_its_vote():
    replicates = np.array([[0.5, 0.5, 0.1], [0.2, 0.2, 0.2], [0.9, 0.0, 0.0], [0.9, 0.0, 0.0]])

    # (1/2 + 1/3 + 1 + 1) / 4, (1/2 + 1/3) / 4, (1/3) / 4
    assert EXPLORER.probabilities([0.5, 0.2, 0.1], replicates) == pytest.approx([17 / 24, 5 / 24, 2 / 24])


@pytest.mark.parametrize("n", [1, 257])
def test_too_few_or_too_many_replicates_are_refused(n):
    with pytest.raises(BadSetting, match=rf"explore\.n_draws is {n}; expected a whole number from 2 to 256"):
        create(n_examples=5, reward_span=1.0, n_draws=n)
