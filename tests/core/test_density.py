"""A density: what is drawn follows it, nothing leaves the limits, and its numbers are those of textbooks."""

import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.density import Density

WIDE = {"low": [-1.0], "high": [1.0]}
NORMAL = Density(family="normal", loc=[0.2], scale=[0.3], floor=0.1, **WIDE)
TANH = Density(family="tanh_normal", loc=[0.4], scale=[0.7], center=[0.0], half=[1.0], floor=0.05, **WIDE)
EVEN = Density(family="uniform", **WIDE)
POINT = Density(family="point", loc=[0.25], floor=0.02, **WIDE)


def grid(density, n=40_001):
    xs = np.linspace(density.low[0], density.high[0], n)
    return xs, np.array([density.at([x]) for x in xs])


@pytest.mark.parametrize("density", [NORMAL, TANH, EVEN], ids=lambda d: d.family)
def test_a_density_integrates_to_one_between_the_limits(density):
    xs, heights = grid(density)

    assert np.trapezoid(heights, xs) == pytest.approx(1.0, abs=1e-3)


def test_limits_cut_off_and_what_is_left_is_one_again():
    cut = Density(family="normal", loc=[0.0], scale=[1.0], low=[0.0], high=[10.0])

    assert cut.at([1.0]) == pytest.approx(2 * math.exp(-0.5) / math.sqrt(2 * math.pi))  # half of the bell, twice as high
    assert cut.at([-0.1]) == 0.0


@pytest.mark.parametrize("density", [NORMAL, TANH, EVEN], ids=lambda d: d.family)
def test_draws_follow_the_density(density):
    rng = np.random.default_rng(3)
    xs, heights = grid(density)
    reached = np.cumsum(heights) * (xs[1] - xs[0])

    drawn = np.array([density.draw(rng.random(), [rng.random()])[0][0] for _ in range(4000)])

    for share in (0.1, 0.5, 0.9):
        assert np.mean(drawn <= xs[np.searchsorted(reached, share)]) == pytest.approx(share, abs=0.025)  # 3 standard errors


def test_a_point_with_a_floor_has_a_mass_and_an_even_density_beside_it():
    assert POINT.at([0.25]) == 0.98
    assert POINT.at([0.5]) == 0.01  # .02 over a width of 2
    assert POINT.draw(0.5, [0.9]) == ([0.25], False)
    assert POINT.draw(0.01, [0.75]) == ([0.5], True)
    assert (POINT.kind, POINT.with_floor(0.0).kind, POINT.with_floor(1.0).kind) == ("mixed", "point", "density")


def test_a_number_that_the_limits_leave_no_room_is_certain():
    density = Density(family="normal", loc=[0.0, 5.0], scale=[1.0, 1.0], low=[0.3, 0.0], high=[0.3, 2.0], floor=0.5)

    drawn, _ = density.draw(0.9, [0.1, 0.6])

    assert drawn[0] == 0.3
    assert density.kind == "density"
    assert density.at([0.3, 1.0]) == pytest.approx(0.5 * density.with_floor(0.0).at([0.3, 1.0]) + 0.25)  # .5 over a width of 2


def test_limits_that_leave_nothing_make_a_point_of_any_family():
    for density in (NORMAL, TANH, EVEN, POINT):
        stuck = Density.from_json({**density.to_json(), "low": [0.5], "high": [0.5]})

        assert stuck.kind == "point"
        assert stuck.draw(0.99, [0.7])[0] == [0.5]
        assert stuck.at([0.5]) == 1.0


@pytest.mark.parametrize("floor", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("density", [NORMAL, TANH, EVEN, POINT], ids=lambda d: d.family)
def test_one_part_at_a_stand_is_certain_and_the_other_keeps_its_density(density, floor):
    alone = msgspec.structs.replace(density, floor=floor)
    twice = {name: getattr(density, name) * 2 for name in ("loc", "scale", "center", "half")}
    beside = Density(family=density.family, low=[0.5, -1.0], high=[0.5, 1.0], floor=floor, **twice)
    (x,) = alone.draw(0.5, [0.7])[0]

    drawn, _ = beside.draw(0.5, [0.1, 0.7])

    assert drawn == [0.5, x]
    assert beside.at(drawn) == pytest.approx(alone.at([x]))
    assert beside.at([0.4, x]) == 0.0
    assert beside.kind == alone.kind


@pytest.mark.parametrize("floor", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("density", [NORMAL, TANH], ids=lambda d: d.family)
def test_limits_too_near_each_other_for_a_bell_to_be_told_apart_make_a_point(density, floor):
    stuck = msgspec.structs.replace(density, low=[0.2], high=[0.2 + 2**-54], floor=floor)

    assert stuck.kind == "point"
    assert stuck.at(stuck.mode()) == 1.0


WIDTHS = st.sampled_from([0.0, 5e-324, 1e-310, 1e-200, 1e-30, 1e-16, 1e-9, 0.3])


@given(
    st.sampled_from(["normal", "tanh_normal", "point", "uniform"]),
    st.lists(st.tuples(st.sampled_from([-0.7, 0.0, 0.3]), WIDTHS), min_size=1, max_size=4),
    st.sampled_from([0.0, 0.02, 1.0]),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_however_narrow_the_limits_what_is_drawn_has_a_propensity_that_is_a_number(family, limits, floor, coin, u):
    low, high, n = [low for low, _ in limits], [low + width for low, width in limits], len(limits)
    told = {"scale": [0.1] * n, "center": [0.0] * n, "half": [1.0] * n}
    density = Density(family=family, loc=low, low=low, high=high, floor=floor, **told)

    values, _ = density.draw(coin, [u] * n)

    assert 0.0 < density.at(values) < math.inf
    if density.kind == "point":
        assert density.at(values) == 1.0


@pytest.mark.parametrize("floor", [0.0, 0.3, 1.0])
def test_another_floor_leaves_a_stuck_number_a_point(floor):
    stuck = Density(family="point", loc=[0.9], low=[0.5], high=[0.5]).with_floor(floor)

    assert (stuck.kind, stuck.at([0.5]), stuck.mode()) == ("point", 1.0, [0.5])


@given(
    st.floats(-1e6, 1e6),
    st.floats(1e-3, 1e3),
    st.floats(-5, 5),
    st.floats(0, 5),
    st.floats(0, 1, exclude_max=True),
    st.sampled_from(["normal", "tanh_normal", "point", "uniform"]),
)
def test_no_draw_leaves_the_limits(loc, scale, low, width, u, family):
    last = Density(family="uniform", low=[low], high=[low + width]).draw(0.0, [1 - 2**-53])[0]
    density = Density(
        family=family, low=[low], high=[low + width], loc=[loc], scale=[scale], center=[0.0], half=[5.0], floor=0.1
    )

    drawn, _ = density.draw(0.5, [u])

    assert low <= drawn[0] <= low + width
    assert low <= density.mode()[0] <= low + width
    assert low <= last[0] <= low + width


def test_what_is_logged_makes_the_same_density():
    for density in (NORMAL, TANH, EVEN, POINT):
        assert Density.from_json(density.to_json()) == density


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"loc": [0.1, 0.2]}, "has 2 numbers in loc; expected 1."),
        ({"loc": [math.nan]}, "has [nan] in loc; expected finite numbers."),
        ({"high": [math.inf]}, "has [inf] in high; expected finite numbers."),
        ({"scale": [0.0]}, "has [0.0] in scale; expected numbers above 0."),
        ({"low": [0.5], "high": [0.4]}, "has the limits [0.5] to [0.4]; expected each low at or below its high."),
        ({"floor": 1.5}, "has the floor 1.5; expected 0 to 1."),
        ({"loc": [1e308], "low": [0.0], "high": [1e308]}, None),  # huge, and yet numbers
        ({}, None),
    ],
)
def test_what_is_wrong_with_a_density_is_told_in_words(told, expected):
    assert msgspec.structs.replace(NORMAL, **told).fault(1) == expected
