"""A density: the chance of every action that is a list of numbers, from which it is drawn and by which it is logged.

Question answered: which numbers are done, and how likely were they? What is logged is what was drawn from: the limits that
held are in it (`low`, `high`), so any past action replays from its record, and no weight is wrong because something was
clipped afterwards. With a `floor`, that share of the draws is spread evenly between the limits.
Source of the squashed family: Haarnoja et al. 2018 (arXiv:1801.01290), appendix C; here cut off at the limits.
Letters: a numbers of an action.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Any, Literal

import msgspec

Family = Literal["point", "uniform", "normal", "tanh_normal"]

_NORMAL = NormalDist()
_SQRT_2, _SQRT_TAU = math.sqrt(2.0), math.sqrt(math.tau)
_NEAR = 1e-9  # of the width of the limits: numbers closer than that are the same
_ALMOST_ONE = 1.0 - 1e-12  # of a squashed number: its inverse stays finite
_LEAST_MASS = 1e-300
_TIGHT = 1e-12  # of a bell's width: limits closer than that hold one place, as far as the shares below them can tell
_N_NEEDED = {"point": 1, "normal": 2, "tanh_normal": 4}  # of loc, scale, center and half, in this order


class Density(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A distribution over a box. Numbers are independent of one another, but for the floor, which is drawn for all at once."""

    family: Family
    low: list[float]  # (a,) the limits that held for this decision, inclusive
    high: list[float]  # (a,)
    loc: list[float] = []  # (a,) where it is highest; of `tanh_normal` before squashing; not of `uniform`
    scale: list[float] = []  # (a,) standard deviation, of `tanh_normal` before squashing; of `normal` and `tanh_normal` alone
    center: list[float] = []  # (a,) of `tanh_normal`: the middle and half the width of the box that it is squashed into
    half: list[float] = []
    floor: float = 0.0  # [0, 1] share that is spread evenly between the limits

    @property
    def kind(self) -> str:
        """The propensity's kind: `density`, `point` where it always is the same action, `mixed` where it mostly is."""
        if self.low == self.high or not self._has_any_room():
            return "point"  # the limits leave nothing to draw
        if self.family != "point" or self.floor == 1.0:
            return "density"
        return "point" if self.floor == 0.0 else "mixed"

    def mode(self) -> list[float]:
        """(a,) the action without exploring, inside the limits."""
        if self.family == "uniform":
            return [(low + high) / 2 for low, high in zip(self.low, self.high, strict=True)]
        if self.family == "tanh_normal":
            squashed = (c + h * math.tanh(m) for c, h, m in zip(self.center, self.half, self.loc, strict=True))
            return [min(max(x, low), high) for x, low, high in zip(squashed, self.low, self.high, strict=True)]
        return [min(max(x, low), high) for x, low, high in zip(self.loc, self.low, self.high, strict=True)]

    def draw(self, coin: float, uniforms: Sequence[float]) -> tuple[list[float], bool]:
        """An action, and whether it came from the floor.

        Args:
            coin: in [0, 1); below the floor, the action is spread evenly.
            uniforms: (a,) each in [0, 1).
        """
        is_even = coin < self.floor or self.family == "uniform"
        if is_even:
            even = [min(low + u * (high - low), high) for low, high, u in zip(self.low, self.high, uniforms, strict=True)]
            return even, True
        if self.family == "point":
            return self.mode(), False
        return [self._quantile(i, u) for i, u in enumerate(uniforms)], False

    def at(self, values: Sequence[float]) -> float:
        """The propensity of an action: a density, or of a `point` or `mixed` one at its place the mass. 0 outside the limits.

        Args:
            values: (a,)
        """
        for x, low, high in zip(values, self.low, self.high, strict=True):
            if not low <= x <= high:
                return 0.0
        even = self.floor / self._volume() if self.floor else 0.0
        if self.family == "uniform":
            return even / self.floor if self.floor else self.with_floor(1.0).at(values)
        if self.family == "point":
            is_there = all(
                abs(x - m) <= _NEAR * max(high - low, 1.0)
                for x, m, low, high in zip(values, self.mode(), self.low, self.high, strict=True)
            )
            if self.low == self.high:
                return 1.0
            return 1.0 - self.floor if is_there and self.floor < 1.0 else even
        return (1.0 - self.floor) * math.prod([self._density(i, x) for i, x in enumerate(values)]) + even

    def fault(self, n_numbers: int) -> str | None:
        """What is wrong with it as a density over so many numbers, in words that follow its name; None when nothing is."""
        if self._is_sound(n_numbers):
            return None
        needed = _N_NEEDED.get(self.family, 0)
        named = {"loc": self.loc, "scale": self.scale, "center": self.center, "half": self.half}
        told = {"low": self.low, "high": self.high, **dict(list(named.items())[:needed])}
        for name, numbers in told.items():
            if len(numbers) != n_numbers:
                return f"has {len(numbers)} number{'s' * (len(numbers) != 1)} in {name}; expected {n_numbers}."
            if not all(map(math.isfinite, numbers)):
                return f"has {numbers} in {name}; expected finite numbers."
        for name in ("scale", "half"):
            if name in told and not min(told[name]) > 0.0:
                return f"has {told[name]} in {name}; expected numbers above 0."
        if not all(low <= high for low, high in zip(self.low, self.high, strict=True)):
            return f"has the limits {self.low} to {self.high}; expected each low at or below its high."
        return None if 0.0 <= self.floor <= 1.0 else f"has the floor {self.floor}; expected 0 to 1."

    def with_floor(self, floor: float) -> Density:
        """The same with another floor."""
        return msgspec.structs.replace(self, floor=floor)

    def to_json(self) -> dict[str, Any]:
        """What the log keeps of it."""
        kept: dict[str, Any] = msgspec.to_builtins(self)
        return kept

    @staticmethod
    def from_json(logged: dict[str, Any]) -> Density:
        """The inverse of `to_json`."""
        return msgspec.convert(logged, Density)

    def _is_sound(self, n_numbers: int) -> bool:
        """Whether nothing is wrong with it: quick, since every decision asks; what is huge and finite may be told unsound."""
        total = 0.0
        for numbers in (self.low, self.high, self.loc, self.scale, self.center, self.half)[: 2 + _N_NEEDED.get(self.family, 0)]:
            if len(numbers) != n_numbers:
                return False
            total += sum(numbers)
        is_positive = self.family not in ("normal", "tanh_normal") or min(self.scale) > 0.0
        if self.family == "tanh_normal":
            is_positive = is_positive and min(self.half) > 0.0
        is_ordered = not any(low > high for low, high in zip(self.low, self.high, strict=True))
        return math.isfinite(total) and is_positive and is_ordered and 0.0 <= self.floor <= 1.0

    def _volume(self) -> float:
        """Of the box between the limits; a number that they leave no room counts as 1, since it is no matter of chance."""
        widths = [high - low for i, (low, high) in enumerate(zip(self.low, self.high, strict=True)) if self._has_room(i)]
        return max(math.prod(widths), _LEAST_MASS)

    def _has_room(self, i: int) -> bool:
        """Whether the limits leave the i-th number more than one place, as far as can be told."""
        width = self.high[i] - self.low[i]
        if self.family == "normal":
            return width > _TIGHT * self.scale[i]
        if self.family == "tanh_normal":
            return width > _TIGHT * self.scale[i] * self.half[i]
        return width > 0.0

    def _has_any_room(self) -> bool:
        return any(self._has_room(i) for i in range(len(self.low)))

    def _quantile(self, i: int, u: float) -> float:
        """The number below which a share `u` of the i-th number lies."""
        below, above = self._shares(i)
        share = min(max(below + u * (above - below), _LEAST_MASS), _ALMOST_ONE)
        z = self.loc[i] + self.scale[i] * _NORMAL.inv_cdf(share)
        x = self.center[i] + self.half[i] * math.tanh(z) if self.family == "tanh_normal" else z
        return min(max(x, self.low[i]), self.high[i])

    def _density(self, i: int, x: float) -> float:
        """Of the i-th number, before the floor; 1 where the limits leave it no room."""
        if not self._has_room(i):
            return 1.0
        below, above = self._shares(i)
        z, slope = x, 1.0
        if self.family == "tanh_normal":
            y = min(max((x - self.center[i]) / self.half[i], -_ALMOST_ONE), _ALMOST_ONE)
            z, slope = math.atanh(y), 1.0 / (self.half[i] * (1.0 - y * y))  # dz/dx
        inner = _bell((z - self.loc[i]) / self.scale[i]) / self.scale[i]
        return inner * slope / max(above - below, _LEAST_MASS)

    def _shares(self, i: int) -> tuple[float, float]:
        """The shares of the i-th number's bell below its two limits."""
        return self._share_below(i, self.low[i]), self._share_below(i, self.high[i])

    def _share_below(self, i: int, x: float) -> float:
        if self.family == "tanh_normal":
            y = (x - self.center[i]) / self.half[i]
            if abs(y) >= _ALMOST_ONE:
                return 1.0 if y > 0 else 0.0
            return _below((math.atanh(y) - self.loc[i]) / self.scale[i])
        return _below((x - self.loc[i]) / self.scale[i])


def _bell(z: float) -> float:
    """The standard bell's height. Ours, as `_below` is: the library's has changed its last digits from Python to Python."""
    return math.exp(z * z / -2.0) / _SQRT_TAU


def _below(z: float) -> float:
    """The standard bell's share below a number."""
    return 0.5 * (1.0 + math.erf(z / _SQRT_2))
