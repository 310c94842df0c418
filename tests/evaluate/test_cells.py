"""Cells: every value is in one of a few, frequent ones by themselves, rarer numbers with their neighbours."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from policyloop.evaluate.cells import cells, plain

ANY = st.one_of(st.none(), st.booleans(), st.text(max_size=3), st.floats(allow_nan=False, allow_infinity=False))


@given(st.lists(ANY, min_size=1, max_size=200))
def test_equal_values_share_a_cell_and_every_cell_has_a_name(values):
    found, names = cells(values)

    assert len(found) == len(values)
    assert found.max() < len(names)
    place = {}
    for value, cell in zip(values, found, strict=True):
        assert place.setdefault((type(value), value), cell) == cell


def test_a_number_that_is_frequent_stands_for_itself_beside_bins_of_the_others():
    values = [0.0] * 9900 + np.linspace(1, 100, 100).tolist()

    found, names = cells(values)

    assert set(found[:9900].tolist()) == {0}
    assert names[0] == "0"
    counts = np.bincount(found)
    assert sorted(counts[counts > 0]) == [*[10] * 10, 9900]
    assert names[-1] == "90.1 or more"


def test_rare_texts_stay_together():
    found, names = cells([f"id-{i}" for i in range(100)])

    assert names[-1] == "others"
    assert (found == len(names) - 1).sum() == 80


def test_missing_and_false_have_names():
    assert cells([None, False, None])[1] == ["missing", "false", "others"]


def test_lists_count_by_length_and_whole_numbers_as_numbers():
    assert [plain(value) for value in (["a", "b"], {"x": 1}, 3, True, "t", None)] == [2.0, '{"x":1}', 3.0, True, "t", None]
