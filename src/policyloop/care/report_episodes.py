"""The sections of a report's page about episodes: what they returned, who played them, and how they ended.

Question answered: how well was played lately, by whom, and is anything missing? Intervals are over whole episodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from policyloop.care.charts import Frame, line_chart, round_range, split_bar
from policyloop.care.markup import Markup, element
from policyloop.care.mean import Mean
from policyloop.care.played import SEVERAL, Episodes
from policyloop.care.report import IMPORTED_PART, Report, Stretch
from policyloop.care.report_parts import bounds_of, figure, folded_table, interval_of, minute_of, table, value_of

Both = Callable[[Callable[[Frame], Markup], float], list[Markup]]  # draws for a wide and for a narrow screen

_MOST_ROWS = 30
_ENDS = (  # episodes are the sum of these: count, name, colour, what it means
    ("terminated", "terminated", "a2", "somebody said so: nothing comes after"),
    ("truncated", "truncated", "a0", "somebody said so: it was left off"),
    ("at_limit", "at max_steps", "a4", "it reached `episodes.max_steps` without a word: truncated there"),
    ("silent", "ended by nobody", "a7", "nothing came any more: truncated at its last step"),
    ("episodes_waiting", "waiting", "a10", "not over, or its outcomes may still come"),
)
_FAULTS = (  # what became of decisions that are no transition
    ("waiting", "waiting", "in episodes that are not over, or whose outcomes may still come"),
    ("no_episode", "without an episode", "asked without an episode_id"),
    ("no_step", "without a step", "others of the episode have one"),
    ("repeated_step", "repeated step", "further decisions of a step; the first counts"),
    ("conflict", "in conflict", "records of one decision that differ"),
    ("not_activated", "never activated", "deferred and never activated"),
    ("unusable", "unusable", "what was carried out instead cannot be read"),
    ("unreadable", "unreadable", "the context lacks a number that the spec demands"),
    ("after_end", "after the end", "steps after the end of their episode"),
    ("no_next", "without a next state", "nobody recorded what came next"),
)
_BESIDE = (
    ("gaps", "missing steps", "between others of their episode"),
    ("both_ends", "both ends", "said to be terminated and truncated at once: taken as terminated"),
    ("ended_again", "ended again", "further words about an end; the first of the earliest step counts"),
    ("terminated_at_limit", "terminated at max_steps", "perhaps a time limit, which would be `truncated`"),
    ("executed", "done otherwise", "another action than the chosen was carried out; learned from as it was done"),
    ("clipped", "clipped", "rewards outside the declared range"),
    ("duplicate", "repeated", "records that came again; they count once"),
)
_OF_OUTCOMES = (
    ("happened_late", "outcomes too late", "after the window: stored, not in the reward"),
    ("orphan", "outcomes without a decision", "their decision will not come: do clients send the decision_id they were given?"),
    ("unplaced", "outcomes not placed yet", "their decision may still come"),
    ("undeclared", "undeclared outcomes", "with a name that the loop does not declare"),
    ("outcome_conflict", "outcomes in conflict", "repeated with another value: the first counts"),
)


def return_tile(found: Episodes) -> tuple[str, str, str]:
    """Name, figure, and a line about it."""
    about = f"of an episode; {interval_of(found.returns)}{found.n:,} episodes" if found.n else "no episode is over yet"
    return "Mean return", value_of(found.returns), about


def episodes_tile(found: Episodes) -> tuple[str, str, str]:
    """How many are over, and how many wait."""
    wait = found.audit.episodes_waiting
    return "Episodes", f"{found.n:,}", f"over; {wait:,} waiting" if wait else "over; none waiting"


def returns_section(report: Report, found: Episodes, *, both: Both) -> Markup:
    """Returns of whole episodes over time."""
    mean_in = {stretch.start: mean for stretch, mean in zip(report.stretches, found.stretches, strict=True)}
    bounds = [b for mean in found.stretches for b in (mean.low, mean.high, mean.value) if b is not None] or [0.0, 1.0]
    low, high = round_range(min(bounds), max(bounds))
    told = f"In all {value_of(found.returns)}, {interval_of(found.returns)}from {found.n:,} episodes."
    title = f"Mean return of an episode over time, with 95 % intervals, and the models that were champion. {told}"

    def of_stretch(stretch: Stretch) -> Mean:
        return mean_in[stretch.start]

    def draw(frame: Frame) -> Markup:
        shown = replace(frame, low=low, high=high, strip=30.0)
        return line_chart(
            shown, report.stretches, mean_of=of_stretch, title=title, show=figure, reigns=report.reigns, unit="episodes"
        )

    begun = [(stretch, mean) for stretch, mean in zip(report.stretches, found.stretches, strict=True) if mean.n]
    return element(
        "section",
        element("h2", "Return over time"),
        element(
            "p", "The return is the sum of an episode's rewards, as counted. It stands where the episode began.", class_="soft"
        ),
        _legend(report),
        *both(draw, 230.0),
        folded_table(
            "Returns in numbers",
            ("from (UTC)", "episodes", "mean return", "95 % interval"),
            [(minute_of(s.start), f"{mean.n:,}", value_of(mean), bounds_of(mean)) for s, mean in begun],
        ),
    )


def _legend(report: Report) -> Markup:
    changes = {reign.how for reign in report.reigns}
    return element(
        "ul",
        element("li", element("span", class_="key"), "mean of the episodes"),
        element("li", element("span", class_="key area"), "95 % interval"),
        *([element("li", element("span", class_="key change"), "a new model live")] if "PROMOTE" in changes else []),
        *([element("li", element("span", class_="key back"), "rolled back")] if "ROLLBACK" in changes else []),
        class_="legend",
    )


def played_table(found: Episodes, *, name_of: Callable[[str], str]) -> tuple[str, Markup]:
    """Who played, and what is to be said of it: episodes and their returns."""
    shown = found.played[-_MOST_ROWS:]
    more = len(found.played) - len(shown)
    about = "They played at different times, so their means are no comparison; the gate compares what belongs together." + (
        f" The {more} before these are left out." if more else ""
    )
    head = ("played by", "episodes", "steps each", "mean return", "95 % interval", "began (UTC)")
    rows = [
        (
            "several in one episode" if line.policy == SEVERAL else name_of(line.policy),
            f"{line.n:,}",
            f"{line.mean_length:,.1f}",
            value_of(line.returns),
            bounds_of(line.returns),
            f"{minute_of(line.first)} to {minute_of(line.last)}",
        )
        for line in shown
    ]
    return about, table(head, rows)


def ends_section(report: Report, found: Episodes) -> Markup:
    """How episodes ended, and which decisions became no transition."""
    audit = found.audit
    ends = [(name, getattr(audit, field), look) for field, name, look, _ in _ENDS]
    told = ", ".join(f"{n:,} {name}" for name, n, _ in ends if n) or "none yet"
    legend = [element("li", element("span", class_=f"swatch {look}"), f"{name} {n:,}") for name, n, look in ends if n]
    lost = [(name, f"{n:,}", why) for field, name, why in _FAULTS if (n := getattr(audit, field))]
    beside = [(name, f"{n:,}", why) for field, name, why in _BESIDE if (n := getattr(audit, field))]
    beside += [(name, f"{n:,}", why) for field, name, why in _OF_OUTCOMES if (n := getattr(report.audit, field))]
    strange = [
        table(("decisions", "", "what it means"), lost, about="Decisions that are no transition:") if lost else "",
        table(("count of", "", "what it means"), beside, about="Beside these:") if beside else "",
    ]
    ends_rows = [(name, f"{getattr(audit, field):,}", why.replace("`", "")) for field, name, _, why in _ENDS]
    return element(
        "section",
        element("h2", "Episodes and how they ended"),
        element(
            "p",
            f"{audit.episodes:,} episodes are over and {audit.episodes_waiting:,} wait; {audit.transitions:,} of "
            f"{audit.decisions:,} decisions are transitions, by whole hours.",
            class_="soft",
        ),
        split_bar(ends, title=f"{audit.episodes + audit.episodes_waiting:,} episodes: {told}"),
        element("ul", *legend, class_="legend"),
        *(
            strange
            if lost or beside
            else [element("p", "Every decision is a transition, and nothing was in conflict.", class_="well")]
        ),
        folded_table("All ends of episodes", ("episodes", "", "what it means"), ends_rows, n_numbers=1),
    )


def who_decides(report: Report) -> str:
    """A line about the champion, or who decided where there is none."""
    status = report.status
    if status.is_paused:
        return "the loop is paused"
    return f"from {status.examples_in_champion or 0:,} transitions" if status.champion else "no model is live"


def by_baseline_told(report: Report) -> str:
    """Who made the other decisions."""
    others = report.n - report.n_by_baseline - report.n_imported
    return f"of the decisions; {report.n_imported / report.n:.1%} {IMPORTED_PART}, {others / report.n:.1%} by models"
