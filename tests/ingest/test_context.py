"""The context check: what fits is filled in and written in declared order, what does not is named fault by fault."""

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from front_page import CONTEXT, FIELDS, front_page
from policyloop.core.errors import Fault
from policyloop.core.loop import Field
from policyloop.ingest.context import MAX_CONTEXT_BYTES, CheckedContext, ContextCheck

CHECK = ContextCheck(front_page().context)


def checked(payload: Any, check: ContextCheck = CHECK) -> CheckedContext:
    faults: list[Fault] = []
    context = check.check(payload, faults)
    assert context is not None, faults
    assert faults == []
    return context


def faults_in(payload: Any, check: ContextCheck = CHECK) -> list[Fault]:
    faults: list[Fault] = []
    assert check.check(payload, faults) is None
    assert faults
    return faults


def only_fault(payload: Any, check: ContextCheck = CHECK) -> str:
    (fault,) = faults_in(payload, check)
    return f"{fault.where} {fault.message}"


def check_of(*fields: Field) -> ContextCheck:
    return ContextCheck(front_page(*fields).context)


def test_defaults_are_filled_in_and_missing_optional_fields_are_null_in_declared_order():
    context = checked({"price": 3, "is_member": False, "device": "tablet", "hour": 0})

    assert context.json == (
        '{"hour":0,"device":"tablet","price":3.0,"is_member":false,"query":null,"tags":[],"recent":null,"campaign":null}'
    )
    assert json.loads(context.json) == context.values
    assert list(context.values) == [field.name for field in FIELDS]


def test_numbers_are_floats_whatever_way_they_were_written():
    assert isinstance(checked({**CONTEXT, "price": 3}).values["price"], float)


def test_minus_zero_stays_minus_zero():
    context = checked({**CONTEXT, "price": -0.0})

    assert math.copysign(1, context.values["price"]) == -1
    assert math.copysign(1, json.loads(context.json)["price"]) == -1


def test_a_default_list_is_not_shared_between_contexts():
    first = checked(CONTEXT)
    first.values["tags"].append("x")

    assert checked(CONTEXT).values["tags"] == []


def test_default_numbers_in_lists_are_floats():
    check = check_of(Field(name="recent", type="array", items="number", default=(1, 2)))

    assert checked({}, check).json == '{"recent":[1.0,2.0]}'


def test_all_faults_are_collected_with_value_place_and_range():
    payload = {
        "hour": 24,
        "device": "phon",
        "price": math.nan,
        "is_member": 1,
        "tags": ["a", 2],
        "huor": 3,
        "recent": [1, math.inf],
    }

    got = [f"{fault.where} {fault.message}" for fault in faults_in(payload)]

    assert got == [
        "$.context.hour is 24; expected a whole number from 0 to 23.",
        "$.context.device is 'phon'; did you mean 'phone'? Expected one of 'phone', 'tablet', 'desktop'.",
        "$.context.price is nan; expected a finite number of at least 0.",
        "$.context.is_member is 1; expected true or false.",
        "$.context.tags[1] is 2; expected text of at most 1,024 characters.",
        "$.context.recent[1] is inf; expected a finite number.",
        "$.context.huor no context field is named 'huor'; did you mean 'hour'?",
    ]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("hour", True, "is true; expected a whole number from 0 to 23."),
        ("hour", 9.5, "is 9.5; expected a whole number from 0 to 23."),
        ("hour", "9", "is '9'; expected a whole number from 0 to 23."),
        ("hour", None, "is null; expected a whole number from 0 to 23."),
        ("hour", {"a": 1}, "is an object with 1 keys; expected a whole number from 0 to 23."),
        ("price", True, "is true; expected a finite number of at least 0."),
        ("price", -math.inf, "is -inf; expected a finite number of at least 0."),
        ("price", 10**5000, "is a whole number of about 4,999 digits; expected a finite number of at least 0."),
        ("price", 10**400, "is a whole number of about 400 digits; expected a finite number of at least 0."),
        ("price", -1, "is -1; expected a finite number of at least 0."),
        ("device", 3, "is 3; expected one of 'phone', 'tablet', 'desktop'."),
        ("device", "zzz", "is 'zzz'; expected one of 'phone', 'tablet', 'desktop'."),
        ("query", "\ud800", "has half a surrogate pair at character 0; expected valid Unicode text."),
        ("query", "x" * 65_537, "is 65,537 characters long; expected text of at most 65,536 characters, or null."),
        ("campaign", "x" * 1025, "is 1,025 characters long; expected text of at most 1,024 characters, or null."),
        ("tags", ["a"] * 4, "has 4 items; expected at most 3."),
        ("tags", "a", "is 'a'; expected a list of at most 3 entries, each text of at most 1,024 characters."),
        ("recent", [[]], "is a list of 0 items; expected a finite number."),
        ("recent", [None], "is null; expected a finite number."),
        ("recent", object(), "is of the type object; expected a list of at most 1,024 entries, each a finite number, or null."),
    ],
    ids=lambda value: ascii(value)[:30] if isinstance(value, str) else type(value).__name__,
)
def test_each_misfit_says_what_it_is_and_what_was_expected(name, value, message):
    got = only_fault({**CONTEXT, name: value})

    assert got.endswith(message)
    assert got.startswith(f"$.context.{name}")


def test_a_missing_field_that_has_no_default_is_named():
    payload = {key: value for key, value in CONTEXT.items() if key != "hour"}

    assert only_fault(payload) == "$.context.hour is missing; expected a whole number from 0 to 23."


def test_whole_numbers_without_bounds_stay_below_two_to_the_53():
    check = check_of(Field(name="n", type="integer"))

    assert checked({"n": 2**53}, check).json == '{"n":9007199254740992}'
    assert only_fault({"n": 2**53 + 1}, check) == "$.context.n is 9007199254740993; expected a whole number."


@pytest.mark.parametrize("payload", [None, 3, "text", [], [1], object(), True, b"{}"])
def test_what_is_no_object_is_one_fault(payload):
    assert "expected an object with the fields hour, device" in only_fault(payload)


def test_keys_that_are_no_text_are_unknown_fields():
    assert only_fault({**CONTEXT, 7: 1}) == "$.context[7] a context field is named 7; expected a name in text."


def test_field_names_may_be_any_text():
    check = check_of(Field(name="the hour", type="integer"), Field(name="class", type="boolean", default=True))

    assert checked({"the hour": 3}, check).json == '{"the hour":3,"class":true}'
    assert only_fault({"the hour": "x"}, check) == "$.context['the hour'] is 'x'; expected a whole number."


def test_a_loop_without_fields_takes_an_empty_context():
    check = ContextCheck({})

    assert checked({}, check).json == "{}"
    assert only_fault({"a": 1}, check) == "$.context.a no context field is named 'a'; known: none yet."


def test_numpy_numbers_and_other_mappings_are_taken_in_process():
    payload = MappingProxyType({**CONTEXT, "hour": np.int64(9), "price": np.float32(12.5), "device": np.str_("phone")})

    context = checked(payload)

    assert context == checked(CONTEXT)
    assert type(context.values["hour"]) is int
    assert type(context.values["price"]) is float


def test_numpy_numbers_that_are_not_finite_are_refused():
    assert "is nan" in only_fault({**CONTEXT, "price": np.float64("nan")})


def test_of_very_many_unknown_keys_a_few_are_named_and_the_rest_counted():
    faults = faults_in({**CONTEXT, **{f"key {i}": i for i in range(50_000)}})

    assert len(faults) == 21
    assert faults[-1].message == "has 49,980 more faults."


def test_a_key_of_a_megabyte_is_shown_in_part():
    (fault,) = faults_in({**CONTEXT, "k" * 2**20: 1})

    assert len(fault.where) + len(fault.message) < 300


def test_a_context_that_is_too_long_in_all_is_refused():
    fields = [Field(name=f"t{i}", type="text") for i in range(20)]
    payload = {field.name: "x" * 65_000 for field in fields}

    assert "bytes as JSON; expected at most" in only_fault(payload, check_of(*fields))
    assert MAX_CONTEXT_BYTES < 4 * 2**20


def test_nesting_never_raises_anything_else():
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]

    assert "$.context.recent[0] is a list of 1 items" in only_fault({**CONTEXT, "recent": deep})
    while deep:  # taken apart by hand, since tearing down so many levels at once can exhaust the stack
        deep = deep[0]


def test_a_cyclic_value_is_refused():
    cycle: list[Any] = []
    cycle.append(cycle)

    assert "$.context.price is a list of 1 items" in only_fault({**CONTEXT, "price": cycle})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.just(10**4000) | st.just("\udfff"),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)


@given(payload=JSON | st.dictionaries(st.sampled_from([*(f.name for f in FIELDS), "other", "\ud800"]), JSON))
def test_any_json_either_passes_or_is_refused_with_faults(payload):
    faults: list[Fault] = []

    context = CHECK.check(payload, faults)

    assert (context is None) == bool(faults)
    assert all(fault.where.startswith("$.context") for fault in faults)
    "".join(fault.where + fault.message for fault in faults).encode()  # can be sent back
    if context is not None:
        assert json.loads(context.json) == context.values


GOOD = {
    "hour": st.integers(0, 23),
    "device": st.sampled_from(["phone", "tablet", "desktop"]),
    "price": st.floats(0, allow_infinity=False) | st.integers(0, 10**300),
    "is_member": st.booleans(),
    "query": st.none() | st.text(max_size=20),
    "tags": st.lists(st.text(max_size=5), max_size=3),
    "recent": st.none() | st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70), max_size=5),
    "campaign": st.none() | st.text(max_size=5),
}
OPTIONAL = ("query", "tags", "recent", "campaign")


class OnlyTheSlowPathTakesThis(Mapping[str, Any]):
    """A mapping that the JSON library does not convert."""

    def __init__(self, entries: Mapping[str, Any]) -> None:
        self._entries = entries

    def __getitem__(self, key: str) -> Any:
        return self._entries[key]

    def __iter__(self):
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


@given(
    payload=st.fixed_dictionaries(
        {name: value for name, value in GOOD.items() if name not in OPTIONAL},
        optional={name: GOOD[name] for name in OPTIONAL},
    )
)
def test_whatever_fits_passes_alike_on_both_paths(payload):
    fast = checked(payload)

    faults: list[Fault] = []
    slow = CHECK._check_slowly(OnlyTheSlowPathTakesThis(payload), faults, "$.context")

    assert fast == slow
    assert fast.json == slow.json


X = {"x": Field(name="x", type="number")}
STATES = ContextCheck(X, as_states=True)


def test_what_a_state_of_float32_cannot_hold_is_out_of_bounds():
    (fault,) = faults_in({"x": -1e39}, STATES)

    assert f"{fault.where} {fault.message}" == (
        "$.context.x is -1e+39; expected at most 3.4e+38 either way: this loop learns from states, which are of float32."
    )
    assert fault.code == "out_of_bounds"
    assert checked({"x": 3.4e38}, STATES).values == {"x": 3.4e38}
    assert checked({"x": 1e39}, ContextCheck(X)).values == {"x": 1e39}


def test_bounds_wider_than_float32_do_not_let_more_in():
    wide = ContextCheck({"x": Field(name="x", type="number", min=0, max=1e300, optional=True)}, as_states=True)

    assert [fault.code for fault in faults_in({"x": 1e200}, wide)] == ["out_of_bounds"]
    assert checked({"x": None}, wide).values == {"x": None}


def test_a_number_that_is_not_learned_from_may_be_of_any_size():
    note = ContextCheck({"x": Field(name="x", type="number", learn=False)}, as_states=True)

    assert checked({"x": 1e39}, note).values == {"x": 1e39}
