"""The candidates' check: what fits becomes a set named by its content, and what does not is told fault by fault."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.candidates import candidates_from_json
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import CandidateAction
from policyloop.ingest.candidates import CandidatesCheck
from policyloop.ingest.context import MAX_FAULTS

DECLARED = {
    "price": {"type": "number", "min": 0},
    "brand": {"type": "category", "optional": True},
    "new": {"type": "boolean", "default": False},
}


def spec(**actions):
    return read_spec(
        {
            "loop": "shelf",
            "actions": {"kind": "candidates", **actions},
            "outcomes": {"bought": {"type": "boolean"}},
            "reward": {"expression": "bought", "range": [0, 1]},
        }
    )


def check_of(**actions):
    return CandidatesCheck(spec(**{"features": DECLARED, **actions}))


def found(check, actions):
    faults = []
    made = check.check(actions, faults, where="$.actions")
    return made, [f"{fault.where}: {fault.message}" for fault in faults]


def item(name, **features):
    return CandidateAction(id=name, features=features)


def test_defaults_are_filled_in_and_the_offered_order_is_kept():
    made, faults = found(check_of(), [item("b", price=2), item("a", price=1.5, brand="x", new=True)])

    assert faults == []
    assert made.ids == ("b", "a")
    assert made.features == ({"price": 2.0, "brand": None, "new": False}, {"price": 1.5, "brand": "x", "new": True})


def test_equal_sets_are_one_object_and_have_one_name():
    check = check_of()

    first, _ = found(check, [item("a", price=1)])
    again, _ = found(check, [item("a", price=1)])
    other, _ = found(check_of(), [item("a", price=1.0, new=False)])

    assert first is again
    assert first.digest == other.digest


def test_a_set_reads_back_from_what_is_stored():
    made, _ = found(check_of(), [item("a", price=1), item("b", price=2, brand="é")])

    again = candidates_from_json(made.json)

    assert (again.ids, again.features, again.digest) == (made.ids, made.features, made.digest)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([], "$.actions: has 0 candidates; expected 1 to 1,000."),
        ([item(f"i{n}", price=1) for n in range(1001)], "$.actions: has 1,001 candidates; expected 1 to 1,000."),
        (
            [item("a", price=1), item("b", price=1), item("a", price=2)],
            "$.actions[2].id: is 'a', as that of candidate 0; expected each id once.",
        ),
        ([item("", price=1)], "$.actions[0].id: has 0 characters; expected 1 to 256."),
        ([item("x" * 257, price=1)], "$.actions[0].id: has 257 characters; expected 1 to 256."),
        ([CandidateAction(id="a")], "$.actions[0].features.price: is missing; expected a finite number of at least 0."),
        (
            [item("a", price=1), item("b", price="dear")],
            "$.actions[1].features.price: is 'dear'; expected a finite number of at least 0.",
        ),
        ([item("a", price=math.nan)], "$.actions[0].features.price: is nan; expected a finite number of at least 0."),
        ([item("a", price=1, colour="red")], "$.actions[0].features.colour: no feature is named 'colour'"),
        ([item("a", price=1, brand="\ud800")], "$.actions[0].features.brand: "),
        ([item("\ud800", price=1)], "$.actions[0].id: "),
    ],
)
def test_each_fault_is_told_with_its_place(actions, expected):
    made, faults = found(check_of(), actions)

    assert made is None
    assert faults[0].startswith(expected), faults


def test_a_thousand_candidates_fit_and_a_thousand_faults_are_counted():
    check = check_of()

    made, faults = found(check, [item(f"i{n}", price=n) for n in range(1000)])
    refused, many = found(check, [item(f"i{n}", price=-1) for n in range(1000)])

    assert len(made) == 1000
    assert faults == []
    assert refused is None
    assert len(many) <= MAX_FAULTS + 2


def test_undeclared_features_may_be_any_json_or_none():
    check = check_of(features="any")

    made, faults = found(check, [item("a", size={"w": 2, "tags": ["x", "y"]}), CandidateAction(id="b"), item("c", size="L")])

    assert faults == []
    assert made.features[0] == {"features": {"size": {"w": 2, "tags": ["x", "y"]}}}
    assert made.features[1] == {"features": None}


def test_a_large_set_is_handed_to_the_log_once_and_again_after_a_failure():
    check = check_of()
    large, _ = found(check, [item(f"item-{n}", price=n) for n in range(100)])
    small, _ = found(check, [item("a", price=1)])

    first, second = check.to_log(large, now_us=7), check.to_log(large, now_us=8)
    check.forget_logged()
    third = check.to_log(large, now_us=9)

    assert (first.loop, first.digest, first.actions, first.received_at) == ("shelf", large.digest, large.json, 7)
    assert second is None
    assert third.received_at == 9
    assert check.to_log(small, now_us=7) is None


def test_a_registered_set_is_looked_up_once():
    asked = []

    def find(loop, name):
        asked.append((loop, name))
        return [item("a", price=1)] if name == "known" else None

    check, faults = check_of(), []
    first = check.named("known", find, faults, where="$.action_set")
    again = check.named("known", find, faults, where="$.action_set")
    missing = check.named("other", find, faults, where="$.action_set")

    assert first is again
    assert missing is None
    assert asked == [("shelf", "known"), ("shelf", "other")]
    assert [fault.code for fault in faults] == ["unknown_action_set"]


@given(
    st.lists(
        st.tuples(
            st.text(max_size=300), st.dictionaries(st.sampled_from([*DECLARED, "x"]), st.none() | st.floats() | st.text())
        ),
        max_size=5,
    )
)
def test_whatever_comes_is_a_set_or_a_fault(offered):
    made, faults = found(check_of(), [CandidateAction(id=name, features=features) for name, features in offered])

    assert (made is None) == bool(faults)
    if made is not None:
        assert all(math.isfinite(one["price"]) and one["price"] >= 0 for one in made.features)
