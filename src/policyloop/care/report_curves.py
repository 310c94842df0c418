"""The section of a report with learning curves: a small picture for each number, all runs in it, and their choices in a table.

Question answered: did expected returns rise and fall, did errors stay high, and where was the checkpoint taken?
"""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence

from policyloop.care.charts import round_range
from policyloop.care.markup import Markup, element, joined
from policyloop.care.report_parts import figure, folded_table
from policyloop.care.trainings import TrainingLine

PANELS = (  # number, its name, what it says
    ("q_mean", "expected return on data", "rises and then falls where a run overfits"),
    ("held_out_q_mean", "expected return on held-out episodes", "of which nothing was learned"),
    ("q_min", "least expected return on data", ""),
    ("q_max", "highest expected return on data", "far above what can be earned: the run lets go of the data"),
    ("td_error", "TD error on data", "small for a wrong reason where the expected return has collapsed"),
    ("held_out_td_error", "TD error on held-out episodes", ""),
    ("critic_loss", "critics' loss", "what is learned from"),
    ("conservative", "conservative term", "stays high where a run underfits"),
)
_WIDTH, _HEIGHT, _LEFT, _TOP, _BELOW = 420.0, 150.0, 52.0, 10.0, 22.0
_COLOURS = 11


def curves_section(lines: Sequence[TrainingLine]) -> Markup:
    """All of it; there is at least one run."""
    legend = [
        element("li", element("span", class_=f"swatch a{place % _COLOURS}"), _named(line)) for place, line in enumerate(lines)
    ]
    panels = [_panel(lines, *panel) for panel in PANELS if any(panel[0] in point for line in lines for point in line.curve)]
    return element(
        "section",
        element("h2", "Learning curves"),
        element("p", "Every run, by updates; a dot is the checkpoint that was taken.", class_="soft"),
        element("ul", *legend, class_="legend"),
        element("div", *panels, class_="panels"),
        folded_table("Runs and choices in words", ("run", "learner", "updates", "why"), [_row(line) for line in lines]),
    )


def film_section(gif: bytes) -> Markup:
    """An animated GIF, inside the page."""
    told = "One episode before and one after, side by side"
    data = base64.b64encode(gif).decode()
    picture = Markup(f'<img class="film" alt="{told}" src="data:image/gif;base64,{data}"/>')
    return element("section", element("h2", "Before and after"), picture)


def _panel(lines: Sequence[TrainingLine], number: str, name: str, about: str) -> Markup:
    """One number of all runs."""
    points = [point for line in lines for point in line.curve if math.isfinite(point.get(number, math.nan))]
    low, high = round_range(min(point[number] for point in points), max(point[number] for point in points))
    most = max(point["n_updates"] for point in points)

    def place(point: dict[str, float]) -> tuple[float, float]:
        x = _LEFT + point["n_updates"] / most * (_WIDTH - _LEFT - 10)
        return x, _TOP + (1 - (point[number] - low) / (high - low)) * (_HEIGHT - _TOP - _BELOW)

    marks = [*_edges(low, high, most)]
    for i, line in enumerate(lines):
        own = [point for point in line.curve if math.isfinite(point.get(number, math.nan))]
        marks.append(
            element(
                "polyline",
                element("title", f"{line.name}: {name}"),
                class_=f"curve a{i % _COLOURS}",
                points=" ".join("{:.1f},{:.1f}".format(*place(point)) for point in own),
            )
        )
        for point in own:
            if point["n_updates"] == line.chosen:
                x, y = place(point)
                told = element("title", f"{line.name} at {line.chosen:,} updates: {figure(point[number])}")
                marks.append(element("circle", told, class_=f"chosen a{i % _COLOURS}", cx=x, cy=y, r=3.5))
    caption = element("figcaption", joined(element("b", name), f": {about}" if about else ""))
    picture = element("svg", element("title", name), *marks, role="img", viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}")
    return element("figure", picture, caption)


def _edges(low: float, high: float, most: float) -> list[Markup]:
    """Two lines across and what they stand for, and the number of updates at the end."""
    floor = _HEIGHT - _BELOW
    marks = []
    for value, y in ((low, floor), (high, _TOP)):
        marks.append(element("line", class_="grid", x1=_LEFT, x2=_WIDTH - 10, y1=y, y2=y))
        marks.append(element("text", figure(value), x=_LEFT - 6, y=y + 4, text_anchor="end"))
    return [*marks, element("text", f"{most:,.0f} updates", x=_WIDTH - 10, y=_HEIGHT - 5, text_anchor="end")]


def _named(line: TrainingLine) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in line.settings.items() if name != "checkpoint_every")
    return f"{line.name}{' (taken)' if line.is_winner else ''}: {line.learner}{f', {settings}' if settings else ''}"


def _row(line: TrainingLine) -> tuple[str, str, str, str]:
    return line.name, line.learner, "–" if line.chosen is None else f"{line.chosen:,}", line.note or ""
