"""The part of a JSON field: any JSON at all becomes the same few finite numbers, whatever the model was fitted on."""

import json
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.loop import Field
from policyloop.policy import json_part
from policyloop.policy.features import Encoder
from policyloop.policy.json_part import MAX_BUCKETS, MAX_NUMBERS, MAX_STRINGS, MIN_BUCKETS
from policyloop.policy.scale import CLIP

ABOUT = Field(name="about", type="json", optional=True)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
NAMES = st.sampled_from(["a", "b", "c", "_d", "a.b", ""]) | st.text(max_size=3)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def part_of(*values, **options):
    return json_part.fit(Field(name="about", type="json", **options), [{"about": value} for value in values])


def row(part, value):
    return part.of_one({"about": value})


def shuffled(value, rng):
    """The same JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        names = list(value)
        rng.shuffle(names)
        return {name: shuffled(value[name], rng) for name in names}
    return [shuffled(item, rng) for item in value] if isinstance(value, list) else value


@given(st.lists(ANY_JSON, max_size=6), st.lists(ANY_JSON, min_size=1, max_size=6))
def test_any_json_becomes_finite_numbers_and_many_are_as_one(fitted_on, values):
    encoder = Encoder.fit({"about": ABOUT}, [{"about": value} for value in fitted_on])
    contexts = [{"about": value} for value in values]

    together = encoder.encode_many(contexts)

    assert together.shape == (len(values), encoder.n_features)
    assert np.isfinite(together).all()
    assert together.tolist() == [encoder.encode(context).tolist() for context in contexts]


@given(st.lists(ANY_JSON, max_size=4), ANY_JSON, st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(fitted_on, value, rng):
    part, again = part_of(*fitted_on), part_of(*(shuffled(one, rng) for one in fitted_on))

    assert row(part, value) == row(again, shuffled(value, rng))


@given(st.lists(ANY_JSON, max_size=6), ANY_JSON)
def test_a_part_comes_back_from_json_bit_by_bit(fitted_on, value):
    part = part_of(*fitted_on)

    again = json_part.from_json(json.loads(json.dumps(part.to_json())))

    assert row(again, value) == row(part, value)
    assert again.width == part.width


def test_a_number_that_is_often_there_is_standardised_and_squashed():
    part = part_of({"age": 20}, {"age": 40})  # mean 30, spread 10

    assert row(part, {"age": 30})[0] == 0.0
    assert row(part, {"age": 60})[0] == pytest.approx(math.asinh(3))
    assert row(part, {"age": -(10**18)})[0] == -CLIP


def test_a_number_that_is_not_always_there_has_a_flag_for_missing():
    part = part_of({"age": 20}, {"age": 40}, {})

    assert part.width == 2 + MIN_BUCKETS
    assert row(part, {"age": 30})[:2] == [0.0, 0.0]
    assert row(part, {"age": None})[:2] == row(part, {})[:2] == [0.0, 1.0]


def test_a_string_that_is_often_there_has_a_place():
    part = part_of({"plan": "free"}, {"plan": "free"}, {"plan": "paid"}, {"plan": "paid"}, {"plan": "free"})

    assert part.width == 2 + MIN_BUCKETS
    assert row(part, {"plan": "free"})[:2] == [1.0, 0.0]
    assert row(part, {"plan": "paid"})[:2] == [0.0, 1.0]


def test_what_is_new_goes_into_the_buckets_and_changes_nothing_else():
    part = part_of({"age": 20, "plan": "free"}, {"age": 40, "plan": "free"})
    known, new = {"age": 25, "plan": "free"}, {"seen": {"never": ["x", 3, {"y": True}]}, "plan2": "free"}

    before, after = row(part, known), row(part, known | new)

    assert before[:2] == after[:2]
    assert before[2:] == [0.0] * MIN_BUCKETS
    assert any(after[2:])


def test_a_value_that_changes_its_type_is_missing_as_what_it_was_and_new_as_what_it_is():
    part = part_of({"age": 20}, {"age": 40}, {})

    for other in ("forty", ["forty"], {"years": 40}, "40"):
        assert row(part, {"age": other})[:2] == [0.0, 1.0]
        assert any(row(part, {"age": other})[2:])


def test_ten_thousand_new_paths_stay_within_bounds():
    part = part_of({"age": 20}, {"age": 40})

    features = row(part, {f"new{i}": "x" if i % 2 else i for i in range(10_000)})

    assert len(features) == part.width
    assert max(map(abs, features)) <= CLIP


def test_the_most_frequent_get_the_places():
    values = [
        {f"n{i}": i + copy for i in range(MAX_NUMBERS + 9)} | {f"s{i}": "x" for i in range(MAX_STRINGS + 9)}
        for copy in (0, 1, 2)
    ]
    values += [{f"n{i}": i for i in range(MAX_NUMBERS)} | {f"s{i}": "x" for i in range(MAX_STRINGS)}]
    part = part_of(*values)

    assert part.width == MAX_NUMBERS + MAX_STRINGS + 18
    assert any(row(part, {"n70": 5})[-18:])
    assert not any(row(part, {"n0": 5, "s0": "x"})[-18:])


def test_a_string_of_which_each_is_different_gets_no_place():
    part = part_of(*({"plan": "free", "request": f"id-{i}"} for i in range(100)))

    assert part.width == 1 + MAX_BUCKETS


def test_an_optional_field_has_one_more_feature_for_missing():
    part = part_of({"age": 20}, {"age": 40}, optional=True)

    assert row(part, None) == [0.0] * (part.width - 1) + [1.0]
    assert row(part, {})[-1] == 0.0


def test_one_number_or_text_in_the_place_of_an_object_is_taken_too():
    part = part_of()

    assert any(row(part, "text"))
    assert any(row(part, 3.5))


def test_no_string_of_an_example_stands_in_a_model():
    part = part_of({"name": "Ada Lovelace"}, {"name": "Ada Lovelace"})

    assert "Ada" not in json.dumps(part.to_json())


def test_fitting_looks_at_contexts_that_are_spread_over_all(monkeypatch):
    monkeypatch.setattr(json_part, "N_FITTED", 10)

    part = part_of(*({"age": i} for i in range(100)))

    assert part.numbers[0].mean == 45.0  # 0, 10, ... 90


def test_a_flood_of_different_values_is_counted_in_bounded_memory(monkeypatch):
    monkeypatch.setattr(json_part, "_MAX_COUNTED", 50)

    part = part_of(*({"plan": "free", "request": f"id-{i}", f"p{i}": i, "age": i % 7} for i in range(500)))

    assert len(part.strings) == 1
    assert len(part.numbers) == 1


def test_random_orders_of_examples_fit_the_same_part():
    values = [{"a": i % 5, "b": str(i % 3), "c": [i, 2 * i]} for i in range(40)]
    mixed = random.Random(3).sample(values, len(values))

    assert part_of(*values).strings == part_of(*mixed).strings
    assert [k.code for k in part_of(*values).numbers] == [k.code for k in part_of(*mixed).numbers]
