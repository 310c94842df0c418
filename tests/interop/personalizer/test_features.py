"""Features: lists of objects put together, with the service's own sentences for what cannot be."""

import msgspec
import pytest

from policyloop.interop.personalizer.features import actions_of, context_of


def actions(*sent):
    faults = []
    found = actions_of(msgspec.json.encode(list(sent)), faults)
    return [(action.id, action.features) for action in found], [fault.message for fault in faults]


def one(*features):
    found, faults = actions({"id": "a", "features": list(features)})
    return found[0][1], faults


def test_objects_are_put_together_and_inner_ones_too():
    assert one({"x": 1, "user": {"age": 4}}, {"user": {"city": "Rome"}, "y": True}) == (
        {"x": 1, "user": {"age": 4, "city": "Rome"}, "y": True},
        [],
    )


def test_of_two_plain_values_under_one_name_the_last_counts():
    assert one({"x": 1}, {"x": 2}) == ({"x": 2}, [])
    assert one({"x": 1}, {"x": {"y": 2}}) == ({"x": {"y": 2}}, [])


def test_names_that_start_with_an_underscore_and_nulls_are_ignored_at_any_depth():
    assert one({"_id": 7, "x": None, "user": {"_secret": 1, "age": 4}, "gone": {"_a": 1}}) == ({"user": {"age": 4}}, [])


def test_lists_hold_numbers_alone():
    message = "Features should not contain array with non-number items."

    assert one({"x": [1, 2.5, -3]}) == ({"x": [1, 2.5, -3]}, [])
    for wrong in (["a"], [None], [True], [[1]], [{"x": 1}]):
        assert one({"x": wrong})[1] == [message]
    assert one({"user": {"x": ["a"]}})[1] == [message]


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (None, "Actions contains null value."),
        ({"id": "", "features": [{"x": 1}]}, "Action ids must not be empty."),
        ({"id": " ", "features": [{"x": 1}]}, "Action ids must not be empty."),
        ({"features": [{"x": 1}]}, "Action ids must not be empty."),
        ({"id": "a" * 257, "features": [{"x": 1}]}, "Action ids must have at most 256 characters."),
        ({"id": "a"}, "Every action should have at least one non-null action feature."),
        ({"id": "a", "features": []}, "Every action should have at least one non-null action feature."),
        ({"id": "a", "features": [{"_x": 1}, {"y": None}]}, "Every action should have at least one non-null action feature."),
        ({"id": "a", "features": [{"x": 1}, None]}, "Actions contains null value."),
        ({"id": "a", "features": ["x"]}, "Features are not in key value pair format."),
        ({"id": "a", "features": {"x": 1}}, "Features are not in key value pair format."),
        ({"id": "a", "features": [{"": 1}]}, "Features should not contain empty names."),
        ("a", "Actions should be objects with an id and features."),
    ],
)
def test_what_is_wrong_with_an_action_is_told_in_the_services_words(action, message):
    assert message in actions(action)[1]


def test_between_1_and_50_actions_are_taken_each_with_an_id_of_its_own():
    many = [{"id": str(i), "features": [{"x": i}]} for i in range(51)]

    assert actions()[1] == actions(*many)[1] == ["Action count should be between 1 and 50."]
    assert actions(*many[:50])[1] == []
    assert actions(many[0], many[0])[1] == ["Action ids must be unique."]


def test_a_hostile_list_is_answered_with_some_of_its_faults():
    assert len(actions(*[{"id": "", "features": [{"": 1}]}] * 50)[1]) == 20


def test_the_context_may_be_missing_and_holds_no_null():
    def context(features):
        faults = []
        return context_of(features, faults), [fault.message for fault in faults]

    assert context(None) == context([]) == ({}, [])
    assert context([{"a": 1}, {"b": [1]}]) == ({"a": 1, "b": [1]}, [])
    assert context([{"a": 1}, None])[1] == ["Context features contains null value."]
    assert context(["x"])[1] == ["Features are not in key value pair format."]
