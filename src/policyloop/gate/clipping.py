"""Clipping: computed rewards that leave their declared range are cut, and then they are not the rewards that were meant.

Question answered: are so many rewards clipped that no promotion can be trusted?
"""

from __future__ import annotations

from policyloop.gate.verdict import Call, Reason

MOST_CLIPPED = 0.001  # share of the examples


def hold_for_clipping(*, n_clipped: int, n_examples: int) -> tuple[Reason, ...]:
    """A reason to hold every promotion when more than one reward in a thousand was clipped; empty otherwise.

    Args:
        n_clipped: examples whose computed reward was outside of reward.range.
        n_examples: all examples of the loop.
    """
    if n_clipped <= MOST_CLIPPED * n_examples:
        return ()
    share = n_clipped / n_examples
    sentence = (
        f"{100 * share:.3g} % of the rewards ({n_clipped:,} of {n_examples:,}) were outside reward.range and clipped; above "
        f"{100 * MOST_CLIPPED:g} % nothing is promoted. Mend what is reported, or apply a loop file with a range that fits; "
        f"while a model is live it has to be a new loop, under another name."
    )
    numbers = {"clipped": float(n_clipped), "n": float(n_examples), "share": share}
    return (Reason(name="clipped", call=Call.INCONCLUSIVE, sentence=sentence, numbers=numbers),)
