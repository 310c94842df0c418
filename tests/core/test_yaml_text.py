"""YAML as it is read here: data only, bounded, without surprises."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.core.yaml_text import read_yaml


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", 0.001),
        ("1_000", "1_000"),
        ("010", "010"),
        ("0x10", "0x10"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("-3", -3),
        (".5", 0.5),
        ("yes", True),
        ("'yes'", "yes"),
        ("~", None),
        ("10m", "10m"),
        ("{a: [1, b]}", {"a": [1, "b"]}),
    ],
)
def test_plain_values_mean_what_people_expect(text, expected):
    assert read_yaml(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands twice."),
        ("a: &x [1]\nb: *x", "line 1, column 4: anchors (&) and aliases (*) are not used here."),
        (
            "a: !!python/object:os.system x",
            "line 1, column 4: the tag tag:yaml.org,2002:python/object:os.system is not used here.",
        ),
        ("[" * 30 + "]" * 30, "line 1, column 21: nested more than 20 deep."),
        ("[" * 5000, "line 1, column 21: nested more than 20 deep."),
        ("? [a]\n: 1", "a key must be a plain name."),
        ("a: b: c", "line 1, column 5: mapping values are not allowed here."),
        ("a: [1, 2", "line 1, column 9"),
        ("a: \x00", "is not YAML"),
        ("x" * 300_000, "the file: has 300,000 characters; expected at most 262,144."),
        ("1" * 5000, "is not YAML"),
    ],
)
def test_what_is_refused_is_told_with_its_line_and_column(text, expected):
    with pytest.raises(Invalid) as caught:
        read_yaml(text)

    assert expected in str(caught.value)
