"""Features: every declared type becomes numbers, for one context and for many alike."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.loop import Field
from policyloop.policy.features import MAX_FEATURES, Encoder
from policyloop.policy.hashing import bucket
from policyloop.policy.scale import CLIP


def fields(*made):
    return {field.name: field for field in made}


def number(name, **options):
    return Field(name=name, type="number", **options)


EVERY_TYPE = fields(
    number("price"),
    Field(name="hour", type="integer", min=0, max=23),
    number("age", optional=True),
    Field(name="is_new", type="boolean"),
    Field(name="is_known", type="boolean", optional=True),
    Field(name="device", type="category", values=("phone", "desktop")),
    Field(name="city", type="category", optional=True),
    Field(name="plan", type="category", values=("free", "paid"), store="hash"),
    Field(name="query", type="text", optional=True),
    Field(name="sizes", type="array", items="number", max_items=3),
    Field(name="history", type="array", items="number", optional=True),
    Field(name="tags", type="array", items="category", values=("a", "b")),
    Field(name="words", type="array", items="category"),
)
NUMBERS = st.floats(-1e300, 1e300)
CONTEXTS = st.fixed_dictionaries(
    {
        "price": NUMBERS,
        "hour": st.integers(0, 23),
        "is_new": st.booleans(),
        "device": st.sampled_from(["phone", "desktop", "not declared"]),
        "plan": st.text(max_size=5),
        "sizes": st.lists(NUMBERS, max_size=3),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=4),
        "words": st.lists(st.text(max_size=4), max_size=4),
    },
    optional={
        "age": NUMBERS | st.none(),
        "is_known": st.booleans() | st.none(),
        "city": st.text(max_size=8),
        "query": st.text(max_size=30),
        "history": st.lists(NUMBERS, max_size=5),
    },
)


def test_numbers_are_standardised_squashed_and_clipped():
    encoder = Encoder.fit(fields(number("x")), [{"x": 1.0}, {"x": 3.0}])  # mean 2, spread 1

    assert encoder.encode({"x": 2.0}).tolist() == [1.0, 0.0]
    assert encoder.encode({"x": 5.0}).tolist() == [1.0, pytest.approx(math.asinh(3.0))]
    assert encoder.encode({"x": 1e12}).tolist() == [1.0, CLIP]


def test_a_declared_category_has_a_place_per_value_and_one_for_missing():
    device = Field(name="device", type="category", values=("phone", "desktop"), optional=True)
    encoder = Encoder.fit(fields(device), [])

    assert encoder.encode({"device": "desktop"}).tolist() == [1, 0, 1, 0]
    assert encoder.encode({}).tolist() == [1, 0, 0, 1]
    assert encoder.encode({"device": "watch"}).tolist() == [1, 0, 0, 0]


def test_a_missing_number_is_a_value_of_its_own():
    encoder = Encoder.fit(fields(number("age", optional=True)), [{"age": 10.0}, {}, {"age": 30.0}])

    assert encoder.encode({"age": 20.0}).tolist() == [1, 0, 0]
    assert encoder.encode({"age": None}).tolist() == [1, 0, 1]


def test_a_number_that_is_missing_where_it_must_not_be_counts_as_average():
    encoder = Encoder.fit(fields(number("x"), number("later")), [{"x": 1.0}, {"x": 3.0}])

    assert encoder.encode({"x": 2.0}).tolist() == [1, 0, 0]


def test_words_are_counted_over_the_root_of_their_number():
    encoder = Encoder.fit(fields(Field(name="q", type="text")), [])

    got = encoder.encode({"q": "Buy, buy; BUY now"})[1:]

    assert got[bucket("q", "buy", 64)] == pytest.approx(3 / 2)  # 3 of 4 words, over root 4
    assert got[bucket("q", "now", 64)] == pytest.approx(1 / 2)


def test_hashing_never_changes():
    assert [bucket("city", city, 32) for city in ("Paris", "Oslo", "Köln", "")] == [16, 10, 23, 30]


def test_short_arrays_keep_their_places():
    encoder = Encoder.fit(fields(Field(name="xy", type="array", items="number", max_items=2)), [{"xy": [0, 5]}, {"xy": [2, 7]}])

    # the count never varied: 2 of 2; then 2 is one spread above 1, and the second place is missing
    assert encoder.encode({"xy": [2]}).tolist() == [1, pytest.approx(math.asinh(-0.5)), pytest.approx(math.asinh(1)), 0]


def test_fields_that_are_never_stored_are_left_out():
    assert Encoder.fit(fields(number("x"), number("secret", store="never")), []).n_features == 2


@given(st.lists(CONTEXTS, min_size=1, max_size=6), st.lists(CONTEXTS, max_size=4))
def test_one_context_and_many_get_the_same_finite_numbers(contexts, fitted_on):
    encoder = Encoder.fit(EVERY_TYPE, fitted_on)

    together = encoder.encode_many(contexts)

    assert together.shape == (len(contexts), encoder.n_features)
    assert np.isfinite(together).all()
    np.testing.assert_allclose(together, [encoder.encode(context) for context in contexts], atol=1e-12)


@given(st.lists(CONTEXTS, max_size=4), CONTEXTS)
def test_an_encoder_comes_back_from_json_bit_by_bit(fitted_on, context):
    encoder = Encoder.fit(EVERY_TYPE, fitted_on)

    again = Encoder.from_json(json.loads(json.dumps(encoder.to_json())))

    assert again.encode(context).tobytes() == encoder.encode(context).tobytes()


def test_a_wide_spec_is_folded_to_the_bound():
    wide = fields(*(Field(name=f"q{i}", type="text") for i in range(20)))
    encoder = Encoder.fit(wide, [])
    context = {name: f"words of {name}" for name in wide}

    got = encoder.encode(context)

    assert len(got) == encoder.n_features == MAX_FEATURES
    assert got[0] == 1
    np.testing.assert_allclose(encoder.encode_many([context])[0], got, atol=1e-12)
