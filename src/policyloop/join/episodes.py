"""The join of episodes: decisions and outcomes become transitions. A function of the set of events and the watermark.

Question answered: which steps followed one another, what was each worth, and how did the episode end?
An episode is in the table whole or not at all: it enters when it is over. It is over when somebody said so (`$ended`), when
it has as many steps as the spec allows, or when nobody went on until the reward window after its last decision had passed;
and when no outcome can count any more that its rewards are made of.
Letters: n decisions, e episodes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_episodes import needs_next
from policyloop.join.audit import Audit
from policyloop.join.episode_audit import EpisodeAudit, FaultRow, some_of
from policyloop.join.episode_records import Records, Words, once, words_of
from policyloop.join.episode_steps import NOWHERE, Ordered, Steps, put_in_order
from policyloop.join.examples import OUTCOME_COLUMNS, reports_of, seen_of
from policyloop.join.executed import done_instead, values_done_instead
from policyloop.join.reward import aggregated
from policyloop.join.transition_rows import Done, Placed, Told, transition_rows, uses_outcomes
from policyloop.join.window import Seen, Windows, windows
from policyloop.lake.views import IDENTITY

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

DECISION_COLUMNS = (  # what the join needs of decisions
    *dict.fromkeys((*IDENTITY, "hour", "context", "actions", "density", "pmf", "action_value", "propensity")),
    *("propensity_kind", "action_source", "split", "policy", "spec", "episode_id", "step"),
)
WORD_COLUMNS = (*OUTCOME_COLUMNS, "terminated", "truncated", "next_context")  # what it needs of outcomes

_FAULTS: tuple[str, ...] = ("no_episode", "no_step", "repeated_step", "conflict", "not_activated", "unusable", "unreadable")
_FAULTS += ("after_end", "no_next", "waiting")
_CODE = {name: code for code, name in enumerate(_FAULTS)}
_FINE = -1


@dataclass(frozen=True, slots=True)
class PutTogether:
    """Episodes, as far as they are over."""

    transitions: pa.Table  # TRANSITION_SCHEMA, but filed under the hour '', in the order (episode id, step)
    audit: Audit  # of decisions and outcomes
    episodes: EpisodeAudit
    due: int | None  # the watermark at which the next episode is over; None: none is waiting
    first_waiting: int | None  # decided_at of the earliest decision that waits


def put_together(decisions: pa.Table, outcomes: pa.Table, spec: LoopSpec, *, watermark: int) -> PutTogether:
    """Transitions of decisions and outcomes that are in memory.

    Args:
        decisions: columns `DECISION_COLUMNS` of all decision rows of some episodes.
        outcomes: columns `WORD_COLUMNS` of all outcome rows of these decisions.
        spec: the loop's spec, with `episodes`.
        watermark: microseconds; everything received before it is among the rows.
    """
    records = once(decisions)
    reports, n_orphans = reports_of(outcomes, records.table, list(spec.outcomes))
    seen = seen_of(reports)
    in_time = _in_time(records.table, seen, spec)
    values, is_there = aggregated(spec.outcomes, seen, counts=in_time.counts, n=records.table.num_rows)
    done = _done(reports, records.table, spec)
    words = words_of(outcomes, records.table)
    told = Told.of(records.table["context"], words.next_context, spec)

    left = _left_out(records, in_time, done.is_usable)
    rows = _sorted_rows(records, left)  # places of decisions that are steps
    ordered = _in_order(records, words, told, rows, spec)
    over_at = _over_at(records, in_time, words, ordered, rows, spec)
    _leave_out(left, records, ordered, rows, is_readable=told.is_readable, is_over=over_at <= watermark)
    placed = _placed(records, ordered, rows, ordered.keep & (left[rows] == _FINE))
    made = transition_rows(records.table, placed, told=told, done=done, outcomes=(values, is_there), spec=spec)
    duplicates = int(reports["n_duplicates"].to_numpy().sum()) + int(records.n_duplicates.sum())
    episodes = _with_counts(
        _episode_audit(records, words, ordered, rows, left, is_over=over_at <= watermark),
        transitions=made.rows.num_rows,
        executed=made.n_executed,
        clipped=made.n_clipped,
        duplicate=duplicates,
    )
    audit = _audit(episodes, reports, in_time, n_outcomes=len(seen) + n_orphans, n_orphans=n_orphans)
    is_waiting = left == _CODE["waiting"]
    if not is_waiting.any():
        return PutTogether(made.rows, audit, episodes, due=None, first_waiting=None)
    due = over_at[over_at > watermark]
    first = int(records.table["decided_at"].to_numpy()[is_waiting].min())
    return PutTogether(made.rows, audit, episodes, due=int(due.min()), first_waiting=first)


def outcomes_of(decisions: pa.Table, outcomes: pa.Table, spec: LoopSpec) -> tuple[pa.Array, dict[str, Floats]]:
    """(n,) ids of decisions, and name -> (n,) the value of each declared outcome, as the reward sees it.

    Args:
        decisions: as of `put_together`.
        outcomes: the same.
        spec: of the loop.
    """
    table = once(decisions).table
    reports, _ = reports_of(outcomes, table, list(spec.outcomes))
    seen = seen_of(reports)
    values, _ = aggregated(spec.outcomes, seen, counts=_in_time(table, seen, spec).counts, n=table.num_rows)
    return table["decision_id"].combine_chunks(), values


def _in_time(decisions: pa.Table, seen: Seen, spec: LoopSpec) -> Windows:
    """Which outcomes happened in the windows of their decisions."""
    return windows(
        decisions["decided_at"].to_numpy().astype(np.int64),
        decisions["is_deferred"].to_numpy().astype(bool),
        seen,
        activated=len(spec.outcomes),
        n_declared=len(spec.outcomes),
        window_us=round(spec.reward.window_s * US_PER_S),
        close=spec.reward.close,
    )


def _audit(episodes: EpisodeAudit, reports: pa.Table, in_time: Windows, *, n_outcomes: int, n_orphans: int) -> Audit:
    """The audit that all loops have: what became no transition is unusable."""
    return Audit(
        decisions=episodes.decisions,
        joined=episodes.transitions,
        waiting=episodes.waiting,
        unusable=episodes.decisions - episodes.transitions - episodes.waiting,
        outcomes=n_outcomes,
        arrived_late=int(in_time.arrived_late.sum()),
        happened_late=int(in_time.happened_late.sum()),
        undeclared=int((reports["name"].to_numpy() < 0).sum()),
        duplicate=episodes.duplicate,
        conflict=episodes.conflict,
        outcome_conflict=int(reports["is_conflict"].to_numpy().astype(bool).sum()),
        clipped=episodes.clipped,
        executed=episodes.executed,
        orphan=n_orphans,
    )


def _done(reports: pa.Table, decisions: pa.Table, spec: LoopSpec) -> Done:
    """What was carried out."""
    action, values = decisions["action"], decisions["action_value"]
    n_places = len(spec.actions.choices) if spec.actions.kind in ("continuous", "tuple") else 1
    is_whole = _has(action, n_places) & _has(values, len(spec.actions.box))
    if spec.actions.kind in ("continuous", "tuple"):
        places, numbers, is_usable = values_done_instead(reports, action, values, spec.actions)
        return Done(places, numbers, is_usable & is_whole)
    instead, is_usable = done_instead(reports, action)
    return Done(instead, pa.nulls(len(instead), values.type), is_usable & is_whole)


def _has(lists: pa.ChunkedArray, n_parts: int) -> Bools:
    """(n,) whether each list has that many entries or more."""
    has: Bools = pc.fill_null(pc.list_value_length(lists), 0).to_numpy() >= n_parts
    return has


def _left_out(records: Records, in_time: Windows, is_usable: Bools) -> NDArray[np.int8]:
    """(n,) why a decision is no step at all; `_FINE` for those that are."""
    left = np.full(records.table.num_rows, _FINE, dtype=np.int8)
    left[~is_usable] = _CODE["unusable"]
    left[~in_time.is_open] = _CODE["not_activated"]
    left[records.is_conflict] = _CODE["conflict"]
    left[~records.has_step] = _CODE["no_step"]
    left[records.episode < 0] = _CODE["no_episode"]
    return left


def _leave_out(
    left: NDArray[np.int8], records: Records, ordered: Ordered, rows: Ints, *, is_readable: Bools, is_over: Bools
) -> None:
    """Mark the steps that become no transition, and the decisions that wait."""
    left[rows[ordered.is_after_end]] = _CODE["after_end"]
    left[rows[~is_readable[rows] & ~ordered.is_after_end]] = _CODE["unreadable"]
    left[rows[ordered.is_without_next]] = _CODE["no_next"]
    waits = np.append(~is_over, False)  # the last entry is of decisions without an episode
    left[waits[records.episode]] = _CODE["waiting"]


def _sorted_rows(records: Records, left: NDArray[np.int8]) -> Ints:
    """Places of the steps in the order (episode, step). Of several decisions of one step the first counts; marks the others."""
    rows = np.flatnonzero(left == _FINE)
    rows = rows[np.lexsort((records.step[rows], records.episode[rows]))]  # stable: the log's order stays
    again = np.zeros(len(rows), dtype=bool)
    again[1:] = (np.diff(records.episode[rows]) == 0) & (np.diff(records.step[rows]) == 0)
    left[rows[again]] = _CODE["repeated_step"]
    return rows[~again]


def _in_order(records: Records, words: Words, told: Told, rows: Ints, spec: LoopSpec) -> Ordered:
    assert spec.episodes is not None, "a loop without episodes"
    steps = Steps(
        episode=records.episode[rows],
        step=records.step[rows],
        is_readable=told.is_readable[rows],
        is_terminated=words.is_terminated[rows],
        is_truncated=words.is_truncated[rows],
        has_last=told.has_last[rows],
    )
    return put_in_order(
        steps, n_episodes=records.n_episodes, max_steps=spec.episodes.max_steps, needs_next=needs_next(spec.reward.expression)
    )


def _placed(records: Records, ordered: Ordered, rows: Ints, keep: Bools) -> Placed:
    next_row = ordered.next_row[keep]
    return Placed(
        rows=rows[keep],
        next_rows=np.where(next_row == NOWHERE, NOWHERE, rows[next_row]),
        has_next=ordered.has_next[keep],
        terminated=ordered.terminated[keep],
        truncated=ordered.truncated[keep],
        episode=records.episode[rows[keep]],
        step=records.step[rows[keep]],
    )


def _over_at(records: Records, in_time: Windows, words: Words, ordered: Ordered, rows: Ints, spec: LoopSpec) -> Ints:
    """(e,) the watermark from which an episode is in the table."""
    n_episodes = records.n_episodes
    decided_at = records.table["decided_at"].to_numpy().astype(np.int64)
    has_episode = records.episode >= 0
    last = np.zeros(n_episodes, dtype=np.int64)
    np.maximum.at(last, records.episode[has_episode], decided_at[has_episode])
    silent_at = last + round(spec.reward.window_s * US_PER_S)
    heard_at = np.zeros(n_episodes, dtype=np.int64)
    said = has_episode & (words.n_words > 0)
    np.maximum.at(heard_at, records.episode[said], words.received_at[said] + 1)
    known_at = np.maximum(last + 1, heard_at)  # what was received before the watermark is in the tables
    can_go_on = np.ones(n_episodes, dtype=bool)  # the limit ends an episode at once where the context after it is known
    can_go_on[records.episode[rows[ordered.is_at_limit & ordered.has_next]]] = False
    over_at = np.where(ordered.by_word | ~can_go_on, known_at, silent_at)
    if uses_outcomes(spec):
        settled = rows[~ordered.is_after_end]
        np.maximum.at(over_at, records.episode[settled], in_time.matured_at[settled])
    return over_at


def _episode_audit(
    records: Records, words: Words, ordered: Ordered, rows: Ints, left: NDArray[np.int8], *, is_over: Bools
) -> EpisodeAudit:
    """Counts, and some of the rows with faults; without what only the rows of the table can tell."""
    counts = np.bincount(left[left >= 0], minlength=len(_FAULTS))
    by_end = np.zeros((2, records.n_episodes), dtype=bool)
    ends = np.flatnonzero((words.n_words > 0) & (records.episode >= 0))
    is_first_word = np.isin(ends, rows[_is_word_that_counts(records, words, rows)])
    by_end[0, records.episode[ends[is_first_word & words.is_terminated[ends]]]] = True
    by_end[1, records.episode[ends[is_first_word & words.is_truncated[ends]]]] = True
    by_word = is_over & ordered.by_word
    return EpisodeAudit(
        decisions=len(left),
        **{name: int(counts[code]) for name, code in _CODE.items()},
        episodes=int(is_over.sum()),
        episodes_waiting=int((~is_over).sum()),
        terminated=int((by_word & by_end[0]).sum()),
        truncated=int((by_word & by_end[1]).sum()),
        at_limit=int((is_over & ordered.by_limit).sum()),
        silent=int((is_over & ~ordered.by_word & ~ordered.by_limit).sum()),
        gaps=ordered.n_gaps,
        both_ends=int(words.is_both.sum()),
        ended_again=int(words.n_words.sum()) - int(is_first_word.sum()),
        terminated_at_limit=int((ordered.is_at_limit & ordered.terminated).sum()),
        rows=_fault_rows(records, words, left),
    )


def _is_word_that_counts(records: Records, words: Words, rows: Ints) -> Bools:
    """Of the sorted steps, the one of each episode whose word ends it: the earliest that has any."""
    has_word = words.n_words[rows] > 0
    own = records.episode[rows][has_word]
    counts = np.zeros(len(rows), dtype=bool)
    counts[np.flatnonzero(has_word)[np.diff(own, prepend=-1) != 0]] = True
    return counts


def _with_counts(audit: EpisodeAudit, **counts: int) -> EpisodeAudit:
    return EpisodeAudit(**{name: counts.get(name, getattr(audit, name)) for name in EpisodeAudit.__struct_fields__})


def _fault_rows(records: Records, words: Words, left: NDArray[np.int8]) -> tuple[FaultRow, ...]:
    """Some of the decisions with a fault, by name."""
    found: list[FaultRow] = []
    for name, where in (
        *((name, left == code) for name, code in _CODE.items() if name != "waiting"),
        ("both_ends", words.is_both),
        ("ended_again", words.n_words > 1),
    ):
        rows = np.flatnonzero(where)
        if len(rows):
            told = records.table.select(["episode_id", "step", "decision_id"]).take(rows).to_pylist()
            found.extend(some_of(FaultRow(name, one["episode_id"] or "", one["step"], one["decision_id"]) for one in told))
    return some_of(found)
