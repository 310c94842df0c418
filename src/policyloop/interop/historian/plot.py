"""One page that shows a history: how long its episodes are, what they were worth, what was done, and one of them in full.

Question answered: does this look like the process that I know? It is for the eye of whoever runs it, before any training.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.state import StateEncoder

_INK, _SOFT, _ACCENT, _MARK = "#1c2733", "#8896a5", "#0b6fb8", "#d9822b"
_STYLE: dict[Any, Any] = {"font.size": 9, "axes.edgecolor": _SOFT, "text.color": _INK, "axes.labelcolor": _INK}
MAX_PANELS = 8  # columns of one episode that fit on a page
_BINS = 30
_MANY = 2000  # steps of an episode that a line can show


def draw(steps: Transitions, spec: LoopSpec, file: Path) -> Path:
    """Write the page as PNG and answer its path.

    Args:
        steps: of at least one episode.
        spec: names the columns.
        file: where to.

    Raises:
        Invalid: it cannot be written there.
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10.5, 10.5), layout="constrained")
        figure.suptitle(
            f"{spec.loop}: {steps.n_episodes:,} episodes, {len(steps):,} steps", x=0.01, ha="left", fontsize=12, color=_INK
        )
        above, below = np.asarray(figure.subfigures(2, 1, height_ratios=[1.0, 2.1]))
        left, middle, right = above.subplots(1, 3)
        _histogram(left, steps.lengths.astype(np.float64), "steps of an episode", "episodes")
        _histogram(middle, steps.returns, "return: sum of an episode's rewards", "episodes")
        _actions(right, steps, spec)
        _episode(below, steps, spec)
        try:
            figure.savefig(file, dpi=110, format="png")
        except OSError as error:
            raise Invalid([Fault(str(file), f"cannot be written: {error.strerror}.", "unwritable")]) from None
    return file


def _histogram(axes: Axes, values: NDArray[np.float64], label: str, count: str) -> None:
    """How often; one value alone is one bar."""
    axes.hist(values, bins=_BINS if len(np.unique(values)) > 1 else 1, color=_ACCENT)
    mean = float(values.mean())
    axes.axvline(mean, color=_MARK, linewidth=1.2)
    axes.set(xlabel=label, ylabel=count)
    axes.set_title(f"mean {mean:,.4g}", loc="left", fontsize=9, color=_MARK)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)


def _actions(axes: Axes, steps: Transitions, spec: LoopSpec) -> None:
    """How often each label was taken, or how numbers were spread over the box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_ylabel("steps")
    if spec.labels:
        counts = np.bincount(steps.action[:, 0], minlength=len(spec.labels))
        axes.barh(spec.labels, counts, color=_ACCENT)
        axes.invert_yaxis()
        axes.set(xlabel="steps", ylabel="")
    else:
        is_one = len(spec.actions.box) == 1
        for i, part in enumerate(spec.actions.box):
            values, share = steps.action_value[:, i].astype(np.float64), 1.0
            low, high = part.low, part.high
            if not is_one:  # on one axis: from the lower bound to the upper
                values, share = (values - low) / (high - low), 0.6
                low, high = 0.0, 1.0
            axes.hist(values, bins=_BINS, range=(low, high), alpha=share, label=part.name, color=_ACCENT if is_one else None)
        axes.set_xlabel(spec.actions.box[0].name if is_one else "share of the way between an action's bounds")
        if not is_one:
            axes.legend(frameon=False, fontsize=8)
    axes.set_title("what was done", loc="left", fontsize=9, color=_MARK)


def _episode(place: SubFigure, steps: Transitions, spec: LoopSpec) -> None:
    """The columns of one episode: the one of middle length, so that it is a usual one."""
    lengths = steps.lengths
    chosen = int(np.argsort(lengths, kind="stable")[len(lengths) // 2])
    start = int(lengths[:chosen].sum())
    stop = start + min(int(lengths[chosen]), _MANY)
    lines = _lines(steps, spec, start, stop)
    panels = np.atleast_1d(place.subplots(len(lines), 1, sharex=True))
    for axes, (name, values, color) in zip(panels, lines, strict=True):
        axes.plot(
            steps.step[start:stop], values, color=color, linewidth=1.1, drawstyle="steps-post" if color == _MARK else "default"
        )
        axes.set_ylabel(name, rotation=0, ha="right", va="center")
        axes.spines[["top", "right"]].set_visible(False)
        axes.yaxis.set_major_locator(MaxNLocator(3))
    how = "terminated" if steps.terminated[start + int(lengths[chosen]) - 1] else "truncated"
    place.suptitle(f"one episode of {lengths[chosen]:,} steps, {how}", x=0.01, ha="left", fontsize=10, color=_INK)
    panels[-1].set_xlabel("step")


def _lines(steps: Transitions, spec: LoopSpec, start: int, stop: int) -> list[tuple[str, NDArray[Any], str]]:
    """Name, values and colour: what was known, what was done, what it was worth."""
    known: list[tuple[str, NDArray[Any], str]] = []
    if steps.state.ndim == 2:
        names = StateEncoder.of(spec.context.values()).names
        known = [(name, steps.state[start:stop, i], _ACCENT) for i, name in enumerate(names)]
    done: list[tuple[str, NDArray[Any], str]] = [
        (part.name, steps.action_value[start:stop, i], _MARK) for i, part in enumerate(spec.actions.box)
    ]
    if spec.labels:
        done = [("action", steps.action[start:stop, 0], _MARK)]
    return [*known[: MAX_PANELS - len(done[:3]) - 1], *done[:3], ("reward", steps.reward[start:stop], _INK)]
