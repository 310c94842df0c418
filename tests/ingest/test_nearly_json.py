"""What programs write and JSON has not is told by its place, value and what was expected."""

import pytest

from policyloop.ingest.nearly_json import nearly_json


def messages_of(body):
    return [f"{fault.where} {fault.message}" for fault in nearly_json(body, "$")]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (b"NaN", "is NaN, which JSON has not; expected a finite number."),
        (b"Infinity", "is Infinity, which JSON has not; expected a finite number."),
        (b"-Infinity", "is -Infinity, which JSON has not; expected a finite number."),
        (
            b'"a\\ud800b"',
            "is 'a\\ud800b', with half of a surrogate pair (\\ud800 to \\udfff); expected whole characters of Unicode.",
        ),
    ],
)
def test_what_programs_write_and_json_has_not_is_named_with_its_place(value, told):
    assert messages_of(b'{"context": {"fine": 1, "list": [2, ' + value + b"]}}") == [f"$.context.list[1] {told}"]


def test_a_key_that_is_no_unicode_is_named_by_its_object():
    assert messages_of(b'{"context": {"\\udc00": 1}}') == [
        "$.context has a key with half of a surrogate pair (\\ud800 to \\udfff); expected whole characters of Unicode."
    ]


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b'{"a": \xff}', b"9" * 5000, b'{"fine": [1, "a", null]}'])
def test_what_is_broken_otherwise_is_left_to_others(body):
    assert messages_of(body) == []
