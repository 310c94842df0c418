"""The page of an evaluation: one HTML file that needs nothing beside itself, with estimates, intervals and whether to believe.

Question answered: what does a person see of estimates? Per policy an answer in words first, then a row per estimator with
its interval drawn to one scale, and the slices where somebody asked for them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import policyloop
from policyloop.care.markup import Markup, element, joined
from policyloop.care.page import whole_page
from policyloop.core.model import short
from policyloop.evaluate.belief import Answer
from policyloop.evaluate.overlap import Overlap
from policyloop.evaluate.reading import Line, worst_told
from policyloop.evaluate.slices import Sliced
from policyloop.run.questions.estimates import Estimates

_WIDTH, _HEIGHT, _MARGIN = 260.0, 18.0, 6.0
_LOOK = {Answer.YES: "well", Answer.WITH_CARE: "soft", Answer.REFUSE: "bad"}


def page_of(loop: str, found: Sequence[Estimates]) -> bytes:
    """The page, UTF-8."""
    title = f"{loop}: what policies would have earned"
    scale = _Scale(found)
    body = joined(
        element("h1", title),
        element("p", f"{found[0].logged.n:,} logged decisions, which earned {_number(found[0].logged.value)} on average."),
        *(_section(one, scale) for one in found),
        element("footer", f"Policyloop {policyloop.__version__}"),
    )
    return whole_page(title, body)


class _Scale:
    """One scale for all intervals of a page, from the smallest bound to the largest that is finite."""

    def __init__(self, found: Sequence[Estimates]) -> None:
        lines = [line for one in found for line in one.reading.lines]
        bounds = [b for line in lines for b in (line.low, line.high, line.estimate.value) if math.isfinite(b)]
        bounds += [one.logged.value for one in found if math.isfinite(one.logged.value)]
        self.low, self.high = min(bounds, default=0.0), max(bounds, default=1.0)

    def x(self, value: float) -> float:
        """The place of a value in the picture; what is beyond the scale lies at its edge."""
        span = (self.high - self.low) or 1.0
        share = min(max((value - self.low) / span, 0.0), 1.0) if math.isfinite(value) else float(value > 0)
        return _MARGIN + share * (_WIDTH - 2 * _MARGIN)


def _section(one: Estimates, scale: _Scale) -> Markup:
    reading, name = one.reading, short(one.model)
    belief = reading.belief
    about = f"{reading.level:.0%} intervals by {reading.interval}; the upright line is what was really earned."
    return element(
        "section",
        element("h2", name),
        element(
            "p",
            f"May this be believed? {belief.answer}. {belief.sentence}",
            class_=_LOOK[belief.answer],
        ),
        element("p", reading.agreement),
        _table(("estimator", "value", "interval", "", "ess"), [_row(line, one, scale) for line in reading.lines], about),
        element("p", overlap_told(reading.overlap), class_="soft"),
        *_slices(reading.slices),
    )


def overlap_told(seen: Overlap) -> str:
    """What the weights look like, in a sentence."""
    told = (
        f"{seen.n:,} examples are worth {seen.ess:,.0f} of equal weight. Mean weight {seen.mean_weight:.3f} (1 is "
        f"expected), the largest {seen.largest:,.4g}; the heaviest hundredth has {seen.tail_share:.0%} of the squared weight."
    )
    if math.isnan(seen.unsupported):
        return f"{told} Whether the log could take all that the policy would do is not known: it has no whole pmf."
    return f"{told} The log could never have taken {seen.unsupported:.2%} of what the policy would do."


def _row(line: Line, one: Estimates, scale: _Scale) -> Iterator[str]:
    value = line.estimate
    yield value.estimator
    yield _number(value.value)
    yield f"{_number(line.low)} to {_number(line.high)}"
    yield _picture(line, one.logged.value, scale)
    yield f"{value.ess:,.0f}"


def _picture(line: Line, logged: float, scale: _Scale) -> Markup:
    middle, value = _HEIGHT / 2, line.estimate.value
    told = f"{line.estimate.estimator}: {_number(value)}, from {_number(line.low)} to {_number(line.high)}"
    low, high = scale.x(line.low), scale.x(line.high)
    parts = [
        element("title", told),
        element("line", x1=scale.x(logged), x2=scale.x(logged), y1=0.0, y2=_HEIGHT, class_="tick"),
        element("line", x1=low, x2=high, y1=middle, y2=middle, class_="whisker"),
    ]
    if math.isfinite(value):
        parts.append(element("circle", cx=scale.x(value), cy=middle, r=3.5, class_="dot"))
    return element("svg", *parts, viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}", width=_WIDTH, height=_HEIGHT, role="img")


def _slices(found: Sliced | None) -> list[Markup]:
    """What the policy would earn beyond the logged traffic, by slice."""
    if found is None:
        return []
    rows = [(one.name, f"{one.n:,}", f"{one.value:+.4g}", f"{_number(one.low)} to {_number(one.high)}") for one in found.slices]
    about = f"Against the logged traffic; all {len(rows)} intervals hold together at {found.level:.0%}."
    return [element("p", worst_told(found)), _table((found.field, "examples", "difference", "interval"), rows, about)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str] | Iterator[str]], about: str) -> Markup:
    body = [element("tr", *(element("td", cell) for cell in row)) for row in rows]
    titles = element("tr", *(element("th", name, scope="col") for name in head))
    made = element("table", element("caption", about), element("thead", titles), element("tbody", *body))
    return element("div", made, class_="scroll", tabindex="0", role="region")


def _number(value: float) -> str:
    return f"{value:.4g}" if math.isfinite(value) else ("unknown" if math.isnan(value) else "no bound")
