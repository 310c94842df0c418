"""The audit of episodes: what became of every decision, with the rows of what is wrong, in numbers that must add up.

Question answered: which decisions became transitions, and for each that did not, why not?
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

ROWS_PER_FAULT = 5  # that are told by name, an hour


class FaultRow(msgspec.Struct, frozen=True, order=True):
    """One decision with a fault."""

    fault: str  # a field of `EpisodeAudit`
    episode_id: str
    step: int | None
    decision_id: str


class EpisodeAudit(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of the episodes that begin in one hour, or in several, added up.

    decisions = transitions + waiting + no_episode + no_step + repeated_step + conflict + not_activated + unusable +
    unreadable + after_end + no_next.
    """

    decisions: int = 0  # each once
    transitions: int = 0
    waiting: int = 0  # in episodes that are not over, or whose outcomes may still come
    no_episode: int = 0  # without an episode's id
    no_step: int = 0  # without a step, where others of the episode have one
    repeated_step: int = 0  # further decisions of a step; the first one counts
    conflict: int = 0  # records of one decision that differ
    not_activated: int = 0  # deferred, and never activated
    unusable: int = 0  # what was carried out instead cannot be read
    unreadable: int = 0  # the context lacks a number that the spec demands
    after_end: int = 0  # steps after the end of their episode
    no_next: int = 0  # nobody recorded what came next
    episodes: int = 0  # that are over
    episodes_waiting: int = 0
    terminated: int = 0  # episodes of which somebody said so
    truncated: int = 0  # episodes of which somebody said so
    at_limit: int = 0  # episodes that reached the greatest number of steps without a word
    silent: int = 0  # episodes that nobody ended: truncated at their last step
    gaps: int = 0  # steps that are missing between others, counted as places
    both_ends: int = 0  # said to be terminated and truncated at once: taken as terminated
    ended_again: int = 0  # further words about an end; the first received of the earliest step counts
    terminated_at_limit: int = 0  # terminated at the very last step that the spec allows: perhaps a time limit
    executed: int = 0  # transitions whose action is another than the chosen
    clipped: int = 0  # transitions whose computed reward was outside the range
    duplicate: int = 0  # further records of decisions and outcomes
    rows: tuple[FaultRow, ...] = ()  # some of those with a fault


def added_episodes(audits: Iterable[EpisodeAudit]) -> EpisodeAudit:
    """The sum, count by count; of the rows with faults the first few of each kind."""
    told = list(audits)
    names = [name for name in EpisodeAudit.__struct_fields__ if name != "rows"]
    counts = {name: sum(getattr(one, name) for one in told) for name in names}
    return EpisodeAudit(**counts, rows=some_of(row for one in told for row in one.rows))


def some_of(rows: Iterable[FaultRow]) -> tuple[FaultRow, ...]:
    """At most `ROWS_PER_FAULT` of each fault, the first in order."""
    kept: dict[str, list[FaultRow]] = {}
    for row in sorted(rows, key=lambda row: (row.fault, row.episode_id, row.step or 0, row.decision_id)):
        of_fault = kept.setdefault(row.fault, [])
        if len(of_fault) < ROWS_PER_FAULT:
            of_fault.append(row)
    return tuple(row for of_fault in kept.values() for row in of_fault)
