"""Data sets: labelled tables of any common shape, and what is wrong with those that are none."""

import numpy as np
import pytest

from policyloop.core.errors import Invalid, UnknownName
from policyloop.simulate.dataset import digits, read


def written(tmp_path, text, name="table.csv"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return file


def test_a_csv_with_a_header_is_read_by_its_names(tmp_path):
    file = written(tmp_path, "size,colour,kind\n1,red,a\n2,blue,b\n3,red,a\n4,blue,b\n")

    data = read(file)

    assert data.contexts[1] == {"size": 2, "colour": "blue"}
    assert data.labels == ["a", "b"]
    assert data.label.tolist() == [0, 1, 0, 1]
    assert data.majority == 0.5


def test_any_column_can_be_the_label(tmp_path):
    file = written(tmp_path, "kind\tsize\nb\t1.5\na\t2.5\n")

    data = read(file, label="kind")

    assert data.contexts == [{"size": 1.5}, {"size": 2.5}]
    assert data.label.tolist() == [1, 0]


def test_a_table_of_numbers_between_blanks_has_no_header(tmp_path):
    data = read(written(tmp_path, "50 21 2\n55 0  4\n53 0 10\n"))

    assert data.contexts[0] == {"f1": 50, "f2": 21}
    assert data.labels == ["2", "4", "10"]  # numbers in their order, not as texts


def test_an_empty_cell_is_a_missing_value(tmp_path):
    data = read(written(tmp_path, "size,kind\n1,a\n,b\n3,a\n"))

    assert data.contexts == [{"size": 1}, {}, {"size": 3}]


def test_a_column_of_json_is_read_as_such(tmp_path):
    data = read(written(tmp_path, 'about;kind\n{"a": [1]};x\n[];y\n;x\n'))

    assert data.document["context"]["about"] == {"type": "json", "optional": True}
    assert data.contexts == [{"about": {"a": [1]}}, {"about": []}, {}]


def test_a_row_without_a_label_is_left_out(tmp_path):
    data = read(written(tmp_path, "size,kind\n1,a\n2,\n3,b\n"))

    assert data.contexts == [{"size": 1}, {"size": 3}]


def test_rows_of_rare_labels_go_and_their_labels_stay_actions(tmp_path):
    rows = [f"{i},{'rare' if i == 7 else 'often'}" for i in range(100)]

    data = read(written(tmp_path, "\n".join(["size,kind", *rows]))).without_rare(0.02)

    assert len(data.label) == len(data.contexts) == 99
    assert data.labels == ["often", "rare"]


def test_digits_need_no_file():
    data = digits()

    assert len(data.contexts) == 1797
    assert data.labels == [str(digit) for digit in range(10)]
    assert np.bincount(data.label).min() > 150


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty"),
        ("a\nb\n", "has one column"),
        ("a,b\n1,2,3\n", "has 3 cells in row 2, and 2 in row 1"),
    ],
)
def test_what_is_no_table_is_refused_with_the_place(tmp_path, text, told):
    with pytest.raises(Invalid, match=told):
        read(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(Invalid, match="cannot be read: No such file"):
        read(tmp_path / "none.csv")


def test_an_unknown_label_column_gets_the_nearest(tmp_path):
    with pytest.raises(UnknownName, match="did you mean 'kind'"):
        read(written(tmp_path, "size,kind\n1,a\n2,b\n"), label="kinds")
