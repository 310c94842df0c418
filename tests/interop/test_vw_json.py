"""Values in Vowpal Wabbit's JSON: written so that it takes them, and read back as they were."""

import pytest

from policyloop.core.spec_file import read_spec
from policyloop.interop.vw_json import fields_from_vw, fields_to_vw


def fields(**types):
    return read_spec(
        {
            "loop": "x",
            "context": types,
            "actions": {"labels": ["a", "b"]},
            "outcomes": {"y": "number"},
            "reward": {"range": [0, 1]},
        }
    ).context


FIELDS = fields(
    hour="integer",
    device="category",
    is_new="boolean",
    words="text",
    tags={"type": "array", "items": "category"},
    sizes={"type": "array", "items": "number"},
    _own="number",
    more={"type": "json", "optional": True},
)
VALUES = {
    "hour": 9,
    "device": "phone",
    "is_new": False,
    "words": "hello big world",
    "tags": ["a", "b", "a", "_c"],
    "sizes": [1.5, 2.0],
    "_own": 0.5,
    "more": {"deep": {"er": 1}, "list": ["x", 2]},
}


def test_what_vw_has_no_notion_of_is_said_in_what_it_has():
    assert fields_to_vw(VALUES | {"missing": None}, FIELDS) == {
        "hour": 9,
        "device": "phone",
        "is_new": False,
        "words": {"_text": "hello big world"},
        "tags": {"a": 2, "b": 1, "~_c": 1},
        "sizes": [1.5, 2.0],
        "~_own": 0.5,
        "more": {"deep": {"er": 1}, "list": {"0": "x", "1": 2}},
    }


def test_fields_come_back_as_they_were_but_for_the_order_of_tags():
    found = fields_from_vw({"context": fields_to_vw(VALUES, FIELDS)}, FIELDS)

    assert found.pop("tags") == ["a", "a", "b", "_c"]
    assert found.pop("more") == {"deep": {"er": 1}, "list": {"0": "x", "1": 2}}
    assert found == {name: value for name, value in VALUES.items() if name not in ("tags", "more")}


def test_namespaces_of_others_are_taken_side_by_side():
    said = {"FromUrl": [{"hour": 9}, {"device": "phone"}], "User": {"is_new": True}, "_own": 2, "sizes": [1, 2]}

    assert fields_from_vw(said, FIELDS) == {"hour": 9, "device": "phone", "is_new": True, "_own": 2, "sizes": [1, 2]}


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ({"context": {"a": {"b": 1}, "~~c": 2}}, {"a": {"b": 1}, "~c": 2}),
        ({"one": {"a": 1}, "two": {"b": 2}}, {"one": {"a": 1}, "two": {"b": 2}}),
        ({"one": [{"a": 1}]}, {"one": [{"a": 1}]}),
        ({}, {}),
    ],
)
def test_a_loop_with_one_json_field_takes_what_comes(said, value):
    assert fields_from_vw(said, fields(given="json")) == {"given": value}


def test_what_such_a_loop_has_stands_by_itself_without_names_that_are_ignored():
    assert fields_to_vw({"given": {"a": 1, "_hidden": 2, "~c": 3}}, fields(given="json")) == {"a": 1, "~~c": 3}
