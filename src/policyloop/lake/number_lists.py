"""Number lists: rows of numbers as a column of lists that are all of one length.

Question answered: how does an array of states or actions, images too, stand in a Parquet file that other programs read?
Letters: n rows.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def number_lists(numbers: NDArray[Any], *, is_there: NDArray[np.bool_] | None = None) -> pa.Array:
    """(n,) lists of numbers, an image row by row; null where they are not there."""
    flat = np.ascontiguousarray(numbers.reshape(len(numbers), prod(numbers.shape[1:])))
    mask = None if is_there is None else pa.array(~is_there)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.reshape(-1)), flat.shape[1], mask=mask)
