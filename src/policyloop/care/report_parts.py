"""Parts of a report's page: tables, and how numbers and times are written, the same in every section."""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.care.markup import Markup, element, joined
from policyloop.care.mean import Mean
from policyloop.core.clock import iso


def folded_table(
    summary: str, head: Sequence[str], rows: Sequence[Sequence[str]], *, about: str = "", n_numbers: int = 9
) -> Markup:
    """A table that is folded away."""
    return element("details", element("summary", summary), table(head, rows, about=about, n_numbers=n_numbers))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, about: str = "", n_numbers: int = 9) -> Markup:
    """A table; cells that are figures stand to the right."""
    looks = [None if place == 0 or place > n_numbers else _look([row[place] for row in rows]) for place in range(len(head))]
    titles = [element("th", name, class_=look, scope="col") for name, look in zip(head, looks, strict=True)]
    body = [
        element(
            "tr",
            element("th", row[0], scope="row"),
            *(element("td", cell, class_=look) for cell, look in zip(row[1:], looks[1:], strict=True)),
        )
        for row in rows
    ]
    caption = [element("caption", about)] if about else []
    made = element("table", *caption, element("thead", element("tr", *titles)), element("tbody", *body))
    return element("div", made, class_="scroll", tabindex="0", role="region", aria_label=about or head[0])


def _look(cells: Sequence[str]) -> str | None:
    """`n` for a column of figures, `t` for one of times: neither is broken into lines."""
    told = [cell for cell in cells if cell]
    if not told or not all(cell[0].isdigit() or cell[0] in "+-–" for cell in told):
        return None
    return "t" if any(":" in cell for cell in told) else "n"


def with_code(text: str) -> Markup:
    """A sentence in which what stands in backticks is code."""
    parts = text.split("`")
    return joined(*(element("code", part) if place % 2 else part for place, part in enumerate(parts)))


def value_of(mean: Mean) -> str:
    """A mean, or a dash."""
    return "–" if mean.value is None else exact(mean.value)


def percent_of(mean: Mean) -> str:
    """A mean that is a share."""
    return "–" if mean.value is None else f"{mean.value:.1%}"


def interval_of(mean: Mean) -> str:
    """`95 % sure: 0.395 to 0.405, `, or nothing."""
    return "" if mean.low is None or mean.high is None else f"95 % sure: {bounds_of(mean)}, "


def bounds_of(mean: Mean) -> str:
    """`0.395 to 0.405`, or a dash."""
    return "–" if mean.low is None or mean.high is None else f"{exact(mean.low)} to {exact(mean.high)}"


def figure(value: float) -> str:
    """Up to three figures: `0.4`."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def exact(value: float) -> str:
    """Always three figures, so that columns line up: `0.400`."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:#.3g}"


def minute_of(time_us: int) -> str:
    """`2026-11-14 05:37`."""
    return iso(time_us)[:16].replace("T", " ")


def day_of(time_us: int) -> str:
    """`2026-11-14`."""
    return iso(time_us)[:10]


def signed(value: float | None) -> str:
    """A difference with three figures and its sign, or a dash."""
    if value is None:
        return "–"
    return f"{value:+,.0f}" if abs(value) >= 100 else f"{value:+#.3g}"
