"""Curves: what a training run said of itself at every checkpoint, and the shapes in it that tell how the run went.

Question answered: did the expected return on the data rise and then fall, did an error stay high, did the run break down? Only
shapes count, and sizes beside the expected return itself, so that no unit of reward matters.
Source: Kumar, Singh, Tian, Finn & Levine 2021 (arXiv:2109.10813), sections 4 and 5; the sizes named below are ours.
Letters: c checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import Fault, Invalid

Curve = Sequence[Mapping[str, float]]  # one mapping a checkpoint, as `EpisodeLearner.diagnose` gives it, with `n_updates`

FEWEST_TO_SEE_A_SHAPE = 4  # checkpoints
FALL = 0.05  # of the rise before it: less is taken for a level
HIGH_ERROR = 0.2  # root of the TD error, of the expected return's own size
HIGH_TERM = 0.1  # conservative term, of the expected return's own size
_STAYED = 0.5  # of its own highest: a term that has come further down did not stay
_NOISE = 3.0  # times the usual step from one checkpoint to the next, beside the trend


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """Where a series was highest before it fell."""

    place: int  # of the checkpoint
    start: float  # where the rise began
    top: float
    end: float  # where it fell to


def checked(curve: Curve) -> NDArray[np.int64]:
    """(c,) the updates after which the checkpoints were made.

    Raises:
        Invalid: there is no checkpoint, one has no `n_updates`, some have no `q_mean` while others do, or their order is not
            that of the training.
    """
    if not len(curve):
        raise Invalid([Fault("curve", "has no checkpoint; expected one mapping for each, with n_updates and q_mean.")])
    needed = ("n_updates", "q_mean") if tells_what_it_expects(curve) else ("n_updates",)
    faults = [
        Fault(f"curve[{i}]", f"has no '{name}'; expected n_updates, q_mean and what else `diagnose` gives.")
        for i, point in enumerate(curve)
        for name in needed
        if name not in point
    ]
    if not faults:
        updates = np.array([int(point["n_updates"]) for point in curve], dtype=np.int64)
        falls = np.flatnonzero(np.diff(updates) <= 0)
        if not len(falls):
            return updates
        i = int(falls[0]) + 1
        faults = [Fault(f"curve[{i}].n_updates", f"is {updates[i]} after {updates[i - 1]}; expected numbers that rise.")]
    raise Invalid(faults, subject="the curve")


def tells_what_it_expects(curve: Curve) -> bool:
    """Whether the run says anything of expected returns; a method of others need not."""
    return any("q_mean" in point for point in curve)


def series(curve: Curve, name: str) -> NDArray[np.float64] | None:
    """(c,) one number of every checkpoint; NaN where one lacks it, None where none has it."""
    if not any(name in point for point in curve):
        return None
    return np.array([float(point.get(name, math.nan)) for point in curve])


def n_sound(curve: Curve, *, largest: float = math.inf) -> int:
    """How many checkpoints, from the first, come before the run broke down.

    Args:
        curve: of one run.
        largest: no return can be more, so a mean expectation above it is no longer about the data.
    """
    for i, point in enumerate(curve):
        if not all(math.isfinite(value) for value in point.values()) or point.get("q_mean", 0.0) > largest:
            return i
    return len(curve)


def sizes(curve: Curve) -> NDArray[np.float64]:
    """(c,) how large expected returns are at each checkpoint: the mean's size or half their spread, whichever is more."""
    mean = np.abs(np.array([point["q_mean"] for point in curve]))
    low, high = series(curve, "q_min"), series(curve, "q_max")
    return mean if low is None or high is None else np.asarray(np.fmax(mean, (high - low) / 2))


def peak_of(values: NDArray[np.float64]) -> Peak | None:
    """Where the series rose and then fell for good; None where it did not, or is too short to tell.

    A fall from the very start is no peak: with rewards below zero that is how learning looks. What counts as a fall is more
    than a twentieth of the rise, more than the noise, and is there at the last two checkpoints.

    Args:
        values: (c,) finite.
    """
    if len(values) < FEWEST_TO_SEE_A_SHAPE:
        return None
    smooth = _smoothed(values)
    rises = np.flatnonzero(np.diff(smooth) > 0)
    first = int(rises[0]) if len(rises) else len(smooth) - 1  # a fall from the start ends here
    place = first + int(smooth[first:].argmax())
    start = first + int(smooth[first : place + 1].argmin())
    rise = float(smooth[place] - smooth[start])
    least_fall = max(FALL * rise, _NOISE * _noise(values))
    after = smooth[place + 1 :]
    if rise <= least_fall or len(after) < 2 or (smooth[place] - after[-2:]).min() <= least_fall:
        return None
    return Peak(place=place, start=float(smooth[start]), top=float(smooth[place]), end=float(smooth[-1]))


def high_error(curve: Curve) -> float | None:
    """The root of the TD error at the end, of the expected return's size, where that is high; else None."""
    errors = series(curve, "td_error")
    if errors is None:
        return None
    share = _last_quarter(np.sqrt(np.fmax(errors, 0.0)) / np.fmax(sizes(curve), 1e-12))
    return share if share > HIGH_ERROR else None


def high_term(curve: Curve) -> float | None:
    """The conservative term at the end, of the expected return's size, where it stayed high; else None."""
    term = series(curve, "conservative")
    if term is None or len(term) < FEWEST_TO_SEE_A_SHAPE:
        return None
    at_end, share = _last_quarter(term), _last_quarter(term / np.fmax(sizes(curve), 1e-12))
    return share if share > HIGH_TERM and at_end > _STAYED * float(np.nanmax(term)) else None


def _last_quarter(values: NDArray[np.float64]) -> float:
    """The median of the last quarter of the checkpoints."""
    return float(np.nanmedian(values[-max(len(values) // 4, 1) :]))


def _smoothed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(c,) medians of three neighbours, so that one checkpoint alone makes no shape; the ends stay as they are."""
    smooth = values.copy()
    smooth[1:-1] = np.median(np.stack([values[:-2], values[1:-1], values[2:]]), axis=0)
    return smooth


def _noise(values: NDArray[np.float64]) -> float:
    """The usual size of what a step differs from the one before it, of which a straight line has none."""
    return float(np.median(np.abs(np.diff(values, n=2)))) / math.sqrt(6)
