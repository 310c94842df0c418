"""Evidence: what a challenge has shown so far, valid at every look, however many there are.

Question answered: is the challenger better, or worse, than the champion, and by how much, given all events up to now?
An e-value is the wealth of someone who began with 1 and bet on every event at fair odds: if the challenger is never better,
the chance that it ever reaches 1/alpha is at most alpha (Ville). The bets are 16 fixed fractions, so that the state is a
handful of numbers, any process can carry it on, and one that replays the log arrives at the same.
Source: testing by betting, Shafer 2021 and Waudby-Smith & Ramdas 2020 (arXiv:2010.09686); for policies, Karampatziakis,
Mineiro & Ramdas 2021 (arXiv:2102.09540). The bound of the running mean is derived at `interval`.
Letters: m events of a chunk, j bets; phi is the pseudo-outcome of one event, mu its mean given the past.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid
from policyloop.gate.chunk import Chunk
from policyloop.gate.limits import Limits

N_BETS = 16
_SMALLEST, _LARGEST = 0.01, 0.9  # of the wealth that one event could take
_ROUNDING = 1e-9
_BLOCK = 2048  # events worked out together: 16 rows of them stay in the cache
_STEPS = 100  # at most; a handful are enough


@dataclass(frozen=True, slots=True, kw_only=True)
class Bets:
    """Sixteen gamblers who bet on the same side, each always with the same stake."""

    stake: tuple[float, ...]  # lambda_j, per reward unit; chosen before the first event
    log_wealth: tuple[float, ...]  # sum of log(1 + lambda_j phi)
    rest: tuple[float, ...]  # what rounding took from that sum, so that it does not matter in which chunks events come
    is_in: tuple[bool, ...]  # False: limits grew until the stake could lose everything, so it stopped betting then

    @property
    def log_e(self) -> float:
        """Logarithm of the e-value: the mean wealth of all."""
        return _log_sum(self._wealth()) - math.log(N_BETS)

    def lower(self, n: int, *, alpha: float) -> float:
        """A number that the mean of the first n `mu` is below with probability at most `alpha`, at all n together.

        1 + lambda mu <= exp(lambda mu), so prod (1 + lambda phi_i) exp(-lambda mu_i) is wealth at fair odds too; the mean
        of these over the stakes exceeds 1/alpha once with probability at most alpha. The bound is where it reaches that.
        Gamblers who stopped know nothing of later events: they count as having lost everything.
        """
        wealth, stake, is_in = self._wealth(), np.array(self.stake), np.array(self.is_in)
        if n == 0 or not is_in.any():
            return -math.inf
        wealth, stake = wealth[is_in], stake[is_in]
        target = math.log(1 / alpha) + math.log(N_BETS)  # of the sum, so that those who are out count as 0
        return _root(wealth, stake * n, target)

    def _wealth(self) -> NDArray[np.float64]:
        return np.add(self.log_wealth, self.rest, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is remembered of the events of a challenge."""

    better: Bets  # that the challenger is better than the champion
    worse: Bets  # that it is worse
    n: int = 0  # events
    total: float = 0.0  # sum of phi
    squares: float = 0.0  # sum of phi^2
    n_telling: int = 0  # events whose action is the challenger's best and not the champion's
    weight: float = 0.0  # sum of the challenger's weights
    weight_squares: float = 0.0
    largest_weight: float = 0.0

    @property
    def e_better(self) -> float:
        """The e-value for "the challenger is better"; 20 or more is proof at level .05. Infinite beyond 1e308."""
        return _exp(self.better.log_e)

    @property
    def e_worse(self) -> float:
        """The e-value of the reverse process: 20 or more says, at level .05, that it is worse, and so futile."""
        return _exp(self.worse.log_e)

    @property
    def mean(self) -> float:
        """The estimated difference, challenger minus champion, in the reward unit; NaN without events."""
        return self.total / self.n if self.n else math.nan

    @property
    def ess(self) -> float:
        """Effective sample size of the challenger's weights, in [0, n]."""
        return self.weight**2 / self.weight_squares if self.weight_squares > 0 else 0.0

    @property
    def largest_share(self) -> float:
        """Share of the squared weight that one event has, in [0, 1]; 1 while nothing weighs anything."""
        return self.largest_weight**2 / self.weight_squares if self.weight_squares > 0 else 1.0

    def lower(self, *, alpha: float) -> float:
        """The mean difference so far is below this with probability at most `alpha`, over all looks together."""
        return self.better.lower(self.n, alpha=alpha)

    def upper(self, *, alpha: float) -> float:
        """The mean difference so far is above this with probability at most `alpha`, over all looks together."""
        return -self.worse.lower(self.n, alpha=alpha)

    def interval(self, *, alpha: float = 0.05) -> tuple[float, float]:
        """The confidence sequence: at all looks together both bounds hold with probability at least 1 - alpha."""
        return self.lower(alpha=alpha / 2), self.upper(alpha=alpha / 2)


def sure(evidence: Evidence, *, alpha: float, settled: Literal["better", "worse"] | None, most: float = math.inf) -> str:
    """How sure the mean difference is, in words: the one bound that a settled question rests on, else both.

    Args:
        evidence: with one event at least.
        alpha: chance that what is said is wrong, over all looks together.
        settled: what is proven; None: nothing is.
        most: no difference can be larger, either way.
    """
    percent = f"{100 * (1 - alpha):g} % sure"
    if settled == "better":
        return f"{percent} that it is more than {figure(max(evidence.lower(alpha=alpha), -most))}"
    if settled == "worse" and evidence.upper(alpha=alpha) < 0:
        return f"{percent} that it is less than {figure(min(evidence.upper(alpha=alpha), most))}"
    low, high = evidence.interval(alpha=alpha)
    return f"{percent} between {figure(max(low, -most))} and {figure(min(high, most))}"


def figure(value: float) -> str:
    """A difference with its sign, and four digits or all that stand before the point."""
    return f"{value:+,.0f}" if abs(value) >= 1000 else f"{value:+.4g}"


def begin(limits: Limits) -> Evidence:
    """No events yet.

    Args:
        limits: of the first pseudo-outcomes. The stakes are made for them and stay: smaller limits later change nothing,
            larger ones make the boldest stop.
    """
    return Evidence(better=_bets(limits.below), worse=_bets(limits.above))


def update(evidence: Evidence, chunk: Chunk, *, limits: Limits) -> Evidence:
    """The evidence after some more events; in whatever chunks they come, the result is the same.

    Args:
        evidence: before them.
        chunk: m events, each once, in the order of the log.
        limits: of these events, known before the first of them.

    Raises:
        Invalid: a pseudo-outcome or a weight is no number or beyond the limits: a propensity or a reward is not what the
            loop's settings promise.
    """
    _check(chunk, limits)
    phi, weight = chunk.phi, chunk.weight
    return replace(
        evidence,
        better=_played(evidence.better, phi, below=limits.below),
        worse=_played(evidence.worse, -phi, below=limits.above),
        n=evidence.n + len(phi),
        total=evidence.total + float(phi.sum()),
        squares=evidence.squares + float(phi.dot(phi)),
        n_telling=evidence.n_telling + int(np.count_nonzero(chunk.is_telling)),
        weight=evidence.weight + float(weight.sum()),
        weight_squares=evidence.weight_squares + float(weight.dot(weight)),
        largest_weight=max(evidence.largest_weight, float(weight.max(initial=0.0))),
    )


def to_map(evidence: Evidence) -> dict[str, Any]:
    """The evidence as JSON can say it, to the last bit."""
    sides = {"better": evidence.better, "worse": evidence.worse}
    return {
        **{side: {name: list(getattr(bets, name)) for name in _OF_BETS} for side, bets in sides.items()},
        **{name: getattr(evidence, name) for name in _SUMS},
    }


def from_map(told: Mapping[str, Any]) -> Evidence:
    """The inverse of `to_map`."""
    better, worse = (Bets(**{name: tuple(told[side][name]) for name in _OF_BETS}) for side in ("better", "worse"))
    return Evidence(better=better, worse=worse, **{name: told[name] for name in _SUMS})


_OF_BETS = ("stake", "log_wealth", "rest", "is_in")
_SUMS = ("n", "total", "squares", "n_telling", "weight", "weight_squares", "largest_weight")


def _bets(below: float) -> Bets:
    """Stakes from a hundredth to nine tenths of what one event can take, geometric, so that none is far from the best."""
    stakes: Sequence[float] = (np.geomspace(_SMALLEST, _LARGEST, N_BETS) / below).tolist()
    return Bets(stake=tuple(stakes), log_wealth=(0.0,) * N_BETS, rest=(0.0,) * N_BETS, is_in=(True,) * N_BETS)


def _played(bets: Bets, gain: NDArray[np.float64], *, below: float) -> Bets:
    """The bets after (m,) gains, of which none is under -below."""
    stake = np.array(bets.stake)
    is_in = np.array(bets.is_in) & (stake * below <= _LARGEST * (1 + _ROUNDING))
    staked = np.where(is_in, stake, 0.0)
    total, rest = np.array(bets.log_wealth), np.array(bets.rest)
    for start in range(0, len(gain), _BLOCK):
        # E_t = mean_j prod_i (1 + lambda_j phi_i), as sums of logarithms
        won = np.log1p(staked[:, np.newaxis] * gain[start : start + _BLOCK]).sum(axis=1)
        new = total + won
        # Neumaier's sum: the smaller of the two loses digits, and they are kept
        rest = rest + np.where(np.abs(total) >= np.abs(won), (total - new) + won, (won - new) + total)
        total = new
    return replace(bets, log_wealth=tuple(total.tolist()), rest=tuple(rest.tolist()), is_in=tuple(is_in.tolist()))


def _check(chunk: Chunk, limits: Limits) -> None:
    """Refuses what no event can be."""
    slack = _ROUNDING * (limits.below + limits.above)
    bad = ~((chunk.phi >= -limits.below - slack) & (chunk.phi <= limits.above + slack))
    if bad.any():
        row = int(bad.argmax())
        told = (
            f"is {chunk.phi[row]:g}; expected a number from {-limits.below:g} to {limits.above:g}, which the floor, the "
            f"shares of the traffic and reward.range allow. Look at that event's propensity and reward."
        )
        raise Invalid([Fault(f"phi[{row}]", told)], subject="the evidence")
    bad = ~(np.isfinite(chunk.weight) & (chunk.weight >= 0))
    if bad.any():
        row = int(bad.argmax())
        raise Invalid([Fault(f"weight[{row}]", f"is {chunk.weight[row]}; expected a number of 0 or more.")])


def _root(wealth: NDArray[np.float64], slope: NDArray[np.float64], target: float) -> float:
    """Where log sum exp(wealth - slope m) falls to the target.

    It is convex and falls, so Newton's steps from the left never pass the root: a bound that stops early is a little wide.
    """
    m = float(((wealth - target) / slope).max())  # where one alone reaches the target
    for _ in range(_STEPS):
        rest = wealth - slope * m
        parts = np.exp(rest - rest.max())
        step = (_log_sum(rest) - target) * float(parts.sum()) / float(parts.dot(slope))
        if not step > _ROUNDING * abs(m):
            break
        m += step
    return m


def _log_sum(values: NDArray[np.float64]) -> float:
    largest = float(values.max())
    return largest + math.log(float(np.exp(values - largest).sum()))


def _exp(value: float) -> float:
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
