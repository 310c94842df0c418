"""Any JSON is cut to what a field of type json takes, and what fits is left as it is."""

from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.loop import Field
from policyloop.core.spec_context import MAX_JSON_DEPTH
from policyloop.ingest.json_values import MAX_STRING_CHARS, clean_json
from policyloop.interop.json_within import within

FIELD = Field(name="f", type="json", max_fields=20)
LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | st.text()
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=60)


@given(st.dictionaries(st.text(), JSON))
def test_what_is_left_always_fits_and_what_fits_is_left(value):
    faults, before = [], []
    clean_json(value, FIELD, "$", before)

    cut = within(value, max_values=20)
    clean_json(cut, FIELD, "$", faults)

    assert faults == []
    assert before or cut == value


def test_texts_are_cut_off_and_names_that_are_too_long_are_left_out():
    cut = within({"a": "x" * (MAX_STRING_CHARS + 1), "y" * (MAX_STRING_CHARS + 1): 1, "b": 2}, max_values=20)

    assert cut == {"a": "x" * MAX_STRING_CHARS, "b": 2}


def test_values_beyond_the_number_are_left_out_from_the_end():
    assert within({"a": [1, [], {}], "b": {"c": 4, "d": 5}, "e": 6}, max_values=4) == {"a": [1, [], {}], "b": {"c": 4}}


def test_what_is_nested_too_deeply_is_null():
    value = []
    for _ in range(900):
        value = [value]
    cut, n_levels = within({"a": value}, max_values=20), 0
    inner = cut["a"]
    while inner is not None:
        (inner,) = inner
        n_levels += 1

    assert n_levels == MAX_JSON_DEPTH - 1
