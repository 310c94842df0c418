"""What every explorer promises. A new file in policy/explorers is tested here without an edit."""

import numpy as np
import pytest
from scipy.stats import chisquare

from policyloop.core import plugins
from policyloop.core.plugin_settings import names_with
from policyloop.core.policy import Actions, Prediction
from policyloop.core.rng import draw, keyed_uniform
from policyloop.policy.features import Encoder
from policyloop.policy.policies import linear
from policyloop.policy.scored import EXPLORERS, ScoredPolicy, explorer_of
from policyloop.testing.explorers import BOX_PROMISES, PROMISES

OURS = tuple(name for name in names_with(EXPLORERS, "create") if name in plugins.ours(EXPLORERS))
OVER_BOXES = tuple(name for name in names_with(EXPLORERS, "create_box") if name in plugins.ours(EXPLORERS))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", OURS)
def test_it_keeps_its_promise(name, promise):
    promise(plugins.load(EXPLORERS, name).create)


def test_every_explorer_is_for_labels_or_for_numbers():
    assert set(OURS) | set(OVER_BOXES) == set(plugins.ours(EXPLORERS))


@pytest.mark.parametrize("promise", BOX_PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", OVER_BOXES)
def test_it_keeps_its_promise_over_boxes(name, promise):
    promise(plugins.load(EXPLORERS, name).create_box)


class WithOneRow:
    """A reward model that answers one row beside its means: the probabilities of their softmax, which do for widths too."""

    n_draws = 1

    def __init__(self, means):
        self.means = means

    def predict(self, features):
        mean = self.means.predict(features).mean
        power = np.exp(mean)
        return Prediction(mean, (power / power.sum(axis=-1, keepdims=True))[..., np.newaxis, :])


def served(name, *, floor, n_actions=6):
    """A policy of random scores that explores by `name`, on the constant feature alone."""
    explorer = explorer_of(name, {}, n_examples=30, reward_span=1.0)
    several = 0 if explorer.n_draws == 1 else explorer.n_draws
    model = linear.specimen(n_actions=n_actions, n_features=1, n_draws=several, rng=np.random.default_rng(8))
    return ScoredPolicy(Encoder([]), WithOneRow(model) if explorer.n_draws == 1 else model, explorer, floor, n_actions)


@pytest.mark.parametrize("name", OURS)
def test_no_mass_is_on_a_masked_action_and_the_floor_is_on_all_others(name):
    policy = served(name, floor=0.06)
    labels = tuple("abcdef")

    for bits in range(1, 64):
        allowed = np.array([bool(bits >> i & 1) for i in range(6)])
        pmf = policy.probabilities({}, Actions(labels, allowed))

        assert (pmf[~allowed] == 0).all()
        assert (pmf[allowed] >= 0.06 / allowed.sum() - 1e-15).all()
        assert abs(pmf.sum() - 1) <= 1e-9


@pytest.mark.parametrize("name", OURS)
def test_many_masks_at_once_give_what_each_gives_alone(name):
    policy = served(name, floor=0.02)
    allowed = np.array([[bool(bits >> i & 1) for i in range(6)] for bits in range(1, 64)])

    together = policy.probabilities_of_many([{}] * 63, allowed)

    alone = [policy.probabilities({}, Actions(tuple("abcdef"), row)) for row in allowed]
    np.testing.assert_allclose(together, alone, atol=1e-12)


@pytest.mark.parametrize("name", OURS)
def test_a_million_draws_come_as_often_as_the_propensities_say(name):
    pmf = served(name, floor=0.05).probabilities({}, Actions.of(tuple("abcdef")))
    u = np.random.default_rng(20).random(1_000_000)

    drawn = np.searchsorted(np.cumsum(pmf), u, side="right").clip(max=5)

    assert chisquare(np.bincount(drawn, minlength=6), pmf * 1_000_000).pvalue > 1e-3


@pytest.mark.parametrize("name", OURS)
def test_keyed_draws_come_as_often_as_the_propensities_say(name):
    pmf = served(name, floor=0.05).pmf({}, [True] * 6)

    drawn = [draw(pmf, keyed_uniform(b"salt", "loop", f"id-{i}", "action")) for i in range(40_000)]

    assert chisquare(np.bincount(drawn, minlength=6), np.array(pmf) * 40_000).pvalue > 1e-3
