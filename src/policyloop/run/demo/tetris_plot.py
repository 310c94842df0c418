"""The Tetris demo's picture: score, length and expectation of every version, a row of panels for each board.

Question answered: did the versions get better, and did they know?
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import MaxNLocator

from policyloop.run.demo.tetris import Found, Line, Score

_INK, _SOFT, _ACCENT, _MARK = "#1c2733", "#8896a5", "#0b6fb8", "#d9822b"
_ERRORS = 1.96  # standard errors, 95 %
_LEAST = 0.05  # that an axis reaches, where nobody cleared a row
_PANELS = (  # of `Score` and of `Exam`, what it is, the p-value of `Line`
    ("score", "lines", "rows cleared in a game", "p_lines"),
    ("pieces", "pieces", "pieces placed in a game", "p_pieces"),
    ("steps", "steps", "steps of a game", None),
)


def draw(found: Found, file: Path) -> Path:
    """Write the picture as PNG and answer its path."""
    with mpl.rc_context({"font.size": 10, "axes.edgecolor": _SOFT, "text.color": _INK, "axes.labelcolor": _INK}):
        spaced = ConstrainedLayoutEngine(h_pad=0.12, hspace=0.08)  # labels of a row stay off the titles of the next
        figure = Figure(figsize=(13.5, 3.3 * len(found.lines)), layout=spaced)
        rows = figure.subplots(len(found.lines), len(_PANELS) + 1, squeeze=False)
        for row, line in zip(rows, found.lines.values(), strict=True):
            draw_line(row, line, found.exam_games)
        figure.savefig(file, dpi=150)
    return file


def draw_line(panels: Sequence[Axes], line: Line, exam_games: int) -> None:
    """The panels of a board."""
    exams = ((0, line.cold_start), (1, line.first), (line.n_versions, line.last))
    for panel, (score, exam, title, p) in zip(panels, _PANELS, strict=False):
        _measured(panel, line.scores, score)
        values = [getattr(one, exam) for _, one in exams]
        label = f"exam: {exam_games} games, nothing at random"
        panel.plot([number for number, _ in exams], values, "D", color=_MARK, markersize=5, label=label, zorder=3)
        panel.set_ylim(bottom=0, top=1.3 * max(panel.get_ylim()[1], _LEAST))
        if exam == "lines" and not any([*values, *(one.score for one in line.scores)]):
            _framed(panel, "no row was cleared", line.n_versions)  # and nothing to test
        else:
            _framed(panel, title if p is None else f"{title}  ({_told(getattr(line, p))})", line.n_versions)
    known = [(version.number, version.max_q) for version in line.versions if version.max_q is not None]
    panels[-1].plot(*zip(*known, strict=True), "o-", color=_ACCENT, markersize=4)
    _framed(panels[-1], "mean max Q of one held-out game", line.n_versions)
    panels[0].set_ylabel(f"{line.loop}\n{line.rows} x {line.columns}")
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")


def _framed(panel: Axes, title: str, n_versions: int) -> None:
    panel.set_title(title, loc="left", fontsize=10)
    panel.set_xlabel("version (0: cold start, random play)")
    panel.set_xlim(-0.3, n_versions + 0.3)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    panel.spines[["top", "right"]].set_visible(False)


def _told(p: float) -> str:
    """Of the last version beside the cold start, in the exam."""
    return "p < .001" if p < 0.001 else f"p = {p:.2g}"


def _measured(panel: Axes, scores: Sequence[Score], name: str) -> None:
    """What the log says, version by version, with how sure it is."""
    values = [getattr(score, name) for score in scores]
    errors = [_ERRORS * getattr(score, f"{name}_stderr") for score in scores]
    label = "as played, 95 %"
    panel.errorbar(range(len(scores)), values, yerr=errors, fmt="o-", color=_ACCENT, capsize=3, markersize=4, label=label)
