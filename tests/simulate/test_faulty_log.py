"""Logs with a known fault: what is logged is the champion's, what is drawn is not."""

import numpy as np
import pytest

from policyloop.simulate.faulty_log import FAULTS, N_KINDS, play

N = 20_000


def best_share(log):
    """How often the action that the champion prefers was taken."""
    return (log.examples.action == log.champion.argmax(axis=1)).mean()


@pytest.mark.parametrize(
    ("fault", "share"),
    [("none", 0.925), ("half", 0.9625), ("less", 0.94), ("argmax", 1.0), ("other", 0.88), ("canary", 0.88)],
)
def test_the_best_action_comes_as_often_as_the_fault_has_it(fault, share):
    assert abs(best_share(play(fault, seed=1, n=N)) - share) < 4 * np.sqrt(share * (1 - share) / N) + 0.003  # kinds vary


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_logged_is_a_pmf_and_its_entry(fault):
    examples = play(fault, seed=1, n=100).examples

    np.testing.assert_allclose(examples.pmf.sum(axis=1), 1.0)
    np.testing.assert_array_equal(examples.propensity, examples.pmf[np.arange(100), examples.action])


def test_the_models_disagree_in_the_stated_share_of_the_kinds():
    log = play("none", seed=1, n=N, disagree=0.3)
    kind = np.array([context["kind"] for context in log.examples.contexts])
    differs = {k for k in range(N_KINDS) if (log.champion[kind == k][0] != log.other[kind == k][0]).any()}

    assert len(differs) == 6


def test_before_it_begins_nothing_is_wrong():
    log = play("argmax", seed=1, n=2000, begins=1000)
    is_best = log.examples.action == log.champion.argmax(axis=1)

    assert is_best[1000:].all()
    assert 0.85 < is_best[:1000].mean() < 0.98


def test_a_seed_gives_the_same_log():
    np.testing.assert_array_equal(play("other", seed=4, n=50).examples.action, play("other", seed=4, n=50).examples.action)
