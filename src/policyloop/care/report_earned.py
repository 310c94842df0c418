"""The sections of a report's page that say whether it was worth it, and why things are as they are.

Question answered: what did this loop earn beside its baseline, what did exploring cost, and what went live?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from policyloop.care.charts import Frame, gain_chart, round_range
from policyloop.care.earned import Earned, Gain
from policyloop.care.markup import Markup, element
from policyloop.care.report_parts import figure, minute_of, signed, table, with_code
from policyloop.care.timeline import Happening
from policyloop.core.model import BASELINE, short

Both = Callable[[Callable[[Frame], Markup], float], list[Markup]]  # draws for a wide and for a narrow screen

_MOST_HAPPENINGS = 30
_LOOKS = {"went live": "well", "taken back": "ill", "ROLLED-BACK": "ill", "RETIRED": "ill"}
_BY_A_PERSON = ("promote", "rollback")
_HOW = {"watch": "as harm showed in"}
_ABOVE, _GIVEN_UP = "above the baseline", "given up to explore"


def earned_section(earned: Earned, *, both: Both) -> Markup:
    """What it earned: in words, as a picture, and in numbers."""
    gains = [(_ABOVE, earned.uplift.gain), (_GIVEN_UP, earned.exploration.gain)]
    known = [(name, gain) for name, gain in gains if gain.low is not None]
    rows = [
        _row(_ABOVE, earned.uplift.gain, earned.uplift.total, earned.uplift.n),
        _row(_GIVEN_UP, earned.exploration.gain, earned.exploration.total, earned.exploration.n),
    ]
    head = ("reward", "a decision", "95 % interval", f"in {earned.uplift.n_decided:,} decisions", "95 % interval", "seen in")
    return element(
        "section",
        element("h2", "What it earned"),
        element("p", with_code(earned.uplift.sentence)),
        *(both(lambda frame: _chart(frame, known), 76.0) if known else []),
        element("p", with_code(earned.exploration.sentence)),
        table(head, rows) if known else "",
    )


def timeline_section(timeline: Sequence[Happening]) -> Markup:
    """What went live, and why: the newest first."""
    if not timeline:
        return element("section", element("h2", "What went live, and why"), element("p", "Nothing changed in this time."))
    lines = [
        element(
            "li",
            element("span", f"{minute_of(one.at)} ", class_="when"),
            element("strong", one.what, class_=_LOOKS.get(one.what)),
            f" {_whose(one)}: ",
            with_code(one.why),
        )
        for one in timeline[:_MOST_HAPPENINGS]
    ]
    more = len(timeline) - len(lines)
    left_out = [element("p", f"{more:,} happenings before these are left out.", class_="soft")] if more > 0 else []
    return element("section", element("h2", "What went live, and why"), element("ol", *lines, class_="timeline"), *left_out)


def _whose(one: Happening) -> str:
    """`refresh 4f0c12ab9e01`; of what a person did, the model alone: the reason says whose it was."""
    model = "" if one.model in ("", BASELINE) else short(one.model)
    how = "" if one.how in _BY_A_PERSON else _HOW.get(one.how, one.how)
    return " ".join(part for part in (how, model) if part)


def _chart(frame: Frame, gains: Sequence[tuple[str, Gain]]) -> Markup:
    bounds = [bound for _, gain in gains for bound in (gain.low, gain.high) if bound is not None]
    low, high = round_range(min(0.0, *bounds), max(0.0, *bounds))
    told = "; ".join(f"{name} {signed(g.value)} ({signed(g.low)} to {signed(g.high)})" for name, g in gains)
    return gain_chart(replace(frame, low=low, high=high), gains, title=f"Reward a decision: {told}.", show=figure)


def _row(name: str, gain: Gain, total: Gain, n: int) -> tuple[str, ...]:
    return name, signed(gain.value), _bounds(gain), signed(total.value), _bounds(total), f"{n:,}"


def _bounds(gain: Gain) -> str:
    return "–" if gain.low is None or gain.high is None else f"{signed(gain.low)} to {signed(gain.high)}"
