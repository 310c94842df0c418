"""The demo's picture: rolling reward against oracle and baselines, with every change of model marked."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from policyloop.run.demo.story import ROLLING, Story, rolling_mean

_INK, _SOFT, _ACCENT, _MARK = "#1c2733", "#8896a5", "#0b6fb8", "#d9822b"
_LABEL_HEIGHT = 0.04  # of the vertical axis


def draw(story: Story, file: Path) -> Path:
    """Write the picture as PNG and answer its path."""
    with mpl.rc_context({"font.size": 10, "axes.edgecolor": _SOFT, "text.color": _INK, "axes.labelcolor": _INK}):
        figure = Figure(figsize=(10, 5.2), layout="constrained")
        axes = figure.add_subplot()
        rolling = rolling_mean(story.rewards)
        first = len(story.rewards) - len(rolling) + 1
        axes.plot(np.arange(first, len(story.rewards) + 1), rolling, color=_ACCENT, linewidth=1.8)
        marks = sorted([(story.oracle, "oracle"), (story.majority, "most frequent action"), (story.random, "random")])
        for (value, name), place in zip(marks, _apart([value for value, _ in marks]), strict=True):
            axes.axhline(value, color=_SOFT, linewidth=1, linestyle="--")
            axes.annotate(f"{name} {value:.3f}", (1.005, place), xycoords=("axes fraction", "data"), va="center", color=_SOFT)
        for decision, model in story.changes:
            axes.axvline(decision, color=_MARK, linewidth=0.8, alpha=0.65)
            axes.annotate(
                model[:6],
                (decision, 0.015),
                xycoords=("data", "axes fraction"),
                rotation=90,
                fontsize=7,
                color=_MARK,
                ha="right",
            )
        axes.set(xlim=(0, len(story.rewards)), ylim=(0, 1.04))
        axes.set_xlabel("decisions after the warm start (a line marks a change of model)")
        axes.set_ylabel(f"mean reward of the last {ROLLING}")
        axes.set_title(f"Policyloop demo on {story.data}: mean rolling reward {story.mean_rolling:.3f}", loc="left")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(file, dpi=150)
    return file


def _apart(values: list[float]) -> list[float]:
    """Places for the labels of rising values, each far enough above the one before to be read."""
    places = values[:1]
    for value in values[1:]:
        places.append(max(value, places[-1] + _LABEL_HEIGHT))
    return places
