"""Wealth: evidence against a claim about chances, won by betting on the ways in which the claim may be wrong.

Question answered: does what was drawn fit the chances that were logged, at whatever time one looks? Each alternative names
its own chance of what came next, from earlier events alone, and its stake grows by (its chance) / (the logged chance). Where
the claim is true, the sum of the stakes ever reaches 1/alpha with probability at most alpha (Ville 1939). A fault may begin
late, after true events have eaten the stakes; so some wealth stays idle, and at the end of each block a little of it is put
on every alternative anew.
Source: test martingales, Shafer, Shen, Vereshchagin & Vovk 2011 (arXiv:0912.4269); mixtures over the time of a change.
Letters: n events, j alternatives.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.verdict import Number

BLOCK = 1_000  # events between two new beginnings
_IDLE = 0.1  # of the first wealth; after b beginnings _IDLE / (b + 1) of it is left
_LEAST = -1e6  # log of a stake that is lost: finite, so that JSON can say it
_LEAST_FACTOR = 1e-300


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What is bet against: how sure an alarm must be, and how the first wealth is spread."""

    alpha: float  # chance of an alarm, ever, where the claim is true
    prior: tuple[float, ...]  # j weights of the alternatives, summing to 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wealth:
    """What the bets have come to; the first wealth is 1. Its size does not grow with the events."""

    claim: Claim
    stakes: tuple[float, ...]  # j logs
    n: int = 0  # events
    log_e: float = 0.0  # log of the wealth now
    largest: float = 0.0  # log of the largest wealth so far
    found_at: int | None = None  # after so many events it first reached 1/alpha; None: never yet

    @property
    def is_alarm(self) -> bool:
        """Whether it ever reached 1/alpha; where the claim is true, that has probability at most alpha."""
        return self.found_at is not None

    @property
    def numbers(self) -> dict[str, Number]:
        """What a sentence about it rests on."""
        found = None if self.found_at is None else float(self.found_at)
        return {
            "n": float(self.n),
            "log_e": self.log_e,
            "largest_log_e": self.largest,
            "alpha": self.claim.alpha,
            "found_at": found,
        }

    def to_mapping(self) -> dict[str, Any]:
        """As JSON can say it."""
        names = ("n", "log_e", "largest", "found_at")
        return {"stakes": list(self.stakes), **{name: getattr(self, name) for name in names}}

    @classmethod
    def from_mapping(cls, raw: Mapping[str, Any], claim: Claim) -> Wealth:
        """The inverse of `to_mapping`."""
        return cls(claim=claim, **(dict(raw) | {"stakes": tuple(raw["stakes"])}))


def begin(claim: Claim) -> Wealth:
    """The first wealth, spread over the alternatives."""
    return Wealth(claim=claim, stakes=tuple((np.log(claim.prior) + math.log(1 - _IDLE)).tolist()))


def bet(wealth: Wealth, factors: NDArray[np.float64]) -> Wealth:
    """The wealth after n further events.

    Args:
        wealth: before them.
        factors: (j, n) what each alternative's stake is multiplied by; its expectation under the claim is at most 1.
    """
    after = wealth
    for rows in blocks(wealth.n, factors.shape[1]):
        after = _begun_anew(_bet_in_block(after, np.log(np.maximum(factors[:, rows], _LEAST_FACTOR))))
    return after


def blocks(n_before: int, n: int) -> Iterator[slice]:
    """The rows of n further events, cut where a block ends, whatever pieces the events come in."""
    start = 0
    while start < n:
        stop = min(n, start + BLOCK - (n_before + start) % BLOCK)
        yield slice(start, stop)
        start = stop


def _bet_in_block(wealth: Wealth, logs: NDArray[np.float64]) -> Wealth:
    """After events that lie in one block."""
    stakes = logs.cumsum(axis=1)
    stakes += np.array(wealth.stakes)[:, np.newaxis]
    idle = math.log(_IDLE / (wealth.n // BLOCK + 1))
    top = np.maximum(stakes.max(axis=0), idle)
    log_e = top + np.log(np.exp(stakes - top).sum(axis=0) + np.exp(idle - top))
    above = np.flatnonzero(log_e >= -math.log(wealth.claim.alpha))
    is_first = wealth.found_at is None and len(above) > 0
    return replace(
        wealth,
        stakes=tuple(np.maximum(stakes[:, -1], _LEAST).tolist()),
        n=wealth.n + logs.shape[1],
        log_e=float(log_e[-1]),
        largest=max(wealth.largest, float(log_e.max())),
        found_at=wealth.n + int(above[0]) + 1 if is_first else wealth.found_at,
    )


def _begun_anew(wealth: Wealth) -> Wealth:
    """At the end of a block, with some of the idle wealth put on the alternatives; the sum stays the same."""
    if wealth.n % BLOCK:
        return wealth
    b = wealth.n // BLOCK
    fresh = np.log(wealth.claim.prior) + math.log(_IDLE / (b * (b + 1)))
    return replace(wealth, stakes=tuple(np.logaddexp(wealth.stakes, fresh).tolist()))


def odds_factors(chance: NDArray[np.float64], is_hit: NDArray[np.bool_], odds: Sequence[float]) -> NDArray[np.float64]:
    """(j, n) factors of the alternatives that the odds of a yes are so many times those that are known.

    Args:
        chance: (n,) known chance of a yes, in [0, 1].
        is_hit: (n,) what came.
        odds: j factors above 0.
    """
    times = np.asarray(odds)[:, np.newaxis]
    return np.where(is_hit, times, 1.0) / (1.0 + (times - 1.0) * chance)
