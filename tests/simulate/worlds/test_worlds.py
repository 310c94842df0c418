"""What every world promises. A new file in `simulate/worlds/` is tested here without an edit, unless it needs a loop."""

import numpy as np
import pytest

from policyloop.core import plugins
from policyloop.evaluate.pseudo import pseudo_outcomes
from policyloop.simulate.gate.cells import cells_of
from policyloop.simulate.gate.world import WORLDS, joined, world_of
from policyloop.simulate.worlds import adaptive, delayed, drift, mislogged

OF_A_LOOP = {"twin"}


@pytest.fixture(params=sorted(set(plugins.ours(WORLDS)) - OF_A_LOOP))
def name(request):
    return request.param


def made(name, *, lift=0.002, canary=0.1, seed=0):
    return world_of(name, lift=lift, canary=canary, rng=np.random.default_rng(seed))


def test_the_truth_is_the_lift_that_was_asked_for(name):
    for seed in range(5):
        assert made(name, lift=0.002, seed=seed).lift == pytest.approx(0.002)
        assert made(name, lift=-0.002, seed=seed).lift == pytest.approx(-0.002)
        assert made(name, lift=0.0, seed=seed).lift == pytest.approx(0.0)


def test_events_are_chances_and_rewards_within_their_range(name):
    world = made(name)
    events = joined([world.past(), world.events(1500)])

    low, high = world.reward_range
    assert ((events.reward >= low) & (events.reward <= high)).all()
    assert ((events.cell >= 0) & (events.cell < world.n_cells)).all()
    for pmf in (events.pmf, events.champion_pmf, events.challenger_pmf):
        np.testing.assert_allclose(pmf.sum(axis=1), 1.0)
        assert pmf.min() >= world.least_propensity - 1e-12


def test_the_policies_differ_in_a_part_of_the_contexts(name):
    events = made(name).events(3000)
    is_apart = events.champion_pmf.argmax(axis=1) != events.challenger_pmf.argmax(axis=1)

    assert 0.2 < is_apart.mean() < 0.7


def test_the_share_of_the_traffic_is_in_what_is_logged(name):
    world = made(name, canary=0.25)
    champion, challenger = world.shares
    events = world.events(3000)

    assert (events.pmf >= champion * events.champion_pmf - 1e-12).all()
    assert (events.pmf >= challenger * events.challenger_pmf - 1e-12).all()


@pytest.mark.parametrize("name", sorted(set(plugins.ours(WORLDS)) - OF_A_LOOP - {"mislogged"}))
def test_the_pseudo_outcomes_have_the_truth_as_their_mean(name):
    """Without predictions, 60,000 events: within four standard errors of the lift."""
    world = made(name, lift=0.1, seed=1)
    events = world.events(60_000)
    phi = pseudo_outcomes(
        events.reward,
        events.propensity,
        action=events.action,
        moved=events.challenger_pmf - events.champion_pmf,
        predicted=np.zeros_like(events.pmf),
    )

    assert abs(phi.mean() - world.lift) < 4 * phi.std() / np.sqrt(len(phi))


def test_a_lift_that_rare_rewards_cannot_have_is_cut():
    assert 0.002 < made("rare", lift=0.02).lift < 0.0027
    assert -0.0027 < made("rare", lift=-0.02).lift < -0.002


def test_rare_rewards_are_rare():
    assert made("rare").events(40_000).reward.mean() == pytest.approx(0.005, abs=0.0025)


@pytest.mark.parametrize("lift", [-0.2, 0.0, 0.05, 0.2])
def test_reward_rates_stay_chances(lift):
    for seed in range(20):
        cells = cells_of(lift, rng=np.random.default_rng(seed))
        assert ((cells.rate >= 0) & (cells.rate <= 1)).all()
        assert cells.lift == pytest.approx(lift)


def test_with_no_lift_the_challenger_still_wins_some_contexts_and_loses_others():
    cells = cells_of(0.0, rng=np.random.default_rng(0))
    gains = ((cells.challenger - cells.champion) * cells.rate).sum(axis=1)

    assert gains.min() < -0.01 < 0.01 < gains.max()


def test_the_logger_of_the_adaptive_world_learns():
    world = adaptive.create(lift=0.0, canary=None, rng=np.random.default_rng(0))
    early, late = world.past(), world.events(10_000)

    assert late.reward.mean() > early.reward.mean() + 0.02
    assert not np.allclose(late.pmf, late.champion_pmf)


def test_late_rewards_keep_the_newest_window_away_and_lose_nothing():
    world = delayed.create(lift=0.0, canary=None, rng=np.random.default_rng(0))
    n = [len(world.events(600)) for _ in range(4)]

    assert n == [0, 200, 600, 600]


def test_drifting_rates_leave_the_difference_as_it_is():
    world = drift.create(lift=0.05, canary=None, rng=np.random.default_rng(2))
    events = world.events(1)
    rates = []
    for _ in range(60):
        rates.append(world.rate())
        world.events(100)

    cells = world._usual.cells
    moved = cells.challenger - cells.champion
    lifts = [(moved * rate).sum(axis=1).mean() for rate in rates]
    np.testing.assert_allclose(lifts, 0.05)
    assert np.ptp([rate[0, 0] for rate in rates]) > 0.15
    assert ((np.array(rates) >= 0) & (np.array(rates) <= 1)).all()
    assert len(events) == 1


def test_the_mislogged_world_tries_seldom_actions_half_as_often_as_it_says():
    world = mislogged.create(lift=0.0, canary=0.0, rng=np.random.default_rng(0))
    events = world.events(40_000)
    is_seldom = events.propensity < 0.05

    said = (events.pmf * (events.pmf < 0.05)).sum(axis=1).mean()
    assert is_seldom.mean() == pytest.approx(said / 2, rel=0.1)
