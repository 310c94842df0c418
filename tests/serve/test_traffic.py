"""Traffic: who decides how often, true probabilities of the mixture, and sides that are what they are said to be."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from front_page import SALT
from policyloop.core.rng import draw, keyed_uniform
from policyloop.serve.traffic import Branch, branches_of, mixed, side_after, side_before, state_of
from served import Gives, traffic_of

N = 120_000
CHAMPION, CHALLENGER, BASELINE = [0.7, 0.2, 0.1], [0.1, 0.3, 0.6], [0.98, 0.01, 0.01]


def branches(*, state="canary", share=0.25, hold_out=0.1, answers=True):
    return branches_of(
        traffic_of(Gives(), state=state, share=share, hold_out=hold_out),
        champion="m",
        champion_pmf=CHAMPION,
        challenger_pmf=CHALLENGER if answers else None,
        baseline_pmf=BASELINE if hold_out else None,
    )


def chance_of_as_much(observed, expected):
    """How likely chance alone is to stray that far from what is expected."""
    at = expected > 0
    assert observed[~at].sum() == 0
    return chisquare(observed[at], expected[at]).pvalue


def test_the_hold_out_has_its_share_and_the_challenger_its_share_of_the_rest():
    found = branches(share=0.25, hold_out=0.1)

    assert [(b.side, b.policy) for b in found] == [("champion", "m"), ("challenger", "c" * 32), ("hold-out", "baseline")]
    np.testing.assert_allclose([b.share for b in found], [0.675, 0.225, 0.1])


@pytest.mark.parametrize("change", [{"state": "shadow"}, {"answers": False}])
def test_a_challenger_that_only_watches_or_gives_nothing_leaves_its_share_to_the_champion(change):
    found = branches(**change)

    assert [(b.side, b.share) for b in found] == [("champion", 0.9), ("hold-out", 0.1)]


def test_hand_worked_probabilities_of_a_mixture():
    found = mixed(branches(share=0.5, hold_out=0.2))

    # .4 (.7, .2, .1) + .4 (.1, .3, .6) + .2 (.98, .01, .01)
    np.testing.assert_allclose(found, [0.516, 0.202, 0.282], rtol=1e-12)


@pytest.mark.parametrize("share", [0.19, 0.2, 0.21, 0.26, 0.35])
def test_what_all_sides_are_sure_of_has_no_more_than_probability_one(share):
    """With a hold-out of .08 the rounded shares make 1.0000000000000002."""
    found = branches_of(
        traffic_of(Gives(), state="canary", share=share, hold_out=0.08),
        champion="m",
        champion_pmf=[1.0, 0.0],
        challenger_pmf=[1.0, 0.0],
        baseline_pmf=[1.0, 0.0],
    )

    assert mixed(found) == [1.0, 0.0]


def test_alone_the_champion_is_not_changed():
    assert mixed(branches(state="shadow", hold_out=0.0)) == CHAMPION


@st.composite
def mixtures(draw_one):
    """Two or three pmfs over 2 to 6 actions with a floor, and their shares."""
    k, n = draw_one(st.integers(2, 6)), draw_one(st.integers(2, 3))
    floor = draw_one(st.floats(0.001, 0.5))
    rng = np.random.default_rng(draw_one(st.integers(0, 2**32)))
    pmfs = ((1 - floor) * rng.dirichlet(np.full(k, 0.3), size=n) + floor / k).tolist()
    shares = rng.dirichlet(np.ones(n)).tolist()
    sides = ("champion", "challenger", "hold-out")
    return floor, [Branch(side, side, share, pmf) for side, share, pmf in zip(sides, shares, pmfs, strict=False)]


@given(mixtures())
def test_a_mixture_is_probabilities_and_keeps_the_floor(made):
    floor, of = made

    pmf = mixed(of)

    assert abs(sum(pmf) - 1) <= 1e-9
    assert min(pmf) >= floor / len(pmf) * (1 - 1e-9)


@given(mixtures(), st.floats(0, 1, exclude_max=True))
def test_the_side_after_the_action_has_given_it_a_chance(made, u):
    _, of = made

    for action in range(len(of[0].pmf)):
        assert side_after(of, action, u=u).share > 0


@settings(max_examples=5, derandomize=True)
@given(mixtures())
def test_the_chance_of_a_side_and_an_action_is_that_of_drawing_the_side_first(made):
    """P(side | action) is exact: summed over the grid of u, the joint law is share * pmf."""
    _, of = made
    grid = (np.arange(4_000) + 0.5) / 4_000
    pmf = mixed(of)

    for action, p in enumerate(pmf):
        sides = [side_after(of, action, u=u).side for u in grid]
        for branch in of:
            assert abs(p * sides.count(branch.side) / len(grid) - branch.share * branch.pmf[action]) <= 2 * p / len(grid)


@pytest.mark.parametrize("hold_out", [0.0, 0.1])
def test_sides_and_actions_come_as_often_as_share_times_probability(hold_out):
    of = branches(share=0.1, hold_out=hold_out)
    pmf = mixed(of)
    seen = np.zeros((3, 3))
    place = {branch.side: i for i, branch in enumerate(of)}

    for i in range(N):
        action = draw(pmf, keyed_uniform(SALT, "front-page", f"d{i}", "action"))
        side = side_after(of, action, u=keyed_uniform(SALT, "front-page", f"d{i}", "mixture"))
        seen[place[side.side], action] += 1

    expected = np.zeros((3, 3))
    for i, branch in enumerate(of):
        expected[i] = branch.share * np.array(branch.pmf) * N
    assert chance_of_as_much(seen, expected) > 1e-3


def test_units_fall_on_sides_as_often_as_the_shares_say():
    of = branches(share=0.25, hold_out=0.1)

    sides = [side_of(f"s{i}", of=of) for i in range(N)]

    seen = np.array([sides.count(branch.side) for branch in of], dtype=float)
    assert chance_of_as_much(seen, np.array([branch.share * N for branch in of])) > 1e-3


def side_of(unit, *, of=None, challenge="7", state="canary"):
    return side_before(of or branches(), unit, salt=SALT, loop="front-page", challenge=challenge, state=state).side


def test_a_unit_stays_on_its_side_and_a_new_state_or_challenge_draws_anew():
    units = [f"s{i}" for i in range(2_000)]
    first = [side_of(unit) for unit in units]

    assert [side_of(unit) for unit in units] == first
    assert [side_of(unit, state="ramp") for unit in units] != first
    assert [side_of(unit, challenge="8") for unit in units] != first


def test_who_is_held_out_stays_so_whatever_is_challenged():
    units = [f"s{i}" for i in range(2_000)]
    alone = branches_of(
        traffic_of(hold_out=0.1), champion="m", champion_pmf=CHAMPION, challenger_pmf=None, baseline_pmf=BASELINE
    )

    held = [
        {unit for unit in units if side_of(unit, **how) == "hold-out"}
        for how in ({}, {"state": "ramp"}, {"challenge": "8"}, {"of": alone, "challenge": None, "state": None})
    ]

    assert held[0]
    assert all(others == held[0] for others in held)


def test_those_who_are_held_out_are_missing_from_both_sides_alike():
    """Among the others the challenger has its share of what is left, so neither side is picked by the hold-out."""
    of = branches(share=0.25, hold_out=0.4)
    sides = [side_of(f"s{i}", of=of) for i in range(N)]
    n_left = N - sides.count("hold-out")

    share = sides.count("challenger") / n_left

    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / n_left)


@pytest.mark.parametrize(("name", "state"), [("SHADOW", "shadow"), ("canary", "canary"), ("RAMP", "ramp"), ("FROZEN", None)])
def test_a_challenger_is_asked_in_three_states(name, state):
    assert state_of(name) == state
