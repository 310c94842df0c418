"""The twin of a log: the challenger earns exactly the lift, the champion what it earns in the log, rewards as they were."""

from dataclasses import replace

import numpy as np
import pytest

from planted import HIGH, LOW, examples, truth_of
from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.gate.verdict import Call
from policyloop.simulate import twin as twin_file
from policyloop.simulate.gate.cells import FLOOR, N_ACTIONS, cells_of
from policyloop.simulate.gate.play import GateSettings, play
from policyloop.simulate.gate.world import world_of
from policyloop.simulate.scatter import scatter_of
from policyloop.simulate.twin import TwinLog, twin_of
from policyloop.simulate.worlds import twin


class Favours:
    """The best action by the truth, with a floor."""

    def __init__(self, floor=0.1):
        self.floor = floor

    def probabilities_of_many(self, contexts, allowed, candidates=None):
        best = np.where(allowed, truth_of(contexts), -1.0).argmax(axis=1)
        share = self.floor / allowed.sum(axis=1, keepdims=True)
        return np.where(allowed, share, 0.0) + (1 - self.floor) * (best[:, np.newaxis] == np.arange(3))

    def rewards_of_many(self, contexts, candidates=None):
        return truth_of(contexts)


def log_of(rows, *, floor=0.1):
    return twin_of(rows, champion=Favours(floor), rewards=Favours(), floor=floor, low=0.0, high=1.0)


LOG = log_of(examples(2000, seed=1))


@pytest.mark.parametrize("lift", [-0.05, 0.0, 0.003, 0.02, 0.1])
def test_the_challenger_earns_exactly_the_lift(lift):
    for seed in range(5):
        truth = twin_file.truth_of(LOG, lift, rng=np.random.default_rng(seed))

        gain = ((truth.challenger - LOG.champion) * truth.expected).sum(axis=1)
        assert gain.mean() == pytest.approx(lift, abs=1e-12)
        assert truth.lift == pytest.approx(lift, abs=1e-12)
        np.testing.assert_allclose(truth.challenger.sum(axis=1), 1.0)


def test_it_wins_in_some_decisions_and_loses_in_others():
    truth = twin_file.truth_of(LOG, 0.005, rng=np.random.default_rng(0))

    gain = ((truth.challenger - LOG.champion) * truth.expected).sum(axis=1)
    assert (gain > 0.01).any()
    assert (gain < -0.01).any()
    assert truth.share_apart == pytest.approx(0.3, abs=0.05)


def test_the_champion_earns_what_it_earns_in_the_log():
    truth = twin_file.truth_of(LOG, 0.02, rng=np.random.default_rng(0))

    is_favourite = LOG.champion.argmax(axis=1)[:, np.newaxis] == np.arange(3)
    np.testing.assert_allclose(truth.expected[is_favourite], HIGH)
    assert LOG.mean_reward == pytest.approx(0.9 * HIGH + 0.1 * (HIGH + 2 * LOW) / 3)


def test_where_the_lift_is_not_possible_the_largest_that_is_gets_played():
    truth = twin_file.truth_of(LOG, 0.9, rng=np.random.default_rng(0))

    assert truth.share_apart == 1.0
    assert truth.lift == pytest.approx(0.9 * (1.0 - HIGH), abs=0.01)  # the other favourite always earns 1


def test_a_larger_lift_needs_another_favourite_more_often():
    shares = [twin_file.truth_of(LOG, lift, rng=np.random.default_rng(0)).share_apart for lift in (0.02, 0.15, 0.3)]

    assert shares == pytest.approx([0.3, 0.6, 1.0], abs=0.05)


def test_what_is_served_is_the_mixture_and_the_rewards_are_those_of_the_truth():
    world = twin.create(lift=0.05, canary=0.2, rng=np.random.default_rng(3), log=LOG)

    events = world.events(40_000)

    np.testing.assert_allclose(events.pmf, 0.8 * events.champion_pmf + 0.2 * events.challenger_pmf)
    assert world.shares == (0.8, 0.2)
    assert set(events.reward.tolist()) == {0.0, 1.0}
    weight = (events.challenger_pmf - events.champion_pmf)[np.arange(40_000), events.action] / events.propensity
    gain = weight * events.reward
    assert abs(gain.mean() - 0.05) < 4 * gain.std() / 200
    assert abs((events.action == 0).mean() - events.pmf[:, 0].mean()) < 4 * 0.5 / 200


def test_a_hold_out_is_the_baselines_and_a_canary_is_a_share_of_the_rest():
    log = twin_of(
        examples(2000, seed=1),
        champion=Favours(0.1),
        rewards=Favours(),
        floor=0.1,
        low=0.0,
        high=1.0,
        baseline=Favours(1.0),
        hold_out=0.25,
    )
    world = twin.create(lift=0.05, canary=0.2, rng=np.random.default_rng(3), log=log)

    past, events = world.past(), world.events(40_000)

    np.testing.assert_allclose(past.pmf, 0.75 * past.champion_pmf + 0.25 / 3)
    np.testing.assert_allclose(events.pmf, 0.75 * (0.8 * events.champion_pmf + 0.2 * events.challenger_pmf) + 0.25 / 3)
    assert world.shares == pytest.approx((0.6, 0.15))
    assert world.least_propensity == pytest.approx(0.75 * 0.1 / 3)
    assert events.pmf.min() >= world.least_propensity
    gain = (events.challenger_pmf - events.champion_pmf)[np.arange(40_000), events.action] / events.propensity * events.reward
    assert abs(gain.mean() - 0.05) < 4 * gain.std() / 200


def test_actions_that_were_not_offered_are_never_taken_nor_favoured():
    rows = examples(900, seed=2)
    allowed = np.ones((900, 3), dtype=bool)
    allowed[:300, 2] = False
    allowed[300:600, 1:] = False
    rows = replace(rows, allowed=allowed, action=np.where(allowed[np.arange(900), rows.action], rows.action, 0))
    log = log_of(rows)

    truth = twin_file.truth_of(log, 0.02, rng=np.random.default_rng(0))
    events = twin.create(lift=0.02, canary=0.5, rng=np.random.default_rng(0), log=log).events(5000)

    assert (truth.challenger[~allowed] == 0).all()
    assert truth.lift == pytest.approx(0.02)
    assert (events.propensity > 0).all()
    assert log.least_propensity == pytest.approx(0.1 / 3)


def test_of_a_long_log_some_decisions_stand_for_all(monkeypatch):
    monkeypatch.setattr(twin_file, "MAX_DECISIONS", 150)

    log = log_of(examples(2000, seed=1))

    assert len(log.champion) == 150
    assert log.mean_reward == pytest.approx(LOG.mean_reward, abs=0.05)


def test_equal_seeds_make_equal_worlds_and_others_do_not():
    first, again, other = (
        twin.create(lift=0.02, canary=0.1, rng=np.random.default_rng(seed), log=LOG).events(500).reward for seed in (1, 1, 2)
    )

    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_without_a_log_or_a_floor_there_is_no_twin():
    with pytest.raises(NothingToDo, match="made of a loop's own log; expected --loop NAME"):
        world_of("twin", lift=0.02, canary=None, rng=np.random.default_rng(0))
    with pytest.raises(BadSetting, match="floor is 0; expected a number above 0"):
        log_of(examples(300, seed=1), floor=0.0)


def twin_of_the_usual_world(seed):
    """A log with the rates, the favourites and the floor of the world `canary`."""
    rng = np.random.default_rng(seed)
    cells = cells_of(0.0, rng=rng)
    cell = rng.integers(10, size=4000)
    action = (rng.random(4000)[:, np.newaxis] >= cells.champion[cell].cumsum(axis=1)[:, :-1]).sum(axis=1)
    reward = (rng.random(4000) < cells.rate[cell, action]).astype(float)
    scatter = scatter_of(reward, cells.rate[cell, action])
    return TwinLog(
        champion=cells.champion[cell],
        expected=scatter.within(cells.rate[cell]),
        allowed=np.ones((4000, N_ACTIONS), dtype=bool),
        scatter=scatter,
        floor=FLOOR,
        low=0.0,
        high=1.0,
    )


def played(name, lift, *, runs, events):
    settings = GateSettings(world=name, lift=lift, runs=runs, events=events, canary=0.1, seed=11)
    logs = [twin_of_the_usual_world(seed) for seed in range(8)] if name == "twin" else []
    place = iter(range(runs))

    def make(rng):
        return twin.create(lift=lift, canary=0.1, rng=rng, log=logs[next(place) % 8])

    return play(settings, make=make if name == "twin" else None)


def test_the_twin_of_a_world_finds_what_that_world_finds():
    of_twin, of_world = (played(name, 0.05, runs=40, events=8000) for name in ("twin", "canary"))

    assert of_twin.true_lift == pytest.approx(0.05)
    assert of_world.true_lift == pytest.approx(0.05)
    assert of_twin.promoted >= of_world.promoted_low
    assert of_world.promoted >= of_twin.promoted_low
    assert 0.6 < of_twin.median_events / of_world.median_events < 1.6


@pytest.mark.slow
def test_the_twin_agrees_with_that_world_at_small_lifts_too_and_promotes_no_tie():
    tie = played("twin", 0.0, runs=200, events=20_000)
    of_twin, of_world = (played(name, 0.02, runs=200, events=20_000) for name in ("twin", "canary"))

    assert tie.promoted <= 0.05
    assert abs(of_twin.promoted - of_world.promoted) < 4 * np.sqrt(2 * 0.25 / 200)


def test_a_challenger_that_truly_earns_less_is_not_promoted():
    settings = GateSettings(world="twin", lift=-0.05, runs=10, events=6000)

    result = play(settings, make=lambda rng: twin.create(lift=-0.05, canary=0.1, rng=rng, log=LOG))

    assert result.promoted == 0.0
    assert twin.create(lift=-0.05, canary=0.1, rng=np.random.default_rng(0), log=LOG).aim == Call.PROMOTE
