"""Harm: a model that earns less than the one it replaces, seen in the paired doubly robust difference.

Question answered: does the evidence rule out that the model is as good, and could it have seen harm at all?
Source: one-sided interval of the paired difference (evaluate/interval.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

from policyloop.core.estimate import Estimate
from policyloop.evaluate.interval import anytime_upper_bound, upper_bound
from policyloop.gate.verdict import Number, number

# The interval is normal, so a handful of events that tell two policies apart, or one with a huge weight, must not speak.
FEWEST_TELLING = 30
_POWER = 0.8
_ROUNDING = 1e-9  # of the reward range: a difference below this is arithmetic


@dataclass(frozen=True, slots=True)
class Harm:
    """What can be said about harm."""

    difference: Estimate  # of the model minus the one it is compared with
    upper: float  # the true difference lies above with probability at most alpha
    alpha: float
    is_seen: bool
    visible: float  # the smallest harm that such evidence shows four times out of five
    n_telling: float  # effective number of examples that tell the two apart
    span: float  # the largest harm there can be

    @property
    def is_too_few(self) -> bool:
        """Whether there were too few examples to see harm: few that tell the two apart, or even the largest would hide."""
        return not self.is_seen and (self.n_telling < FEWEST_TELLING or self.visible > self.span)

    @property
    def numbers(self) -> dict[str, Number]:
        """What a sentence about it rests on."""
        return {
            "difference": number(self.difference.value),
            "stderr": number(self.difference.stderr),
            "upper": number(self.upper),
            "alpha": self.alpha,
            "visible_harm": number(self.visible),
            "n": float(self.difference.n),
            "n_telling": number(self.n_telling),
        }

    def told(self, whom: str) -> str:
        """The sentence, about the comparison with `whom` (`the champion`)."""
        n = f"{self.difference.n:,} evaluation events"
        if self.is_too_few and self.n_telling >= FEWEST_TELLING:
            return (
                f"Too few events to see harm against {whom}: in {n} even the largest possible, {self.span:g}, might not show."
            )
        if self.is_too_few:
            return (
                f"Too few events to see harm against {whom}: {self.n_telling:.0f} of {n} tell the two apart, "
                f"{FEWEST_TELLING} are needed."
            )
        sure = f"{100 * (1 - self.alpha):g} % sure"
        if self.is_seen:
            return f"Harm against {whom} in {n}: it earns {-self.difference.value:.4g} less, {sure} at least {-self.upper:.4g}."
        return (
            f"No harm seen against {whom} in {n}: the difference is {self.difference.value:+.4g}, {sure} at most "
            f"{self.upper:+.4g}; harm of {self.visible:.4g} would most likely show."
        )


def look_for_harm(difference: Estimate, *, alpha: float, span: float, is_repeated: bool) -> Harm:
    """What the evidence says about harm.

    Args:
        difference: paired, of the model minus the one it is compared with; its ess counts the telling examples.
        alpha: chance of seeing harm where there is none, in (0, .5).
        span: the loop's largest reward minus its smallest.
        is_repeated: whether the same evidence is looked at again and again as it grows; the chance of a false alarm
            then holds over all looks together.
    """
    bound = anytime_upper_bound if is_repeated else upper_bound
    upper = bound(difference, alpha=alpha)
    can_see = difference.ess >= FEWEST_TELLING
    normal = NormalDist()
    visible = (upper - difference.value) + normal.inv_cdf(_POWER) * difference.stderr
    return Harm(difference, upper, alpha, can_see and upper < -_ROUNDING * span, visible, difference.ess, span)
