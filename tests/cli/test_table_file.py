"""Tables in text files: separators, names, and rows that do not fit."""

import pytest

from policyloop.cli.table_file import read_columns
from policyloop.core.errors import Invalid


@pytest.mark.parametrize("separator", [",", "\t", ";", " "])
def test_the_usual_separators_are_recognised(tmp_path, separator):
    file = tmp_path / "t"
    file.write_text(f"a{separator}b\n1{separator}x\n2{separator}y\n")

    assert read_columns(file) == {"a": ["1", "2"], "b": ["x", "y"]}


def test_numbers_with_a_decimal_comma_get_a_point(tmp_path):
    (tmp_path / "named").write_text("a;b\n1,5;x,1\n2,25;y\n")
    (tmp_path / "nameless").write_text("1,5;2\n2,5;3\n")

    assert read_columns(tmp_path / "named", decimal=",") == {"a": ["1.5", "2.25"], "b": ["x,1", "y"]}
    assert read_columns(tmp_path / "nameless", decimal=",") == {"f1": ["1.5", "2.5"], "f2": ["2", "3"]}


def test_columns_without_names_are_numbered(tmp_path):
    file = tmp_path / "t"
    file.write_text("50 21 77\n55 0 92\n")

    assert list(read_columns(file)) == ["f1", "f2", "f3"]


def test_a_first_row_like_the_others_is_data(tmp_path):
    file = tmp_path / "t.csv"
    file.write_text("red,small\nblue,small\nred,large\n")

    assert read_columns(file) == {"f1": ["red", "blue", "red"], "f2": ["small", "small", "large"]}


def test_a_byte_order_mark_and_quotes_are_no_part_of_a_name(tmp_path):
    file = tmp_path / "t.csv"
    file.write_bytes('﻿"a","b, c"\n"1","2"\n'.encode())

    assert read_columns(file) == {"a": ["1"], "b, c": ["2"]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a,b\n1,2\n3\n", "row 3: has 1 cell; expected 2, as in the first row."),
        (b"", "has no rows; expected a table with at least one."),
        (b"\xff\xfe\x00", "cannot be read:"),
    ],
)
def test_what_is_no_table_is_told(tmp_path, content, expected):
    file = tmp_path / "t.csv"
    file.write_bytes(content)

    with pytest.raises(Invalid) as caught:
        read_columns(file)

    assert expected in str(caught.value)
