"""Episodes of a challenge, as the tables tell them: whose they were, with which share, and what they returned.

Question answered: which episodes have closed since the last look, in the order in which they began? An episode counts only when
no earlier one is still open, so that another process finds the same later. One in which the challenge's state changed was
played by two rules and is left out; one in which no step could be used has no return. It counts for the side that it was drawn
for, also when that side's model could not be asked at a later step and another stood in: to leave it out would be to choose by
how it went.
Letters: n transitions, m episodes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import hour_of
from policyloop.core.model import BASELINE
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT, Shadow, read_shadow
from policyloop.gate.episodes import ClosedEpisodes
from policyloop.lake.schema import DECISIONS, TRANSITIONS
from policyloop.lake.tables import in_hours
from policyloop.run.deployment import Deployment
from policyloop.run.watches.settled import settled_before

_NOTHING = Shadow()
_COLUMNS = ("decision_id", "decided_at", "side", "shadow", "mixture")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What there is of a challenge since some moment."""

    closed: ClosedEpisodes  # in which either side could play
    n_asked: int  # episodes of the state in which the challenger was only asked
    n_broken: int  # of these, those in which it gave no answer to the first or to the last step


def heard_since(
    deployment: Deployment, loop: str, *, challenge: int, position: int, until: int | None = None, asked_in: str = "shadow"
) -> Heard:
    """The episodes of a challenge that have closed.

    Args:
        challenge: its number.
        position: microseconds; those that began up to then have been heard.
        until: when the last one to take up began; None for the newest.
        asked_in: the state whose episodes are counted in which it is only asked.
    """
    last = settled_before(deployment, loop) - 1 if until is None else until
    played = _played(deployment, loop, since=position)
    if played is None:
        return Heard(closed=_closed([]), n_asked=0, n_broken=0)
    first, end, returns = played
    rows: list[tuple[int, float, bool, float]] = []
    n_asked = n_broken = 0
    for began_at, total, at_first, at_end in zip(first["decided_at"], returns, _told(first), _told(end), strict=True):
        shadow, side, share = at_first
        if shadow.challenge != str(challenge) or not position < began_at <= last:
            continue
        if shadow.state == asked_in:
            n_asked += 1
            n_broken += shadow.error is not None or at_end[0].error is not None
        elif side != HOLD_OUT and 0 < share < 1 and at_end[0].state in (None, shadow.state):
            rows.append((int(began_at), float(total), side == CHALLENGER, share))
    return Heard(closed=_closed(sorted(rows)), n_asked=n_asked, n_broken=n_broken)


def held_out_since(deployment: Deployment, loop: str, *, position: int) -> ClosedEpisodes:
    """The closed episodes that the live model played, or the hold-out; those of the live model stand as the challenger's.

    Args:
        position: microseconds; those that began up to then have been heard.
    """
    last = settled_before(deployment, loop) - 1
    played = _played(deployment, loop, since=position)
    if played is None:
        return _closed([])
    first, end, returns = played
    rows: list[tuple[int, float, bool, float]] = []
    for began_at, total, at_first, at_end in zip(first["decided_at"], returns, _shared(first), _shared(end), strict=True):
        live, side, share, held = at_first
        is_one_rule = (at_end[0], at_end[1]) == (live, side) and side in (CHAMPION, HOLD_OUT)
        if is_one_rule and live != BASELINE and held > 0 and position < began_at <= last:
            rows.append((int(began_at), float(total), side == CHAMPION, share / (share + held)))
    return _closed(sorted(rows))


def mean_return_before(deployment: Deployment, loop: str, moment: int) -> float:
    """Mean return of the episodes that began before a moment; NaN where there are none."""
    lake = deployment.lake
    if not lake.exists(TRANSITIONS) or not lake.exists(DECISIONS):
        return float("nan")
    hour, columns = hour_of(moment), ("episode_id", "decision_id", "reward")
    earlier = lake.rows(TRANSITIONS, where=in_hours(loop) + f" AND hour < '{hour}'", columns=columns)
    then = lake.rows(TRANSITIONS, where=in_hours(loop, hour), columns=columns)  # an episode is filed under its beginning
    asked = in_hours(loop, hour) + f" AND decided_at < {moment:d}"
    decided = lake.rows(DECISIONS, where=asked, columns=("decision_id",))["decision_id"]
    begun = then["episode_id"].filter(pc.is_in(then["decision_id"], value_set=decided.combine_chunks()))
    of_hour = then.filter(pc.is_in(then["episode_id"], value_set=begun.combine_chunks()))
    rows = pa.concat_tables([earlier, of_hour])
    if not rows.num_rows:
        return float("nan")
    return float(pc.sum(rows["reward"]).as_py()) / int(pc.count_distinct(rows["episode_id"]).as_py())


def _played(
    deployment: Deployment, loop: str, *, since: int
) -> tuple[dict[str, list[Any]], dict[str, list[Any]], NDArray[np.float64]] | None:
    """The decisions that began and ended each episode, and their returns (m,); None without an episode."""
    lake = deployment.lake
    if not lake.exists(TRANSITIONS) or not lake.exists(DECISIONS):
        return None
    where = in_hours(loop) + f" AND hour >= '{hour_of(since)}'"
    steps = lake.rows(TRANSITIONS, where=where, columns=("episode_id", "step", "decision_id", "reward"))
    if not steps.num_rows:
        return None
    episode = steps["episode_id"].combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((steps["step"].to_numpy(), episode))
    starts = np.flatnonzero(np.diff(episode[order], prepend=-1))
    ends = np.append(starts[1:], len(order)) - 1
    returns = np.add.reduceat(steps["reward"].to_numpy().astype(np.float64)[order], starts)
    decisions = lake.rows(DECISIONS, where=where, columns=_COLUMNS)
    found = [_of_ids(decisions, steps["decision_id"].take(pa.array(order[at]))) for at in (starts, ends)]
    return found[0], found[1], returns


def _of_ids(decisions: pa.Table, ids: pa.ChunkedArray) -> dict[str, list[Any]]:
    """Of each id its decision; every one is there, for transitions are made of them."""
    place = pc.index_in(ids, value_set=decisions["decision_id"].combine_chunks())
    rows = decisions.take(place)
    return {name: rows[name].to_pylist() for name in ("decided_at", "side", "shadow", "mixture")}


def _told(rows: dict[str, list[Any]]) -> list[tuple[Shadow, str, float]]:
    """What each decision says: of the challenge, whose side it was on, and the challenger's share of what is not held out."""
    told = []
    for side, text, mixture in zip(rows["side"], rows["shadow"], rows["mixture"], strict=True):
        shares = {"held": 0.0, "challenger": 0.0}
        for place, one in enumerate(mixture or ()):
            if place:  # the champion stands first, also where it is the baseline
                shares["held" if one["policy"] == BASELINE else "challenger"] += one["share"]
        told.append((read_shadow(text) if text else _NOTHING, side or "", shares["challenger"] / (1 - shares["held"])))
    return told


def _shared(rows: dict[str, list[Any]]) -> list[tuple[str, str, float, float]]:
    """What each decision says: the live model, whose side it was on, and the shares of the live model and of the hold-out."""
    told = []
    for side, mixture in zip(rows["side"], rows["mixture"], strict=True):
        parts = mixture or [{"policy": BASELINE, "share": 1.0}]
        held = sum(one["share"] for one in parts[1:] if one["policy"] == BASELINE)
        told.append((parts[0]["policy"], side or "", parts[0]["share"], held))
    return told


def _closed(rows: list[tuple[int, float, bool, float]]) -> ClosedEpisodes:
    share = np.array([row[3] for row in rows], dtype=np.float64)
    return ClosedEpisodes(
        began_at=np.array([row[0] for row in rows], dtype=np.int64),
        returns=np.array([row[1] for row in rows], dtype=np.float64),
        is_challengers=np.array([row[2] for row in rows], dtype=bool),
        share=np.round(share, 12),  # of the same terms, whatever rounding made of them
    )
