"""Rows of numbers as a column of lists."""

import numpy as np
import pyarrow as pa

from policyloop.lake.number_lists import number_lists


def test_an_image_is_told_row_by_row():
    images = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)

    column = number_lists(images)

    assert column.to_pylist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert column.type == pa.list_(pa.uint8(), 4)


def test_what_is_not_there_is_null_and_no_row_of_zeros():
    column = number_lists(np.zeros((2, 1)), is_there=np.array([False, True]))

    assert column.to_pylist() == [None, [0.0]]
