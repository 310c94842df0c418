"""A ranking: places filled one after another from one pmf, without putting anything back.

Question answered: in which order are the candidates shown? The first place is the decision, and the only one with a
propensity; each further place is drawn from what the pmf leaves, renormalised. The draws are keyed, so a ranking can be
made again from its record.
Source: sequential sampling without replacement; Plackett 1975.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def ranking(
    pmf: Sequence[float], first: int, n: int, *, uniform: Callable[[str], float], allowed: Sequence[bool] | None
) -> list[int]:
    """Places among those offered, the first one first.

    Args:
        pmf: (k,) what the first place was drawn from.
        first: the place that was drawn.
        n: how many; fewer come back when fewer may be taken.
        uniform: the number in [0, 1) of a stream, such as `rank 1`.
        allowed: (k,) which may be taken; None: all.

    Returns:
        Those with a probability in the order drawn, then, where the floor is 0, the other allowed ones as they were offered.
    """
    chosen = [first]
    left = np.array(pmf)
    left[first] = 0.0
    for place in range(1, min(n, len(left))):
        reached = np.cumsum(left)
        total = float(reached[-1])
        if total <= 0.0:
            break
        drawn = int(np.searchsorted(reached, uniform(f"rank {place}") * total, side="right"))
        if drawn == len(left):  # the last possible one takes what rounding left
            drawn = int(np.flatnonzero(left)[-1])
        chosen.append(drawn)
        left[drawn] = 0.0
    if len(chosen) < n:
        taken = set(chosen)
        chosen += [i for i in range(len(left)) if i not in taken and (allowed is None or allowed[i])]
    return chosen[:n]
