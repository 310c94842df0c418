"""The records of episodes: each decision once with its episode and step as numbers, and what was said about ends.

Question answered: which record of a decision counts, where in which episode does it stand, and who said that it was the last?
Letters: n decisions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.event import ENDED
from policyloop.lake.sql import Session
from policyloop.lake.views import ORDER, first_decisions, repeated_ids, twins_of

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

_MATCHED = """
SELECT min(rows.place) AS place, first.n_duplicates, first.is_conflict
FROM rows JOIN first USING (writer, seq)
GROUP BY first.decided_at, rows.writer, rows.seq, first.n_duplicates, first.is_conflict
ORDER BY first.decided_at, rows.writer, rows.seq
"""
_WORD_NAMES = ("decision_id", "outcome_id", "received_at", "terminated", "truncated", "next_context", "writer", "seq")
_WORDS = """
SELECT * EXCLUDE (place) FROM (
    SELECT *, count(*) OVER (PARTITION BY decision_id) AS n,
        row_number() OVER (PARTITION BY decision_id ORDER BY received_at, outcome_id) AS place
    FROM (
        SELECT * FROM words
        QUALIFY row_number() OVER (PARTITION BY decision_id, outcome_id ORDER BY received_at,
            md5(concat_ws('|', terminated, truncated, next_context)), writer, seq) = 1
    )
) WHERE place = 1
"""


@dataclass(frozen=True, slots=True)
class Records:
    """n decisions, each once, in the order (decided_at, writer, seq)."""

    table: pa.Table
    n_duplicates: Ints
    is_conflict: Bools
    episode: Ints  # (n,) place among the episode ids in alphabetical order; -1: it has none
    step: Ints  # (n,) as it was logged, or the place by time where an episode has no steps at all
    has_step: Bools
    n_episodes: int


@dataclass(frozen=True, slots=True)
class Words:
    """What was said about ends, by decision."""

    is_terminated: Bools  # (n,)
    is_truncated: Bools
    received_at: Ints  # (n,) 0 where nothing was said
    next_context: pa.Array  # (n,) JSON or null
    n_words: Ints  # (n,)
    is_both: Bools


def once(decisions: pa.Table) -> Records:
    """The record that counts, of each decision."""
    if len(repeated_ids(decisions)):
        first = first_decisions(decisions, twins_of(decisions))
        places = decisions.select(["writer", "seq"]).append_column("place", pa.array(np.arange(decisions.num_rows)))
        with Session({"rows": places, "first": first}) as session:
            found = session.query(_MATCHED)
        table = decisions.take(found["place"])
        n_duplicates = found["n_duplicates"].to_numpy().astype(np.int64)
        is_conflict = found["is_conflict"].to_numpy().astype(bool)
    else:
        table = _in_log_order(decisions)
        n_duplicates = np.zeros(table.num_rows, dtype=np.int64)
        is_conflict = np.zeros(table.num_rows, dtype=bool)
    episode, n_episodes = _numbered(table["episode_id"])
    step, has_step = _steps(table["step"], episode, n_episodes)
    return Records(table, n_duplicates, is_conflict, episode, step, has_step, n_episodes)


def _in_log_order(decisions: pa.Table) -> pa.Table:
    """The rows in the order (decided_at, writer, seq); mostly they are."""
    at, seq = (decisions[name].to_numpy() for name in ("decided_at", "seq"))
    is_one_writer = pc.count_distinct(decisions["writer"]).as_py() <= 1
    if is_one_writer and bool(((np.diff(at) > 0) | ((np.diff(at) == 0) & (np.diff(seq) > 0))).all()):
        return decisions
    return decisions.take(pc.sort_indices(decisions.select(ORDER), sort_keys=[(name, "ascending") for name in ORDER]))


def _numbered(ids: pa.ChunkedArray) -> tuple[Ints, int]:
    """The place of each id among all of them in alphabetical order, -1 for none; and how many there are."""
    encoded = ids.combine_chunks().dictionary_encode()
    order = pc.sort_indices(encoded.dictionary).to_numpy()
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order] = np.arange(len(order))
    place[-1] = -1
    return place[pc.fill_null(encoded.indices, -1).to_numpy()], len(order)


def _steps(logged: pa.ChunkedArray, episode: Ints, n_episodes: int) -> tuple[Ints, Bools]:
    """Step and whether there is one; where no decision of an episode has a step, they are counted by time from 0."""
    has_step = pc.is_valid(logged).to_numpy().astype(bool)
    step = pc.fill_null(logged, 0).to_numpy().astype(np.int64)
    if has_step.all():
        return step, has_step
    has_any = np.zeros(n_episodes + 1, dtype=bool)
    has_any[episode[has_step]] = True
    is_counted = (episode >= 0) & ~has_any[episode]
    rows = np.flatnonzero(is_counted)
    rows = rows[np.argsort(episode[rows], kind="stable")]
    own = episode[rows]
    starts = np.flatnonzero(np.diff(own, prepend=-1))
    counted = step.copy()
    counted[rows] = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
    return counted, has_step | is_counted


def words_of(outcomes: pa.Table, decisions: pa.Table) -> Words:
    """What was said about the end of an episode, of each decision the first that was received."""
    n = decisions.num_rows
    said = outcomes.filter(pc.equal(outcomes["name"], ENDED)).select(list(_WORD_NAMES))
    with Session({"words": said}) as session:
        first = session.query(_WORDS)
    row = pc.index_in(first["decision_id"], value_set=decisions["decision_id"].combine_chunks())
    first = first.filter(pc.is_valid(row))
    at = pc.drop_null(row).to_numpy().astype(np.int64)
    terminated, truncated = (pc.fill_null(first[name], False).to_numpy().astype(bool) for name in ("terminated", "truncated"))
    columns = {name: np.zeros(n, dtype=bool) for name in ("is_terminated", "is_truncated", "is_both")}
    columns["is_terminated"][at] = terminated
    columns["is_truncated"][at] = ~terminated  # a word without a flag says no more than that the record stops
    columns["is_both"][at] = terminated & truncated
    received_at, n_words = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    received_at[at] = first["received_at"].to_numpy()
    n_words[at] = first["n"].to_numpy()
    place = np.full(n, -1)
    place[at] = np.arange(len(at))
    contexts = first["next_context"].combine_chunks().take(pa.array(place, mask=place < 0))
    return Words(received_at=received_at, next_context=contexts, n_words=n_words, **columns)
