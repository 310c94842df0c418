"""The page of a report: one HTML file that needs nothing beside itself, to be read, mailed or kept.

Question answered: what does a person see of a report? No script, no font and no picture from anywhere; what users named
is escaped, and the page's own policy forbids it to run or load anything all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import policyloop
from policyloop.care.charts import Frame, bar_chart, line_chart, round_range, share_chart, split_bar
from policyloop.care.markup import Markup, element, joined
from policyloop.care.page import whole_page
from policyloop.care.played import Episodes
from policyloop.care.report import ActionLine, Report, nothing_since
from policyloop.care.report_curves import curves_section, film_section
from policyloop.care.report_earned import earned_section, timeline_section
from policyloop.care.report_episodes import (
    by_baseline_told,
    ends_section,
    episodes_tile,
    played_table,
    return_tile,
    returns_section,
    who_decides,
)
from policyloop.care.report_parts import (
    bounds_of,
    day_of,
    figure,
    folded_table,
    interval_of,
    minute_of,
    percent_of,
    table,
    value_of,
    with_code,
)
from policyloop.core.clock import US_PER_S
from policyloop.core.model import BASELINE, short

_WIDE, _NARROW = 880.0, 350.0
_DAY_US = 86_400 * US_PER_S
_MOST_ROWS = 30  # of policies and verdicts

_WHOLE = (  # decisions are the sum of these: count, name, colour, what it means
    ("joined", "with an outcome", "a2", "an outcome was found: the reward is made from it"),
    ("unrewarded", "without an outcome", "a0", "the window is over and nothing came: the reward is the default"),
    ("waiting", "waiting", "a10", "the window is not over yet"),
    ("not_activated", "never activated", "a4", "deferred and never activated: no example"),
    ("unusable", "unusable", "a7", "what was carried out instead cannot be read: no example"),
)
_BESIDE = (
    ("arrived_late", "arrived late", "outcomes that corrected an example"),
    ("happened_late", "happened late", "outcomes after the window: stored, not in the reward"),
    ("orphan", "without a decision", "outcomes whose decision will not come: do clients send the decision_id they were given?"),
    ("unplaced", "not placed yet", "outcomes whose decision may still come"),
    ("undeclared", "undeclared", "outcomes with a name that the loop does not declare"),
    ("duplicate", "repeated", "records that came again; they count once"),
    ("conflict", "in conflict", "decisions made twice under one id: out of learning and evidence"),
    ("outcome_conflict", "outcomes in conflict", "repeated with another value: the first counts"),
    ("clipped", "clipped", "rewards outside the declared range"),
    ("executed", "done otherwise", "another action than the chosen was carried out"),
)


def page_of(report: Report, *, film: bytes | None = None) -> bytes:
    """The page, UTF-8.

    Args:
        film: an animated GIF to show in it.
    """
    title = f"{report.loop}: report of {day_of(_began(report))} to {day_of(report.end)}"
    shown = [] if film is None else [film_section(film)]
    curves = [curves_section(report.trainings)] if any(line.curve for line in report.trainings) else []
    body = joined(*_head(report), *shown, *(_sections(report) if report.n else [_nothing(report)]), *curves, _foot(report))
    return whole_page(title, body, has_pictures=film is not None)


def _head(report: Report) -> Iterator[Markup]:
    """Name, time, headline numbers, alarms."""
    yield element("h1", report.loop)
    yield element(
        "p",
        f"{minute_of(_began(report))} to {minute_of(report.end)} UTC. The reward is ",
        element("code", report.reward_expression),
        f", from {figure(report.reward_low)} to {figure(report.reward_high)}.",
        class_="soft",
    )
    if report.n:
        yield element("dl", *(_tile(*tile) for tile in _headlines(report)), class_="tiles")
    if report.status.alarms:
        alarms = [element("li", with_code(alarm)) for alarm in report.status.alarms]
        yield element("section", element("h2", "To be looked at"), element("ul", *alarms), class_="alarms")
    else:
        yield element("p", "✓ No alarm.", class_="well")


def _headlines(report: Report) -> Iterator[tuple[str, str, str]]:
    """Name, figure, and a line about it."""
    days = max((report.end - report.start) / _DAY_US, 1e-9)
    rate = f"{report.n / days:,.0f} a day" if days >= 1 else f"in {_length(report.end - report.start)}"
    yield "Decisions", f"{report.n:,}", rate
    if report.episodes is not None:
        yield from _headlines_of_episodes(report, report.episodes)
        return
    reward = report.reward
    about = f"{interval_of(reward)}{reward.n:,} examples" if reward.n else "nothing is settled yet"
    yield "Mean reward", value_of(reward), about
    champion = report.status.champion
    learned = f"from {report.status.examples_in_champion or 0:,} examples"
    yield (
        "Decides now",
        short(champion)[:8],
        "the loop is paused" if report.status.is_paused else (learned if champion else "no model is live"),
    )
    yield _changes_tile(report)
    yield "Join rate", percent_of(report.joined), "of the settled decisions found an outcome"
    yield "By the baseline", f"{report.n_by_baseline / report.n:.1%}", "before a model was live, instead of one, or held out"


def _headlines_of_episodes(report: Report, found: Episodes) -> Iterator[tuple[str, str, str]]:
    yield episodes_tile(found)
    yield return_tile(found)
    yield "Decides now", short(report.status.champion)[:8], who_decides(report)
    yield _changes_tile(report)
    yield "By the baseline", f"{report.n_by_baseline / report.n:.1%}", by_baseline_told(report)


def _changes_tile(report: Report) -> tuple[str, str, str]:
    n_changes, n_back = (sum(reign.how == how for reign in report.reigns) for how in ("PROMOTE", "ROLLBACK"))
    return "New models live", f"{n_changes}", f"{n_back} taken back" if n_back else "none taken back"


def _tile(name: str, figure: str, about: str) -> Markup:
    shown = joined(element("dd", figure, class_="figure"), element("dd", about, class_="about"))
    return element("div", element("dt", name), shown, class_="tile")


def _sections(report: Report) -> Iterator[Markup]:
    def both(draw: Callable[[Frame], Markup], height: float) -> list[Markup]:
        return _both(report, draw, height=height)

    if report.earned is not None:
        yield earned_section(report.earned, both=both)
    yield timeline_section(report.timeline)
    episodes = report.episodes
    yield _reward_section(report) if episodes is None else returns_section(report, episodes, both=both)
    yield _models_section(report)
    yield _actions_section(report)
    yield _join_section(report) if episodes is None else ends_section(report, episodes)


def _nothing(report: Report) -> Markup:
    """What there is instead, and how to see it."""
    told = nothing_since(report)
    return element("section", element("p", with_code(f"No decision was made in this time.{f' {told}' if told else ''}")))


def _began(report: Report) -> int:
    """Where the time that is shown begins: what was asked, or the first decision's stretch."""
    return max(report.start, report.since) if report.n else report.since


def _reward_section(report: Report) -> Markup:
    bounds = [bound for s in report.stretches for bound in (s.reward.low, s.reward.high, s.reward.value) if bound is not None]
    clipped = [min(max(bound, report.reward_low), report.reward_high) for bound in bounds] or [0.0, 1.0]
    low, high = round_range(min(clipped), max(clipped))
    title = f"Mean reward over time, with 95 % intervals, and the models that were champion. {_summary(report)}"

    def draw(frame: Frame) -> Markup:
        return line_chart(
            replace(frame, low=low, high=high, strip=30.0),
            report.stretches,
            mean_of=lambda stretch: stretch.reward,
            title=title,
            show=figure,
            reigns=report.reigns,
        )

    return element(
        "section",
        element("h2", "Reward over time"),
        element(
            "ul",
            element("li", element("span", class_="key"), f"mean of {_length(_step(report))}"),
            element("li", element("span", class_="key area"), "95 % interval"),
            element("li", element("span", class_="key change"), "a new model live"),
            *([element("li", element("span", class_="key back"), "rolled back")] if _has_rollback(report) else []),
            class_="legend",
        ),
        *_both(report, draw, height=230.0),
        folded_table(
            "Reward and decisions in numbers",
            ("from (UTC)", "decisions", "examples", "mean reward", "95 % interval"),
            [
                (minute_of(s.start), f"{s.n:,}", f"{s.reward.n:,}", value_of(s.reward), bounds_of(s.reward))
                for s in report.stretches
                if s.n
            ],
        ),
    )


def _models_section(report: Report) -> Markup:
    verdicts = [(minute_of(one.at), one.call, short(one.model or None), one.why) for one in report.verdicts[:_MOST_ROWS]]
    about, decided = _decided(report)
    return element(
        "section",
        element("h2", "Who decided"),
        element("p", about, class_="soft"),
        decided,
        folded_table("What the gate said, newest first", ("at (UTC)", "verdict", "model", "why"), verdicts, n_numbers=0)
        if verdicts
        else "",
    )


def _decided(report: Report) -> tuple[str, Markup]:
    """Who made the decisions, or played the episodes, as a table; and what is to be said of it."""
    if report.episodes is not None:
        return played_table(report.episodes, name_of=lambda policy: _policy_name(policy, report))
    policies = report.policies[-_MOST_ROWS:]
    rows = [
        (
            _policy_name(line.policy, report),
            f"{line.n:,}",
            value_of(line.reward),
            bounds_of(line.reward),
            f"{minute_of(line.first)} to {minute_of(line.last)}",
        )
        for line in policies
    ]
    more = len(report.policies) - len(policies)
    about = "They decided at different times, so their means are no comparison; the gate compares on the same decisions."
    left_out = f" The {more} before these are left out." if more else ""
    return about + left_out, table(("policy", "decisions", "mean reward", "95 % interval", "decided (UTC)"), rows)


def _actions_section(report: Report) -> Markup:
    names = [_action_name(line) for line in report.actions]
    legend = [
        element("li", element("span", class_=f"swatch a{place}"), f"{name} {line.n / report.n:.1%}")
        for place, (name, line) in enumerate(zip(names, report.actions, strict=True))
    ]
    shares = ", ".join(f"{name} {line.n / report.n:.1%}" for name, line in zip(names, report.actions, strict=True))
    most = round_range(0.0, float(max(s.n for s in report.stretches)))[1]

    def draw_shares(frame: Frame) -> Markup:
        return share_chart(frame, report.stretches, names, title=f"Shares of the actions over time. In all: {shares}.")

    def draw_counts(frame: Frame) -> Markup:
        return bar_chart(replace(frame, high=most), report.stretches, title=f"Decisions over time, {report.n:,} in all.")

    counts, of_steps = _both(report, draw_counts, height=70.0), report.episodes is not None
    if len(report.actions) == 1:  # numbers, mostly: there are no shares to show
        return element(
            "section", element("h2", "Decisions"), element("p", f"{report.n:,} of {names[0]}.", class_="soft"), *counts
        )
    return element(
        "section",
        element("h2", "Actions"),
        element("p", f"Share of the decisions of {_length(_step(report))} that took each action.", class_="soft"),
        element("ul", *legend, class_="legend"),
        *_both(report, draw_shares, height=190.0),
        element("p", "Decisions", class_="soft"),
        *counts,
        folded_table(
            "Actions in numbers",
            ("action", "decisions", "share", "mean reward", *([] if of_steps else ["95 % interval"])),
            [
                (
                    name,
                    f"{line.n:,}",
                    f"{line.n / report.n:.1%}",
                    value_of(line.reward),
                    *([] if of_steps else [bounds_of(line.reward)]),
                )
                for name, line in zip(names, report.actions, strict=True)
            ],
            about="Rewards are those of the decisions that took the action. It was taken where it seemed best, so they "
            "do not say what another action would have earned there.",
        ),
    )


def _join_section(report: Report) -> Markup:
    audit = report.audit
    parts = [(name, getattr(audit, field), look) for field, name, look, _ in _WHOLE]
    told = ", ".join(f"{n:,} {name}" for name, n, _ in parts if n)
    legend = [element("li", element("span", class_=f"swatch {look}"), f"{name} {n:,}") for name, n, look in parts if n]
    rows = [(name, f"{getattr(audit, field):,}", about) for field, name, _, about in _WHOLE]
    beside = [(name, f"{n:,}", about) for field, name, about in _BESIDE if (n := getattr(audit, field))]

    def draw(frame: Frame) -> Markup:
        title = f"Share of the settled decisions that found an outcome, over time: {percent_of(report.joined)} in all."
        return line_chart(frame, report.stretches, mean_of=lambda s: s.joined, title=title, show=lambda value: f"{value:.0%}")

    strange = (
        [table(("count of", "", "what it means"), beside, about="Beside these:")]
        if beside
        else [element("p", "Nothing was late, repeated, undeclared or in conflict.", class_="well")]
    )
    return element(
        "section",
        element("h2", "Join health"),
        element(
            "p", f"What became of {audit.decisions:,} decisions and {audit.outcomes:,} outcomes, by whole hours.", class_="soft"
        ),
        split_bar(parts, title=f"{audit.decisions:,} decisions: {told}"),
        element("ul", *legend, class_="legend"),
        element("p", "Share that found an outcome", class_="soft"),
        *_both(report, draw, height=110.0),
        *strange,
        folded_table("All counts of decisions", ("decisions", "", "what it means"), rows, n_numbers=1),
    )


def _both(report: Report, draw: Callable[[Frame], Markup], *, height: float) -> list[Markup]:
    """The same chart for a wide and for a narrow screen; the style shows one of them."""
    end = max(report.end, report.start + 1)
    return [draw(Frame(width=width, height=height, start=report.start, end=end)) for width in (_WIDE, _NARROW)]


def _foot(report: Report) -> Markup:
    when = minute_of(report.end)
    made = f"Made by policyloop {policyloop.__version__} at {when} UTC from the tables of loop '{report.loop}'. "
    if report.episodes is not None:
        how = (
            "Intervals are of the mean over whole episodes, for one look; stretches with fewer than 30 episodes are taken to "
            "spread at least as all do. Returns are of episodes that are over and began in this time."
        )
        return element("footer", made, how)
    how = (
        "Intervals are of the mean, for one look; stretches with fewer than 30 examples are taken to spread at least as "
        "all examples do. Rewards are of decisions whose window is over."
    )
    return element("footer", made, how)


def _summary(report: Report) -> str:
    return f"In all {value_of(report.reward)}, {interval_of(report.reward)}from {report.reward.n:,} examples."


def _has_rollback(report: Report) -> bool:
    return any(reign.how == "ROLLBACK" for reign in report.reigns)


def _action_name(line: ActionLine) -> str:
    return line.name if line.n_actions == 1 else f"{line.n_actions:,} {line.name}"


def _policy_name(policy: str, report: Report) -> str:
    is_now = policy == (report.status.champion or BASELINE)
    return f"{short(policy)} (champion)" if is_now and policy != BASELINE else short(policy)


def _step(report: Report) -> int:
    return report.stretches[0].end - report.stretches[0].start


def _length(span_us: int) -> str:
    """`3 hours`, `1 day`."""
    seconds = span_us / US_PER_S
    units = ((604_800, "week"), (86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))
    size, unit = next((pair for pair in units if seconds >= pair[0]), units[-1])
    count = seconds / size
    return f"{count:.3g} {unit if count == 1 else f'{unit}s'}"
