"""Charts: lines with a band, bars and stacked shares over time, as SVG that needs nothing beside the page's own style.

Question answered: how does a series of stretches of time look? Every mark has a title, which browsers show and screen
readers read; colours are classes, so that the page's light and dark themes hold for charts too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from policyloop.care.earned import Gain
from policyloop.care.markup import Markup, element, joined
from policyloop.care.mean import Mean
from policyloop.care.report import IMPORTED_PART, Reign, Stretch
from policyloop.core.clock import US_PER_S, iso
from policyloop.core.model import BASELINE, short

_TICK_STEPS_S = (1, 5, 15, 30, 60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800, 1_209_600)
_DAY_S = 86_400
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LETTER = 7.2  # width of a letter of a label, about


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Where a chart's plot lies in its picture, and what its edges mean."""

    width: float
    height: float  # of the plot
    start: int  # microseconds
    end: int
    low: float = 0.0
    high: float = 1.0
    strip: float = 0.0  # room below the plot
    left: float = 46.0
    right: float = 8.0
    top: float = 8.0
    below: float = 22.0  # for the labels of the time

    def x(self, time_us: float) -> float:
        """The place of a moment."""
        share = (time_us - self.start) / (self.end - self.start)
        return self.left + share * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """The place of a value, kept within the plot."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.top + (1 - share) * self.height

    @property
    def floor(self) -> float:
        """The lower edge of the plot."""
        return self.top + self.height

    @property
    def is_narrow(self) -> bool:
        """Whether it is drawn for a phone."""
        return self.width < 500


def line_chart(
    frame: Frame,
    stretches: Sequence[Stretch],
    *,
    mean_of: Callable[[Stretch], Mean],
    title: str,
    show: Callable[[float], str],
    reigns: Sequence[Reign] = (),
    unit: str = "examples",
) -> Markup:
    """Means over time with their intervals as a band; changes of model are marked where reigns are given."""
    known = [(stretch, mean_of(stretch)) for stretch in stretches]
    return _picture(
        frame,
        title,
        *_grid(frame, show),
        *(_reign(frame, reign, place) for place, reign in enumerate(reigns)),
        *(_changes(frame, reigns)),
        *_bands(frame, known),
        *_lines(frame, known),
        *(_spot(frame, stretch, _told(mean, show, unit)) for stretch, mean in known),
        *_times(frame),
    )


def bar_chart(frame: Frame, stretches: Sequence[Stretch], *, title: str) -> Markup:
    """Decisions per stretch."""
    bars = [
        element("rect", class_="bar", x=x, width=width, y=frame.y(s.n), height=frame.floor - frame.y(s.n))
        for s in stretches
        for x, width in [_column(frame, s)]
        if s.n
    ]
    spots = [_spot(frame, s, f"{s.n:,} decisions") for s in stretches]
    return _picture(frame, title, *_grid(frame, _count), *bars, *spots, *_times(frame))


def _count(value: float) -> str:
    """Of decisions, short enough for the margin."""
    return f"{value:,.0f}" if value < 10_000 else f"{value / 1e6:g} m" if value >= 1e6 else f"{value / 1e3:,g} k"


def share_chart(frame: Frame, stretches: Sequence[Stretch], names: Sequence[str], *, title: str) -> Markup:
    """Which share of each stretch's decisions took which action, one above the other."""
    bars = []
    for stretch in stretches:
        x, width = _column(frame, stretch)
        below = 0
        for place, n in enumerate(stretch.by_action):
            if n:
                low, high = frame.y(below / stretch.n), frame.y((below + n) / stretch.n)
                told = f"{_span(stretch)}: {names[place]} {n / stretch.n:.1%} ({n:,} of {stretch.n:,})"
                bars.append(
                    element("rect", element("title", told), class_=f"a{place}", x=x, width=width, y=high, height=low - high)
                )
            below += n
    return _picture(frame, title, *_grid(frame, lambda value: f"{value:.0%}"), *bars, *_times(frame))


def gain_chart(frame: Frame, gains: Sequence[tuple[str, Gain]], *, title: str, show: Callable[[float], str]) -> Markup:
    """Differences with their intervals, one below the other, beside a line at nothing; values go from left to right."""
    names = 0.0 if frame.is_narrow else _LETTER * max(len(name) for name, _ in gains)
    left = 16.0 + names

    def x(value: float) -> float:
        return left + (value - frame.low) / (frame.high - frame.low) * (frame.width - frame.right - left - 20)

    marks: list[Markup] = [*_scale(frame, x, show)]
    for place, (name, gain) in enumerate(gains):
        y = frame.top + frame.height * (place + (0.7 if frame.is_narrow else 0.5)) / len(gains)
        if gain.low is None or gain.high is None or gain.value is None:
            continue
        told = element("title", f"{name}: {show(gain.value)} ({show(gain.low)} to {show(gain.high)}) a decision")
        name_y = y - 10 if frame.is_narrow else y + 4
        marks.append(
            element(
                "text",
                name,
                class_="halo",
                x=max(x(gain.value), 70.0) if frame.is_narrow else 0.0,
                y=name_y,
                text_anchor="middle" if frame.is_narrow else None,
            )
        )
        marks.append(element("line", told, class_="whisker", x1=x(gain.low), x2=x(gain.high), y1=y, y2=y))
        marks.append(element("circle", class_="dot", cx=x(gain.value), cy=y, r=4.5))
    return _picture(frame, title, *marks)


def split_bar(parts: Sequence[tuple[str, int, str]], *, title: str) -> Markup:
    """A whole as one bar of its parts: name, count, class."""
    total = sum(n for _, n, _ in parts) or 1
    x, bars = 0.0, []
    for name, n, look in parts:
        width = 100 * n / total
        bars.append(element("rect", element("title", f"{name}: {n:,}"), class_=look, x=x, width=width, y=0, height=10))
        x += width
    label = element("title", title)
    return element("svg", label, *bars, class_="split", role="img", viewBox="0 0 100 10", preserveAspectRatio="none")


def round_range(low: float, high: float) -> tuple[float, float]:
    """Round bounds around two values; 0 is one of them where it is not far."""
    if not high > low:
        pad = abs(high) / 2 or 0.5
        low, high = low - pad, high + pad
    if 0 <= low < 0.6 * high:
        low = 0.0
    if 0.6 * low < high <= 0:
        high = 0.0
    step = _round_step((high - low) / 4)
    return math.floor(low / step + 1e-9) * step, math.ceil(high / step - 1e-9) * step


def _round_step(rough: float) -> float:
    """1, 2, 2.5 or 5 times a power of ten, not below the rough one."""
    unit: float = 10.0 ** math.floor(math.log10(rough))
    return next(factor * unit for factor in (1, 2, 2.5, 5, 10) if factor * unit >= rough * (1 - 1e-9))


def _picture(frame: Frame, title: str, *marks: str) -> Markup:
    """The whole picture; it is as wide as the page lets it be."""
    height = frame.floor + frame.strip + frame.below
    look = "narrow" if frame.is_narrow else "wide"
    box = f"0 0 {frame.width:g} {height:g}"
    return element("svg", element("title", title), *marks, class_=look, role="img", viewBox=box)


def _grid(frame: Frame, show: Callable[[float], str]) -> Iterator[Markup]:
    """Lines across, with what they stand for."""
    step = _round_step((frame.high - frame.low) / (2 if frame.height < 100 else 4))
    for i in range(math.ceil(frame.low / step - 1e-9), math.floor(frame.high / step + 1e-9) + 1):
        y = frame.y(i * step)
        yield element("line", class_="grid", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y)
        yield element("text", show(i * step), x=frame.left - 6, y=y + 4, text_anchor="end")


def _scale(frame: Frame, x: Callable[[float], float], show: Callable[[float], str]) -> Iterator[Markup]:
    """Lines down, with what they stand for; the one at nothing is strong."""
    step = _round_step((frame.high - frame.low) / (3 if frame.is_narrow else 6))
    for i in range(math.ceil(frame.low / step - 1e-9), math.floor(frame.high / step + 1e-9) + 1):
        at, look = x(i * step), "tick" if i == 0 else "grid"
        yield element("line", class_=look, x1=at, x2=at, y1=frame.top, y2=frame.floor)
        yield element("text", show(i * step), x=at, y=frame.floor + 16, text_anchor="middle")


def _times(frame: Frame) -> Iterator[Markup]:
    """Labels of the time, at round moments."""
    most = 4 if frame.is_narrow else 9
    span_s = (frame.end - frame.start) / US_PER_S
    step_s = next((s for s in _TICK_STEPS_S if span_s / s <= most), _DAY_S * math.ceil(span_s / most / _DAY_S))
    step = step_s * US_PER_S
    for time_us in range(math.ceil(frame.start / step) * step, frame.end + 1, step):
        label = _moment(time_us, step_s=step_s)
        x, half = frame.x(time_us), len(label) * _LETTER / 2
        if x + half > frame.width:
            continue
        y = frame.floor + frame.strip
        yield element("line", class_="tick", x1=x, x2=x, y1=y, y2=y + 4)
        yield element("text", label, x=max(x, half), y=y + 18, text_anchor="middle")


def _bands(frame: Frame, known: Sequence[tuple[Stretch, Mean]]) -> Iterator[Markup]:
    """Where the means may lie; stretches without an interval leave a gap."""
    for is_known, run in groupby(known, key=lambda pair: pair[1].low is not None):
        points = list(run)
        if not is_known:
            continue
        above = [f"{_middle(frame, s):.1f},{frame.y(m.high or 0.0):.1f}" for s, m in points]
        below = [f"{_middle(frame, s):.1f},{frame.y(m.low or 0.0):.1f}" for s, m in reversed(points)]
        if len(points) == 1:  # an area needs two points
            x, (top, bottom) = above[0].split(",")[0], (one[0].split(",")[1] for one in (above, below))
            yield element("line", class_="whisker", x1=x, x2=x, y1=top, y2=bottom)
        else:
            yield element("polygon", class_="band", points=" ".join([*above, *below]))


def _lines(frame: Frame, known: Sequence[tuple[Stretch, Mean]]) -> Iterator[Markup]:
    """The means; stretches without one leave a gap."""
    for is_known, run in groupby(known, key=lambda pair: pair[1].value is not None):
        if not is_known:
            continue
        points = [(_middle(frame, s), frame.y(m.value or 0.0)) for s, m in run]
        if len(points) == 1:
            yield element("circle", class_="dot", cx=points[0][0], cy=points[0][1], r=3)
        else:
            yield element("polyline", class_="line", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points))


def _reign(frame: Frame, reign: Reign, place: int) -> Markup:
    """A strip below the plot, as long as the model was champion."""
    x, width = frame.x(reign.start), max(frame.x(reign.end) - frame.x(reign.start), 1.0)
    is_model = reign.model not in (BASELINE, IMPORTED_PART)
    look = f"reign {('odd', 'even')[place % 2]}" if is_model else "reign base"
    name = reign.model[:8] if is_model else reign.model
    role = "" if reign.model == IMPORTED_PART else ", champion"
    told = f"{name}{role} {_day_and_time(reign.start)} to {_day_and_time(reign.end)} UTC"
    strip = element("rect", element("title", told), class_=look, x=x, width=width, y=frame.floor + 5, height=frame.strip - 8)
    shorter = (name, name[:6], name[:4]) if is_model else (name,)
    fits = next((text for text in shorter if len(text) * _LETTER < width - 4), None)
    if fits is None:
        return strip
    y = frame.floor + 5 + (frame.strip - 8) / 2 + 4
    return joined(strip, element("text", fits, class_="reign-name", x=x + width / 2, y=y, text_anchor="middle"))


def _changes(frame: Frame, reigns: Sequence[Reign]) -> Iterator[Markup]:
    """A line where another model became champion, dashed; where one was taken back, in the colour of alarms."""
    for reign in reigns:
        if reign.how:
            x, is_back = frame.x(reign.start), reign.how == "ROLLBACK"
            told = f"{_day_and_time(reign.start)} UTC: {'rolled back to' if is_back else 'promoted'} {short(reign.model)}"
            look = "change back" if is_back else "change"
            yield element(
                "line", element("title", told), class_=look, x1=x, x2=x, y1=frame.top, y2=frame.floor + frame.strip - 3
            )


def _spot(frame: Frame, stretch: Stretch, told: str) -> Markup:
    """An invisible column over a stretch that tells its numbers."""
    x, width = _column(frame, stretch)
    about = element("title", f"{_span(stretch)}: {told}")
    return element("rect", about, class_="spot", x=x, width=width, y=frame.top, height=frame.height)


def _column(frame: Frame, stretch: Stretch) -> tuple[float, float]:
    """Left edge and width of a stretch, with a gap to the next."""
    left, right = frame.x(stretch.start), min(frame.x(stretch.end), frame.width - frame.right)
    gap = 1.0 if right - left > 4 else 0.2
    return left + gap / 2, max(right - left - gap, 0.5)


def _middle(frame: Frame, stretch: Stretch) -> float:
    return frame.x((stretch.start + min(stretch.end, frame.end)) / 2)


def _told(mean: Mean, show: Callable[[float], str], unit: str) -> str:
    if mean.value is None:
        return "nothing is settled"
    interval = "" if mean.low is None or mean.high is None else f" ({show(mean.low)} to {show(mean.high)})"
    return f"{show(mean.value)}{interval}, {mean.n:,} {unit}"


def _span(stretch: Stretch) -> str:
    """`14 Nov 06:00 to 09:00`, UTC."""
    return f"{_day_and_time(stretch.start)} to {_clock(stretch.end)} UTC"


def _day_and_time(time_us: int) -> str:
    return f"{_day(time_us)} {_clock(time_us)}"


def _moment(time_us: int, *, step_s: int) -> str:
    """A label of the time axis: the day at midnight, else the time of day."""
    if step_s >= _DAY_S or time_us // US_PER_S % _DAY_S == 0:
        return _day(time_us)
    return _clock(time_us, with_seconds=step_s < 60)


def _day(time_us: int) -> str:
    text = iso(time_us)
    return f"{int(text[8:10])} {_MONTHS[int(text[5:7]) - 1]}"


def _clock(time_us: int, *, with_seconds: bool | None = None) -> str:
    """Hours and minutes, and seconds where they are not 0."""
    text = iso(time_us)[11:19]
    is_whole = text.endswith(":00") if with_seconds is None else not with_seconds
    return text[:5] if is_whole else text
