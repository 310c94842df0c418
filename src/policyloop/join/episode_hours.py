"""Joining episodes hour by hour: an episode is filed under the hour of its first decision, and the table gets what is new.

Question answered: which episodes can have changed, and what did joining them bring?
A mark says that rows were added to an hour. It is taken in at once: the hour's episodes are entered into the index, and the
hours under which they are filed become due. What is due is joined; an hour stays due at the moment when its next episode
will be over. Transitions are appended, an episode at a time. Only where one changed or is no more is its hour written anew.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.loop import LoopSpec
from policyloop.core.model import canonical_json, digest
from policyloop.core.spec_file import to_mapping
from policyloop.join.episode_audit import EpisodeAudit, added_episodes
from policyloop.join.episodes import DECISION_COLUMNS, WORD_COLUMNS, PutTogether, put_together
from policyloop.join.hour_states import Brought, HourState, hour_states, make_due, remember
from policyloop.lake import dirty, episode_index
from policyloop.lake.place import id_hash
from policyloop.lake.schema import DECISIONS, OUTCOMES, TRANSITION_SCHEMA, TRANSITIONS
from policyloop.lake.sql import Session
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.watermark import read_watermark
from policyloop.storage.records import Records

_ROWS_PER_COMMIT = 500_000  # bounds the memory that wide columns take

# What two versions of a transition are told apart by; all else follows from the decision's record.
_FACTS: tuple[str, ...] = (
    "decision_id",
    "next_context",
    "state",
    "next_state",
    "action",
    "action_value",
    "propensity",
    "propensity_kind",
)
_FACTS += ("reward", "terminated", "truncated", "discount", "split")

_EPISODES = f"""
SELECT coalesce(n.episode_id, c.episode_id) AS episode_id,
    count(c.episode_id) AS n_current, count(n.episode_id) AS n_now,
    bool_or(({", ".join(f"n.{name}" for name in _FACTS)}) IS DISTINCT FROM ({", ".join(f"c.{name}" for name in _FACTS)}))
        AS is_changed
FROM now n FULL JOIN current c ON n.episode_id = c.episode_id AND n.step = c.step
GROUP BY ALL
"""  # noqa: S608 - names of our own schema


def join_episodes(lake: Lake, records: Records, spec: LoopSpec, *, watermark: int | None = None) -> Brought:
    """Bring a loop's transitions up to date.

    Args:
        lake: the tables.
        records: marks, the index of episodes, and what the last joins left.
        spec: the loop's spec as it holds now, with `episodes`.
        watermark: microseconds; None for the stored one.
    """
    limit = read_watermark(records) if watermark is None else watermark
    _take_in_marks(lake, records, spec.loop)
    terms = episode_terms_of(spec)
    total = Brought()
    for hour, state in sorted(hour_states(records, spec.loop).items()):
        if state.terms == terms and (state.due is None or state.due > limit):
            continue
        found, brought = join_episodes_of_hour(lake, records, spec, hour, watermark=limit)
        joined = HourState(state.marked, terms, found.due, found.first_waiting, found.audit, found.episodes)
        remember(records, spec.loop, hour, joined)
        total += brought
    return total


def join_episodes_of_hour(
    lake: Lake, records: Records, spec: LoopSpec, hour: str, *, watermark: int
) -> tuple[PutTogether, Brought]:
    """Join the episodes that begin in one hour. Doing it twice is doing it once."""
    decisions, outcomes = _events(lake, records, spec.loop, hour)
    found = put_together(decisions, outcomes, spec, watermark=watermark)
    place = TRANSITION_SCHEMA.get_field_index("hour")
    rows = found.transitions.set_column(place, TRANSITION_SCHEMA.field(place), pa.repeat(hour, found.transitions.num_rows))
    where = in_hours(spec.loop, hour)
    current = lake.rows(TRANSITIONS, where=where, columns=("episode_id", "step", *_FACTS))
    if not current.num_rows:
        _append(lake, rows)
        return found, Brought(1, rows.num_rows)
    with Session({"now": rows, "current": current}) as session:
        episodes = session.query(_EPISODES)
    return found, _bring(lake, rows, episodes, where)


def episode_audit(records: Records, loop: str) -> EpisodeAudit:
    """The audit of a loop's episodes, as its hours were last joined."""
    states = hour_states(records, loop).values()
    return added_episodes(state.episodes for state in states if state.episodes is not None)


def n_episodes(records: Records, loop: str) -> int:
    """Episodes of a loop that are over, of both splits."""
    return sum(state.episodes.episodes for state in hour_states(records, loop).values() if state.episodes is not None)


def episode_terms_of(spec: LoopSpec) -> str:
    """Digest of the part of a spec that transitions depend on."""
    said = to_mapping(spec)
    return digest(canonical_json([said["outcomes"], said["reward"], said["context"], said["episodes"]]))


def _take_in_marks(lake: Lake, records: Records, loop: str) -> None:
    """Enter the episodes of marked hours into the index, and make the hours due that they are filed under."""
    for hour, marked in dirty.marks(records, loop).items():
        ids = lake.rows(DECISIONS, where=in_hours(loop, hour), columns=["episode_id"])["episode_id"]
        names = pc.drop_null(pc.unique(ids.combine_chunks())).to_pylist()
        with records.write() as connection:
            filed = episode_index.enter(connection, loop, hour, names)
            make_due(connection, loop, filed | {hour})  # the hour itself for decisions without an episode
            dirty.clear(connection, loop, hour, marked=marked)


def _events(lake: Lake, records: Records, loop: str, hour: str) -> tuple[pa.Table, pa.Table]:
    """Decisions of the episodes that begin in an hour, wherever they are filed, and their outcomes."""
    with records.read() as connection:
        began_before, hours = episode_index.hours_of_episodes_in(connection, loop, hour)
    where = in_hours(loop, *hours)
    decisions = lake.rows(DECISIONS, where=where, columns=DECISION_COLUMNS)
    outcomes = lake.rows(OUTCOMES, where=where, columns=WORD_COLUMNS)
    if hours == [hour] and not began_before:
        return decisions, outcomes
    is_here = pc.equal(decisions["hour"], hour)
    ids = pc.unique(decisions["episode_id"].filter(is_here).combine_chunks())
    own = [name for name in ids.to_pylist() if name is not None and id_hash(name) not in began_before]
    is_own = pc.is_in(decisions["episode_id"], value_set=pa.array(own, pa.string()))
    taken = decisions.filter(pc.or_(is_own, pc.and_(is_here, pc.is_null(decisions["episode_id"]))))
    is_of_taken = pc.is_in(outcomes["decision_id"], value_set=pc.unique(taken["decision_id"].combine_chunks()))
    return taken, outcomes.filter(is_of_taken)


def _bring(lake: Lake, rows: pa.Table, episodes: pa.Table, where: str) -> Brought:
    """Write what is new, or the whole hour where something changed that was there."""
    was_there = pc.greater(episodes["n_current"], 0)
    changed = episodes.filter(pc.and_(was_there, episodes["is_changed"]))
    new = episodes.filter(pc.invert(was_there))
    n_new = pc.sum(new["n_now"]).as_py() or 0
    if not changed.num_rows:
        _append(lake, rows.filter(pc.is_in(rows["episode_id"], value_set=new["episode_id"].combine_chunks())))
        return Brought(1, n_new)
    if rows.num_rows:
        lake.replace(TRANSITIONS, rows, where=where)
    else:
        lake.remove(TRANSITIONS, where=where)
    n_now, n_before = (pc.sum(changed[name]).as_py() or 0 for name in ("n_now", "n_current"))
    return Brought(1, n_new, min(n_now, n_before), max(n_before - n_now, 0))


def _append(lake: Lake, rows: pa.Table) -> None:
    """Add transitions, some at a time; what a crash leaves out, the next join brings."""
    for start in range(0, rows.num_rows, _ROWS_PER_COMMIT):
        lake.commit(lake.open(TRANSITIONS), rows.slice(start, _ROWS_PER_COMMIT))
