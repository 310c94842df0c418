"""An estimate: what a policy would have earned, how sure we are, and from how much data."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist


@dataclass(frozen=True, slots=True)
class Estimate:
    """The value of a policy, estimated from logs, in the loop's reward unit."""

    estimator: str  # the plug-in that computed it: ips, snips, dm, dr
    value: float
    stderr: float  # standard error of `value`, >= 0; inf when n < 2
    n: int  # examples used
    ess: float  # effective sample size of the weights, in [0, n]

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Two-sided normal interval at `level` in (0, 1)."""
        half = NormalDist().inv_cdf(0.5 + level / 2) * self.stderr
        return self.value - half, self.value + half
