"""Values of a field of type json: anything that is JSON is taken within bounds, and what is not is named by its place."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from front_page import SALT, front_page
from policyloop.core.errors import Fault
from policyloop.core.loop import Field
from policyloop.core.spec_context import MAX_JSON_DEPTH, why_not
from policyloop.ingest.checks import checks_of
from policyloop.ingest.context import ContextCheck
from policyloop.ingest.json_values import check_plain, clean_json, max_fields_of

ABOUT = Field(name="about", type="json")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3), max_leaves=10
)
OBJECTS = st.dictionaries(st.text(max_size=3), ANY_JSON, max_size=4) | st.lists(ANY_JSON, max_size=4)
ODD = st.floats() | st.integers() | st.binary(max_size=2) | st.text(st.characters(), max_size=3)
ALMOST_JSON = st.recursive(
    SCALARS | ODD,
    lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2) | ODD, inner),
    max_leaves=8,
)


def checked(value, **options):
    faults: list[Fault] = []
    context = ContextCheck({"about": Field(name="about", type="json", **options)}).check({"about": value}, faults)
    assert context is not None, faults
    return context


def faults_in(value, **options):
    faults: list[Fault] = []
    field = Field(name="about", type="json", **options)
    assert ContextCheck({"about": field}).check({"about": value}, faults) is None
    return [f"{fault.where} {fault.message}" for fault in faults]


def nested(levels):
    value: Any = "x"
    for _ in range(levels):
        value = {"a": value}
    return value


@given(OBJECTS)
def test_any_object_or_list_is_taken_as_it_is(value):
    context = checked(value, max_fields=10_000)

    assert context.values == {"about": value}
    assert json.loads(context.json) == {"about": value}


@given(OBJECTS)
def test_what_is_decided_on_is_no_part_of_what_was_sent(value):
    context = checked(value)

    def holders(some):
        if isinstance(some, dict | list):
            yield id(some)
            for inner in some.values() if isinstance(some, dict) else some:
                yield from holders(inner)

    assert not set(holders(value)) & set(holders(context.values))


@given(ALMOST_JSON, st.integers(1, 6))
def test_the_quick_look_and_the_close_look_agree(value, max_fields):
    field = Field(name="about", type="json", max_fields=max_fields)
    faults: list[Fault] = []
    cleaned = clean_json(value, field, "$", faults)
    try:
        check_plain(value, max_fields)
    except ValueError:
        if not faults:  # then it could be made plain
            check_plain(cleaned, max_fields)
    else:
        torn = [fault for fault in faults if "surrogate" in fault.message]  # the encoder of the fast path refuses those
        assert faults == torn
        assert torn or cleaned == value


def test_more_values_than_max_fields_are_a_fault_with_the_number():
    body = {f"new{i}": i for i in range(10_000)}

    assert faults_in(body) == [
        "$.context.about has 10,000 values; expected at most 500. Send fewer, or raise max_fields in the loop file."
    ]
    assert checked(body, max_fields=10_000)


def test_values_are_counted_however_nested_and_empty_ones_too():
    body = {"a": [1, 2, {"b": None}], "_c": "x", "d": {}, "e": []}

    assert checked(body, max_fields=6)
    assert faults_in(body, max_fields=5) == [
        "$.context.about has 6 values; expected at most 5. Send fewer, or raise max_fields in the loop file."
    ]


def test_a_field_that_names_no_limit_takes_500():
    assert max_fields_of(ABOUT) == 500


def test_nesting_is_bounded():
    assert checked(nested(MAX_JSON_DEPTH))

    assert why_not(ABOUT, nested(MAX_JSON_DEPTH)) is None
    assert why_not(ABOUT, nested(MAX_JSON_DEPTH + 1)) == "at most 32 levels of objects and lists"
    (fault,) = faults_in(nested(MAX_JSON_DEPTH + 1))
    assert fault == f"$.context.about{'.a' * MAX_JSON_DEPTH} is nested more than 32 levels deep; expected a few."


def test_what_holds_itself_is_a_fault_and_not_the_end():
    about: dict = {"x": 1}
    about["me"], about["also"] = about, [about]

    assert "nested more than 32 levels deep" in faults_in(about)[0]


def test_nothing_but_objects_and_lists_is_taken():
    assert faults_in("x") == ["$.context.about is 'x'; expected an object or a list of at most 500 values."]
    assert faults_in(None) == ["$.context.about is null; expected an object or a list of at most 500 values."]
    assert faults_in('{"a": 1}')[0].endswith("Send the object itself, not its text.")
    assert checked(None, optional=True).values == {"about": None}


def test_what_is_no_json_is_named_by_its_place():
    body = {"a": [1, math.nan], "b c": {"d": math.inf}, "e": "\ud800", "f": object(), 7: 1, "\ud800": 2, "g": 10**400}

    assert faults_in(body) == [
        "$.context.about.a[1] is nan; expected a finite number.",
        "$.context.about['b c'].d is inf; expected a finite number.",
        "$.context.about.e has half a surrogate pair at character 0; expected valid Unicode text.",
        "$.context.about.f is of the type object; expected JSON: a number, text, true, false, null, object or list.",
        "$.context.about[7] is no name; expected names in text.",
        "$.context.about has half a surrogate pair at character 0; expected valid Unicode text.",
        "$.context.about.g is a whole number of about 400 digits; expected a finite number.",
    ]


def test_at_most_twenty_faults_are_told():
    assert len(faults_in({f"a{i}": math.nan for i in range(100)})) == 20


def test_a_text_is_bounded():
    (fault,) = faults_in({"a": "x" * 65_537})

    assert fault == "$.context.about.a is 65,537 characters long; expected at most 65,536."


def test_tuples_and_numpy_numbers_become_plain():
    about = checked({"a": (1, np.float64(0.5)), "b": np.int32(3)}).values["about"]

    assert about == {"a": [1, 0.5], "b": 3}
    assert [type(about["a"][1]), type(about["b"])] == [float, int]


def test_a_default_is_not_shared_between_contexts():
    check = ContextCheck({"about": Field(name="about", type="json", default={"a": [1]})})
    first, second = (check.check({}, []) for _ in range(2))
    assert first is not None
    assert second is not None

    first.values["about"]["a"].append(2)

    assert second.values == {"about": {"a": [1]}}


@given(ALMOST_JSON)
def test_what_may_be_a_default_is_what_a_caller_may_send(value):
    if why_not(ABOUT, value) is None:
        faults = []
        clean_json(value, ABOUT, "$", faults)
        assert all("surrogate" in fault.message for fault in faults)


def test_of_a_hashed_field_the_texts_are_hashed_and_the_rest_is_kept():
    spec = front_page(Field(name="about", type="json", store="hash", optional=True))
    redaction = checks_of(spec, salt=SALT).redaction
    assert redaction is not None

    about = redaction.apply(checked({"name": "Ada", "friends": ["Ada", {"age": 41, "is_new": True, "x": None}]})).values[
        "about"
    ]

    assert about["friends"][1] == {"age": 41, "is_new": True, "x": None}
    assert about["name"] == about["friends"][0] != "Ada"
    assert len(about["name"]) == 16


@pytest.mark.parametrize("store", ["never", "hash"])
def test_a_missing_one_stays_missing_when_it_is_redacted(store):
    redaction = checks_of(front_page(Field(name="about", type="json", store=store, optional=True)), salt=SALT).redaction
    assert redaction is not None

    assert redaction.apply(checked(None, optional=True)).values == ({} if store == "never" else {"about": None})
