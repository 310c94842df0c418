"""Normal: the 95 % interval that most people watch, kept for comparison. It is meant for one look, and promotes luck.

Question answered: is the difference above 0 now, by the one-sided normal interval? At a single look it is wrong as often as
`proven-better` is over a whole life, alpha. But whoever waits for it looks again and again, and sooner or later it is above 0
even where nothing differs: in about 1 of 5 simulated challenges. `proven-better` is the rule to use.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from policyloop.core.errors import BadSetting
from policyloop.gate.evidence import Evidence
from policyloop.gate.verdict import Call, Reason, number


def create_challenge(*, alpha: float = 0.05) -> Normal:
    """The rule.

    Args:
        alpha: chance that the interval misses the truth at a single look; in (0, .5).

    Raises:
        BadSetting: `alpha` is outside its range.
    """
    if not 0 < alpha < 0.5:
        raise BadSetting(f"gate.challenge.alpha is {alpha}; expected a number above 0 and below 0.5, such as 0.05.")
    return Normal(alpha)


@dataclass(frozen=True, slots=True)
class Normal:
    """The rule with its level."""

    alpha: float

    def judge(self, evidence: Evidence, *, floor: float, n_uncovered: int = 0) -> tuple[Reason, ...]:
        """PROMOTE when the interval is above 0, else INCONCLUSIVE: whoever watches it goes on; REFUSE without support."""
        if floor <= 0 or n_uncovered > 0:
            sentence = "Some actions that the challenger takes are never served, so the log cannot tell what they earn."
            return (Reason(name="normal", call=Call.REFUSE, sentence=sentence),)
        low = _lower(evidence, alpha=self.alpha)
        sentence = (
            f"The difference is {evidence.mean:+.4g} in {evidence.n:,} events; by the normal interval of a single look it is "
            f"above {low:+.4g}."
        )
        numbers = {"difference": number(evidence.mean), "low": number(low), "alpha": self.alpha, "n": float(evidence.n)}
        call = Call.PROMOTE if low > 0 else Call.INCONCLUSIVE
        return (Reason(name="normal", call=call, sentence=sentence, numbers=numbers),)


def _lower(evidence: Evidence, *, alpha: float) -> float:
    """Mean less normal quantile times the standard error; of fewer than two events nothing is known."""
    n = evidence.n
    if n < 2:
        return -math.inf
    variance = max(evidence.squares - n * evidence.mean**2, 0.0) / (n - 1)
    return evidence.mean - NormalDist().inv_cdf(1 - alpha) * math.sqrt(variance / n)
