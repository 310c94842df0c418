"""Anytime: a confidence sequence, which covers at all times at once, however often one looks and whenever one stops.

Question answered: between which bounds does the truth lie, for somebody who looks every morning?
When to use: on a page that is looked at while examples come in; `normal` covers less with every further look.
Promise: asymptotic, for any number of looks.
Source: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2021 (arXiv:2103.06476), theorem 2.2. Letters: n examples.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from policyloop.evaluate.interval import anytime_interval, mean_estimate

IS_EXACT = False


def interval(
    values: NDArray[np.float64],
    *,
    level: float,
    weight: NDArray[np.float64] | None = None,
    low: float = -math.inf,
    high: float = math.inf,
) -> tuple[float, float]:
    """Two-sided bounds of the mean.

    Args:
        values: (n,) contributions of the examples, in the order in which they came.
        level: chance that the truth is inside at all times, in (0, 1).
        weight: not used; all intervals take the same arguments.
        low: not used.
        high: not used.

    Returns:
        Infinite bounds when n < 2.
    """
    return anytime_interval(mean_estimate("", values, ess=math.nan), alpha=1 - level)
