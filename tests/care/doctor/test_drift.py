"""Drift: seen where the values moved by much, not where they did not, and not where only the time of day is another."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policyloop.care.doctor.columns import Columns
from policyloop.care.doctor.drift import drift
from policyloop.core.clock import US_PER_HOUR, US_PER_S
from same_every_run import MONDAY_US

ONE_HOUR = np.zeros(2000, dtype=np.int64)
IS_LATE = np.arange(2000) >= 1000


def moved(values, *, is_late=IS_LATE, stratum=ONE_HOUR):
    return drift(values, is_late=is_late, stratum=stratum)


def test_the_move_is_the_share_that_would_have_to_get_another_value():
    values = ["phone"] * 700 + ["desktop"] * 300 + ["phone"] * 400 + ["desktop"] * 600

    found = moved(values)

    assert found.moved == pytest.approx(0.3)
    assert found.p_value < 1e-12
    assert found.n == 2000
    assert found.told == "'phone' went from 70% to 40%"


def test_the_statistic_is_pearson_s_by_hand():
    # expected 550 and 450 of each; (150^2 / 550 + 150^2 / 450) * 2 = 181.8, far beyond; with 10 for 150 it is 0.808, p = .369.
    values = ["a"] * 560 + ["b"] * 440 + ["a"] * 540 + ["b"] * 460

    assert moved(values).p_value == pytest.approx(0.369, abs=0.01)


def test_chance_is_called_drift_as_often_as_it_is_asked_to():
    rng = np.random.default_rng(11)
    worlds = [lambda: rng.normal(size=2000).tolist(), lambda: rng.choice(list("abcdefgh"), size=2000, p=PARETO).tolist()]

    p_values = np.array([moved(world()).p_value for world in worlds for _ in range(300)])

    for level in (0.05, 0.2, 0.5):  # 600 draws: four standard errors are at most .08
        assert abs((p_values <= level).mean() - level) < 4 * np.sqrt(level * (1 - level) / 600)
    assert max(moved(world()).moved for world in worlds for _ in range(50)) < 0.12


PARETO = np.array([0.5, 0.2, 0.1, 0.08, 0.05, 0.04, 0.02, 0.01])


def test_night_after_day_is_no_drift_and_another_night_than_before_is():
    decided_at = MONDAY_US + np.arange(4000, dtype=np.int64) * 43 * US_PER_S  # two days
    hour = decided_at // US_PER_HOUR % 24
    contexts = [{"hour": int(one), "night": bool(one < 6)} for one in hour]
    columns = Columns.of(contexts, ["hour", "night"], decided_at=decided_at)

    first_day = decided_at < decided_at[2000]
    # A quarter of the hours is night on the first day, three quarters on the second.
    unlike = [value if is_first else not value for value, is_first in zip(columns.values["night"], first_day, strict=True)]

    for name in ("hour", "night"):
        same = drift(columns.values[name], is_late=columns.is_late, stratum=columns.stratum)
        assert same.moved == pytest.approx(0, abs=1e-9)
    assert drift(unlike, is_late=columns.is_late, stratum=columns.stratum).moved == pytest.approx(0.5, abs=0.01)


def test_where_early_and_late_share_no_hour_nothing_is_said():
    assert moved(["a"] * 2000, stratum=np.where(IS_LATE, 1, 0)) is None


def test_weekends_are_compared_with_weekends():
    friday = np.datetime64("2026-01-09T12:00", "us").astype(np.int64)
    columns = Columns.of([{}, {}, {}], [], decided_at=friday + np.array([0, 24, 48]) * US_PER_HOUR)

    assert columns.stratum.tolist() == [12, 36, 36]


@settings(max_examples=40)
@given(st.lists(st.one_of(st.text(max_size=3), st.floats(-1e9, 1e9), st.booleans()), min_size=60, max_size=200))
def test_whatever_the_values_a_move_is_a_share_and_a_p_value_a_probability(values):
    n = len(values)

    found = drift(values, is_late=np.arange(n) >= n // 2, stratum=np.zeros(n, dtype=np.int64))

    assert found is not None
    assert 0 <= found.moved <= 1 + 1e-12
    assert 0 <= found.p_value <= 1


def test_a_list_counts_by_its_length_and_an_object_by_its_keys():
    contexts = [{"tags": ["a", "b"], "page": {"title": "x"}}, {"tags": [], "page": {"n": 2}}]

    columns = Columns.of(contexts, ["tags", "page"], decided_at=np.zeros(2, dtype=np.int64))

    assert columns.values == {"tags": [2.0, 0.0], "page.n": [None, 2.0], "page.title": ["x", None]}


def test_values_that_hang_together_count_for_one():
    values = ["a"] * 560 + ["b"] * 440 + ["a"] * 460 + ["b"] * 540  # a share of .1 moved: certain of 2,000 values

    together = drift(values, is_late=IS_LATE, stratum=ONE_HOUR, n_together=20.0)

    assert moved(values).p_value < 1e-4
    assert together.p_value > 0.2
    assert together.moved == moved(values).moved
