"""The Tetris demo's picture: score, length and expectation of every version, a row of panels for each board."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from policyloop.run.demo.tetris import Found, Line, Score

_INK, _SOFT, _ACCENT, _MARK = "#1c2733", "#8896a5", "#0b6fb8", "#d9822b"
_ERRORS = 1.96  # standard errors, 95 %
_LEAST = 0.01  # that an axis reaches, where nobody cleared a row


def draw(found: Found, file: Path) -> Path:
    """Write the picture as PNG and answer its path."""
    with mpl.rc_context({"font.size": 10, "axes.edgecolor": _SOFT, "text.color": _INK, "axes.labelcolor": _INK}):
        figure = Figure(figsize=(11, 3.3 * len(found.lines)), layout="constrained")
        rows = figure.subplots(len(found.lines), 3, squeeze=False)
        for row, line in zip(rows, found.lines.values(), strict=True):
            _draw_line(row, line, found.exam_games)
        figure.savefig(file, dpi=150)
    return file


def _draw_line(panels: Sequence[Axes], line: Line, exam_games: int) -> None:
    """The three panels of a board."""
    scores, lengths, expected = panels
    _measured(scores, line.scores, "score")
    _measured(lengths, line.scores, "steps")
    exams = ((0, line.cold_start), (1, line.first), (line.n_versions, line.last))
    for panel, name in ((scores, "lines"), (lengths, "steps")):
        values = [getattr(exam, name) for _, exam in exams]
        label = f"exam: {exam_games} games, no random step"
        panel.plot([number for number, _ in exams], values, "D", color=_MARK, markersize=5, label=label)
        panel.set_ylim(bottom=0, top=1.2 * max(panel.get_ylim()[1], _LEAST))
    known = [(version.number, version.max_q) for version in line.versions if version.max_q is not None]
    expected.plot(*zip(*known, strict=True), "o-", color=_ACCENT)
    told = ((scores, "rows cleared in a game"), (lengths, "steps of a game"), (expected, "mean max Q, one held-out episode"))
    for panel, title in told:
        panel.set_title(title, loc="left", fontsize=10)
        panel.set_xlabel("version (0: cold start, random play)")
        panel.set_xlim(-0.3, line.n_versions + 0.3)
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        panel.spines[["top", "right"]].set_visible(False)
    scores.set_ylabel(f"{line.loop}\n{line.rows} x {line.columns}")
    scores.legend(frameon=False, fontsize=8, loc="upper left")


def _measured(panel: Axes, scores: Sequence[Score], name: str) -> None:
    """What the log says, version by version, with how sure it is."""
    values = [getattr(score, name) for score in scores]
    errors = [_ERRORS * getattr(score, f"{name}_stderr") for score in scores]
    label = "as played, 95 %"
    panel.errorbar(range(len(scores)), values, yerr=errors, fmt="o-", color=_ACCENT, capsize=3, markersize=4, label=label)
