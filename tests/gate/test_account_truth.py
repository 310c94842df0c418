"""What the account says is true: on rows drawn as servers draw them, bets are fair, guards keep their level, harm is found.

Every chunk of a run is looked at. A few runs here; a thousand in `make test-slow`.
"""

import math

import numpy as np
import pytest

from challenged import Challenge, difference, part, spec_of, table_of
from policyloop.core.loop import GuardSpec
from policyloop.gate.account import begun, judged, taken_up
from policyloop.gate.verdict import Call
from policyloop.simulate.gate.binomial import exact_interval

LOOK_EVERY = 250
FEW, MANY = 40, 1000
EVEN = np.full((4, 3), 0.5)  # whatever is done earns the same, in every kind of context
RUNS = [FEW, pytest.param(MANY, marks=pytest.mark.slow)]


def looks(challenge, spec, *, n, seed):
    """The account after each chunk of one run."""
    whole = challenge.settled(n, seed=seed)
    account = begun("CANARY", mean_reward=0.5, spec=spec, position=0, mean_outcomes={"paid": 0.5})
    for start in range(0, n, LOOK_EVERY):
        account = taken_up(
            account, part(whole, slice(start, start + LOOK_EVERY)), champion_spec=spec, spec=spec, state=challenge.state.upper()
        )
        yield account


def calls(challenge, spec, name, *, n, runs):
    """Of each run, the calls that the reasons of that name ever made."""
    found = []
    for seed in range(runs):
        accounts = looks(challenge, spec, n=n, seed=seed)
        found.append({reason.call for one in accounts for reason in judged(one, spec) if reason.name == name})
    return found


def at_most(hits, runs, share):
    """Whether so many hits fit a chance of at most `share`; of many runs the share itself has to."""
    return hits <= share * runs if runs >= MANY else exact_interval(hits, runs, level=0.998)[0] <= share


@pytest.mark.parametrize("runs", RUNS)
def test_a_challenger_that_is_worse_by_the_whole_margin_is_let_pass_no_more_often_than_alpha(runs):
    spec = spec_of(guards=(GuardSpec(name="paid", margin=-difference("worse"), alpha=0.05),))

    found = calls(Challenge(challenger="worse", share=0.3), spec, "guard-paid", n=3000, runs=runs)

    assert at_most(sum(Call.PROMOTE in one for one in found), runs, 0.05)
    assert at_most(sum(Call.RETIRE in one for one in found), runs, 0.05)  # nor is it thrown out: the margin is kept, just so


@pytest.mark.parametrize("runs", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_harm_beyond_the_margin_is_found_and_harm_within_it_is_let_pass(runs):
    tight, wide = (spec_of(guards=(GuardSpec(name="paid", margin=margin),)) for margin in (0.01, 0.15))

    broken = calls(Challenge(challenger="worse", share=0.5), tight, "guard-paid", n=6000, runs=runs)
    kept = calls(Challenge(challenger="worse", share=0.5), wide, "guard-paid", n=6000, runs=runs)

    assert sum(Call.RETIRE in one for one in broken) >= 0.95 * runs
    assert sum(Call.PROMOTE in one for one in broken) <= 0.05 * runs
    assert sum(Call.PROMOTE in one for one in kept) >= 0.95 * runs


@pytest.mark.parametrize("runs", RUNS)
def test_slices_that_suffer_nothing_block_in_few_runs(runs):
    spec = spec_of(slices=("kind",))

    found = calls(Challenge(share=0.3, truth=EVEN), spec, "slice", n=2000, runs=runs)

    assert at_most(sum(Call.INCONCLUSIVE in one for one in found), runs, 0.05)


@pytest.mark.parametrize("runs", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_slice_that_suffers_blocks_although_all_in_all_nothing_is_lost(runs):
    spec = spec_of(slices=("kind",))

    found = calls(Challenge(challenger="twin", share=0.5), spec, "slice", n=4000, runs=runs)

    assert sum(Call.INCONCLUSIVE in one for one in found) >= 0.95 * runs


SHARED = [
    pytest.param({"share": 0.1}, id="canary"),
    pytest.param({"share": 0.1, "hold_out": 0.1}, id="canary with a hold-out"),
    pytest.param({"share": 0.5, "state": "ramp", "hold_out": 0.1}, id="ramp with a hold-out"),
    pytest.param({"share": 0.2, "n_subjects": 5000}, id="sticky"),
    pytest.param({"share": 0.2, "hold_out": 0.2, "n_subjects": 5000}, id="sticky with a hold-out"),
]


@pytest.mark.parametrize("how", SHARED)
@pytest.mark.parametrize("runs", RUNS)
def test_bets_are_fair_when_nothing_is_gained_or_lost(how, runs):
    spec, challenge = spec_of(), Challenge(challenger="twin", **how)

    seen = [list(looks(challenge, spec, n=1500, seed=seed)) for seed in range(runs)]

    for side in ("e_better", "e_worse"):
        last = np.array([getattr(run[-1].evidence, side) for run in seen])
        highest = np.array([max(getattr(one.evidence, side) for one in run) for run in seen])
        assert last.mean() <= 1 + 4 * last.std(ddof=1) / math.sqrt(runs)
        assert at_most(int((highest >= 20).sum()), runs, 0.05)


@pytest.mark.parametrize("how", SHARED)
@pytest.mark.parametrize("challenger", ["twin", "better", "worse"])
def test_the_mean_pseudo_outcome_is_the_true_difference(how, challenger):
    spec = spec_of()
    rows = Challenge(challenger=challenger, **how)
    n = 4 * rows.n_subjects or 20_000

    account = taken_up(
        begun("CANARY", mean_reward=0.6, spec=spec, position=0),
        rows.settled(n, seed=11),
        champion_spec=spec,
        spec=spec,
        state=rows.state.upper(),
    )

    got = account.evidence
    stderr = math.sqrt((got.squares / got.n - got.mean**2) / got.n)
    assert abs(got.mean - difference(challenger)) < 4 * stderr
    low, high = got.interval(alpha=0.001)
    assert low <= difference(challenger) <= high


def test_the_world_is_what_it_says():
    assert difference("twin") == pytest.approx(0.0, abs=1e-12)
    assert difference("better") == pytest.approx(0.8 * 0.3 / 4)
    assert difference("worse") == pytest.approx(-0.8 * 0.3 / 4)
    assert difference("twin", EVEN) == pytest.approx(0.0, abs=1e-12)
    assert table_of("champion").sum(axis=1) == pytest.approx(1.0)
