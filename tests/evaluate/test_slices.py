"""Slices: how contexts are cut, and which slice is called the worst."""

import numpy as np
import pytest

from policyloop.core.errors import UnknownName
from policyloop.evaluate.slices import MOST_SLICES, sliced, slices_of


def names(contexts, field):
    return {one.name: one.rows.tolist() for one in slices_of(contexts, field)}


def test_categories_are_cut_by_value_and_what_is_missing_is_a_slice_of_its_own():
    contexts = [{"device": "phone"}, {"device": "desktop"}, {"device": "phone"}, {"device": None}, {}]

    assert names(contexts, "device") == {"phone": [0, 2], "desktop": [1], "(missing)": [3, 4]}


def test_numbers_are_cut_by_quantiles():
    contexts = [{"age": age} for age in range(100)]

    got = slices_of(contexts, "age")

    assert [len(one.rows) for one in got] == [25, 25, 25, 25]
    assert {one.name for one in got} == {"0 to 24.75", "24.75 to 49.5", "49.5 to 74.25", "74.25 to 99"}
    assert 99 in next(one for one in got if one.name == "74.25 to 99").rows


def test_few_different_numbers_are_values():
    assert set(names([{"hour": hour % 3} for hour in range(30)], "hour")) == {"0", "1", "2"}
    assert set(names([{"is_new": flag} for flag in (True, False)], "is_new")) == {"true", "false"}


def test_a_path_leads_into_a_json_field_and_a_name_with_a_dot_comes_first():
    contexts = [
        {"user": {"plan": {"kind": "free"}}, "a.b": "x"},
        {"user": {"plan": {"kind": "paid"}}, "a.b": "x"},
        {"user": {}},
    ]

    assert names(contexts, "user.plan.kind") == {"free": [0], "paid": [1], "(missing)": [2]}
    assert names(contexts, "a.b") == {"x": [0, 1], "(missing)": [2]}


def test_rare_categories_are_put_together():
    contexts = [{"city": f"city {i % 40}"} for i in range(400)] + [{"city": "home"}] * 50

    got = slices_of(contexts, "city")

    assert len(got) == MOST_SLICES + 1
    assert sum(len(one.rows) for one in got) == 450
    assert "(others)" in {one.name for one in got}


def test_a_field_that_no_context_has_is_named_with_the_nearest():
    with pytest.raises(UnknownName, match="no field with a value is named 'devise'; did you mean 'device'"):
        slices_of([{"device": "phone"}], "devise")


def test_the_worst_slice_is_found_and_said_to_be_sure():
    rng = np.random.default_rng(1)
    contexts = [{"country": f"c{i % 5}"} for i in range(5000)]
    values = rng.normal(0.1, 1.0, 5000)
    values[3::5] -= 0.5

    got = sliced(values, slices_of(contexts, "country"), field="country")

    assert got.worst == "c3"
    assert got.is_surely_below_zero
    assert got.worst_slice.value == pytest.approx(values[3::5].mean())


def test_looking_at_many_slices_finds_no_loss_where_there_is_none():
    rng = np.random.default_rng(2)
    contexts = [{"country": f"c{i % 20}"} for i in range(2000)]
    slices = slices_of(contexts, "country")

    alarms = sum(sliced(rng.normal(size=2000), slices, field="country").is_surely_below_zero for _ in range(300))

    assert alarms <= 22  # at most 2.5 % on one side: 7.5 expected; with uncorrected 95 % intervals it would be 120


def test_a_slice_of_few_examples_is_shown_and_not_judged():
    contexts = [{"c": "many"}] * 100 + [{"c": "few"}] * 3
    values = np.concatenate([np.zeros(100), np.full(3, -9.0)])

    got = sliced(values, slices_of(contexts, "c"), field="c")

    assert (got.worst, {one.name for one in got.slices}) == ("many", {"many", "few"})
