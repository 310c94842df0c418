"""The gate played in worlds with known truth: what is equal or worse seldom goes live, and what is better mostly does.

Fifty runs each here, a thousand in the slow tests. Seeds are 0 throughout and chosen before, and what is demanded of a
thousand runs is demanded of the share that fifty reach. Where luck is hunted the log check is left out: it can only hold a
promotion back, so that without it more is promoted.
"""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting, UnknownName
from policyloop.simulate.gate.binomial import exact_interval
from policyloop.simulate.gate.play import GateSettings, play
from policyloop.simulate.worlds import canary

SOME = 50
MANY = pytest.param(1000, marks=pytest.mark.slow)


def played(world, lift, *, runs, check_log=False, **settings):
    return play(GateSettings(world=world, lift=lift, runs=runs, **settings), check_log=check_log)


@pytest.mark.parametrize("runs", [SOME, MANY])
@pytest.mark.parametrize("lift", [0.0, -0.02])
@pytest.mark.parametrize("world", ["stationary", "adaptive", "canary", "rare"])
def test_luck_does_not_go_live(world, lift, runs):
    result = played(world, lift, runs=runs)

    assert result.promoted <= 0.05
    if runs >= 1000:  # of 50 runs without any promotion the upper limit is .09
        assert exact_interval(round(result.promoted * runs), runs, level=0.98)[1] <= 0.07


@pytest.mark.parametrize("runs", [SOME, MANY])
@pytest.mark.parametrize(
    ("world", "lift", "events", "least"),
    [
        ("canary", 0.05, 6_000, 0.95),
        ("canary", 0.02, 20_000, 0.7),
        ("stationary", 0.1, 20_000, 0.95),
        ("stationary", 0.05, 20_000, 0.6),
    ],
)
def test_what_is_better_goes_live(world, lift, events, least, runs):
    result = played(world, lift, runs=runs, events=events, check_log=True)

    assert result.true_lift == pytest.approx(lift)
    assert result.promoted >= least
    assert result.median_events <= events


@pytest.mark.parametrize("runs", [SOME, MANY])
@pytest.mark.parametrize("world", ["stationary", "canary"])
def test_the_interval_that_everybody_watches_promotes_luck(world, runs):
    result = played(world, 0.0, rule="normal", runs=runs, check_log=True)

    assert result.promoted_low > 0.1


@pytest.mark.parametrize("runs", [SOME, MANY])
@pytest.mark.parametrize(("lift", "events"), [(-0.1, 4_000), (-0.2, 1_300)])
def test_a_line_that_went_wrong_is_rolled_back(lift, events, runs):
    result = played("hold-out", lift, runs=runs)

    assert result.rolled_back >= 0.99
    assert result.median_events <= events


@pytest.mark.parametrize("runs", [SOME, MANY])
def test_a_line_that_is_as_good_as_the_baseline_stays(runs):
    result = played("hold-out", 0.0, runs=runs)

    assert result.rolled_back <= 0.01


def test_a_log_that_is_not_true_freezes_the_challenge():
    result = played("mislogged", 0.02, runs=20, check_log=True)

    assert result.frozen == 1.0
    assert result.promoted == 0.0


def test_a_log_that_is_true_freezes_nothing():
    result = played("canary", 0.1, runs=20, check_log=True)

    assert (result.frozen, result.promoted) == (0.0, 1.0)


@pytest.mark.parametrize("world", ["drift", "delayed"])
def test_what_is_better_goes_live_while_the_world_drifts_or_answers_late(world):
    assert played(world, 0.1, runs=20, events=8_000).promoted == 1.0


def test_the_point_rule_promotes_what_is_equal_at_the_first_look_as_often_as_not():
    result = played("canary", 0.0, rule="point", runs=SOME, events=500)

    assert 0.25 < result.promoted < 0.75
    assert result.promoted + result.retired == 1.0


def test_the_same_seed_plays_the_same_runs():
    one, other = (played("canary", 0.1, runs=5, seed=3) for _ in range(2))

    assert (one.promoted, one.median_events) == (other.promoted, other.median_events)
    assert played("canary", 0.02, runs=5, seed=3, events=1000).true_lift == pytest.approx(0.02)


def test_the_sentence_says_what_was_looked_for():
    assert played("canary", 0.1, runs=2).meaning.startswith(
        "A challenger that truly earns +0.1000 was promoted in 100.0 % of 2 runs of up to 20,000 decisions"
    )
    assert "beside the baseline was rolled back in 100.0 % of 2 runs" in played("hold-out", -0.2, runs=2).meaning


def test_decisions_that_do_not_fill_a_look_are_looked_at_too():
    result = played("canary", 0.2, runs=3, events=1100, look_every=600)

    assert result.promoted == 1.0
    assert result.median_events == 1100


@pytest.mark.parametrize(
    "settings",
    [{"runs": 0}, {"events": 0}, {"look_every": 0}, {"lift": 1.5}, {"lift": float("nan")}, {"canary": 0.6}, {"seed": -1}],
)
def test_settings_that_cannot_be_played_are_refused(settings):
    with pytest.raises(BadSetting, match=f"{next(iter(settings))} is"):
        GateSettings(**settings)


def test_unknown_worlds_and_rules_are_errors_with_the_nearest_name():
    with pytest.raises(UnknownName, match="no world is named 'hold-in'; did you mean 'hold-out'"):
        played("hold-in", 0.0, runs=1)
    with pytest.raises(UnknownName, match="no rule is named 'proven-bettr'; did you mean 'proven-better'"):
        played("canary", 0.0, runs=1, rule="proven-bettr")


def test_a_run_is_made_by_whoever_brings_a_world():
    seen = []

    def make(rng: np.random.Generator):
        seen.append(rng)
        return canary.create(lift=0.1, canary=0.3, rng=rng)

    assert play(GateSettings(runs=2), make=make).promoted == 1.0
    assert len(seen) == 2
