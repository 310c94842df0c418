"""Are these probabilities? Asked of every answer of a policy before an action is drawn from it.

Question answered: may an action be drawn from these numbers, and would its logged propensity be true?
"""

from __future__ import annotations

from collections.abc import Sequence

TOLERANCE = 1e-9  # of the sum


def fault_in(pmf: Sequence[float], mask: Sequence[bool] | None, k: int) -> str | None:
    """What is wrong with them, in words that follow the policy's name; None when nothing is.

    Args:
        mask: which of the k actions may be taken; None: all.
    """
    if len(pmf) != k:
        return f"gave {len(pmf)} probabilities; expected {k}, one per action."
    total = sum(pmf)
    if not abs(total - 1.0) <= TOLERANCE:  # so written that NaN fails it
        return f"gave probabilities that sum to {total!r}; expected 1 within {TOLERANCE:g}."
    if not min(pmf) >= 0.0:
        return f"gave the probability {min(pmf)!r}; expected 0 to 1."
    if mask is not None:
        index = next((i for i, (p, may) in enumerate(zip(pmf, mask, strict=True)) if p > 0.0 and not may), None)
        if index is not None:
            return f"gave action {index} the probability {pmf[index]!r}, although it is masked; expected 0."
    return None


def point_of(pmf: Sequence[float]) -> list[float]:
    """All probability on the most probable action, the first at a tie: what `explore: false` draws from."""
    best = pmf.index(max(pmf))
    return [1.0 if index == best else 0.0 for index in range(len(pmf))]
