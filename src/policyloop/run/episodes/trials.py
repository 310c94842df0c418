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

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S, hour_of
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT, Shadow, read_shadow
from policyloop.gate.episodes import ClosedEpisodes, guards_of
from policyloop.gate.slices import values_of
from policyloop.join.episodes import DECISION_COLUMNS, WORD_COLUMNS, outcomes_of
from policyloop.lake.schema import DECISIONS, OUTCOMES, TRANSITIONS
from policyloop.lake.tables import in_hours
from policyloop.run.deployment import Deployment
from policyloop.run.watches.settled import settled_before

_NOTHING = Shadow()
_A_WEEK_US = 7 * 24 * 3600 * US_PER_S
_Row = tuple[int, float, bool, float, int]  # began at, return, whether the challenger's, its share; place among those played
_COLUMNS = ("decision_id", "decided_at", "side", "shadow", "mixture")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What there is of a challenge since some moment."""

    closed: ClosedEpisodes  # in which either side could play
    n_asked: int  # episodes of the state in which the challenger was only asked
    n_broken: int  # of these, those in which it gave no answer to the first or to the last step


@dataclass(frozen=True, slots=True, kw_only=True)
class _Played:
    """Closed episodes, in no order."""

    first: dict[str, list[Any]]  # of the decision that began each
    end: dict[str, list[Any]]  # of the decision that ended each
    returns: NDArray[np.float64]  # (m,)
    outcomes: dict[str, NDArray[np.float64]]  # name -> (m,) means over their steps
    began_in: dict[str, NDArray[np.object_]]  # sliced field -> (m,) values at their first steps


def heard_since(
    deployment: Deployment, spec: LoopSpec, *, challenge: int, position: int, until: int | None = None, asked_in: str = "shadow"
) -> Heard:
    """The episodes of a challenge that have closed.

    Args:
        spec: of the challenge; what its guards on outcomes and its slices ask about is heard, too.
        challenge: its number.
        position: microseconds; those that began up to then have been heard.
        until: when the last one to take up began; None for the newest.
        asked_in: the state whose episodes are counted in which it is only asked.
    """
    last = settled_before(deployment, spec.loop) - 1 if until is None else until
    played = _played(deployment, spec.loop, since=position, asking=spec)
    if played is None:
        return Heard(closed=_closed([], None), n_asked=0, n_broken=0)
    rows: list[_Row] = []
    n_asked = n_broken = 0
    both = zip(played.first["decided_at"], played.returns, _told(played.first), _told(played.end), strict=True)
    for i, (began_at, total, at_first, at_end) in enumerate(both):
        shadow, side, share = at_first
        if shadow.challenge != str(challenge) or not position < began_at <= last:
            continue
        if shadow.state == asked_in:
            n_asked += 1
            n_broken += shadow.error is not None or at_end[0].error is not None
        elif side != HOLD_OUT and 0 < share < 1 and at_end[0].state in (None, shadow.state):
            rows.append((int(began_at), float(total), side == CHALLENGER, share, i))
    return Heard(closed=_closed(sorted(rows), played), n_asked=n_asked, n_broken=n_broken)


def held_out_since(deployment: Deployment, loop: str, *, position: int) -> ClosedEpisodes:
    """The closed episodes that the live model played, or the hold-out; those of the live model stand as the challenger's.

    Args:
        position: microseconds; those that began up to then have been heard.
    """
    last = settled_before(deployment, loop) - 1
    played = _played(deployment, loop, since=position)
    if played is None:
        return _closed([], None)
    rows: list[_Row] = []
    both = zip(played.first["decided_at"], played.returns, _shared(played.first), _shared(played.end), strict=True)
    for i, (began_at, total, at_first, at_end) in enumerate(both):
        live, side, share, held = at_first
        is_one_rule = (at_end[0], at_end[1]) == (live, side) and side in (CHAMPION, HOLD_OUT)
        if is_one_rule and live != BASELINE and held > 0 and position < began_at <= last:
            rows.append((int(began_at), float(total), side == CHAMPION, share / (share + held), i))
    return _closed(sorted(rows), played)


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


def mean_outcomes_before(deployment: Deployment, spec: LoopSpec, moment: int) -> dict[str, float]:
    """Mean of each guarded outcome over the decisions of the week before a moment; empty where there are none."""
    guards, lake = guards_of(spec), deployment.lake
    if not guards or not lake.exists(DECISIONS) or not lake.exists(OUTCOMES):
        return {}
    where = in_hours(spec.loop) + f" AND hour >= '{hour_of(moment - _A_WEEK_US)}' AND hour <= '{hour_of(moment)}'"
    decisions = lake.rows(DECISIONS, where=where + f" AND decided_at < {moment:d}", columns=DECISION_COLUMNS)
    if not decisions.num_rows:
        return {}
    _, values = outcomes_of(decisions, lake.rows(OUTCOMES, where=where, columns=WORD_COLUMNS), spec)
    return {guard.name: float(np.clip(values[guard.name], guard.low, guard.high).mean()) for guard in guards}


def _played(deployment: Deployment, loop: str, *, since: int, asking: LoopSpec | None = None) -> _Played | None:
    """The episodes that have closed; None where there is none.

    Args:
        asking: whose guards on outcomes and slices ask about them; None: nothing does.
    """
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
    sliced = () if asking is None else asking.gate.slices
    decisions = lake.rows(DECISIONS, where=where, columns=(*_COLUMNS, *(("context",) if sliced else ())))
    ids = steps["decision_id"].take(pa.array(order))
    first, end = (_of_ids(decisions, ids.take(pa.array(at))) for at in (starts, ends))
    outcomes = {} if asking is None else _outcomes(deployment, asking, where, ids, starts)
    contexts = [msgspec.json.decode(text) for text in first["context"]] if sliced else []
    began_in = {name: values_of(contexts, name) for name in sliced}
    return _Played(first=first, end=end, returns=returns, outcomes=outcomes, began_in=began_in)


def _outcomes(
    deployment: Deployment, spec: LoopSpec, where: str, ids: pa.ChunkedArray, starts: NDArray[np.intp]
) -> dict[str, NDArray[np.float64]]:
    """Name -> (m,) the mean of each guarded outcome over the steps of every episode.

    Args:
        where: the hours to look in.
        ids: (n,) of the steps' decisions, episode by episode.
        starts: (m,) the place of the first step of each.
    """
    guards, lake = guards_of(spec), deployment.lake
    if not guards or not lake.exists(OUTCOMES):
        return {guard.name: np.full(len(starts), spec.outcomes[guard.name].missing) for guard in guards}
    decisions = lake.rows(DECISIONS, where=where, columns=DECISION_COLUMNS)
    known, values = outcomes_of(decisions, lake.rows(OUTCOMES, where=where, columns=WORD_COLUMNS), spec)
    place = pc.index_in(ids, value_set=known).to_numpy()
    n_steps = np.diff(np.append(starts, len(place)))
    return {guard.name: np.add.reduceat(values[guard.name][place], starts) / n_steps for guard in guards}


def _of_ids(decisions: pa.Table, ids: pa.ChunkedArray) -> dict[str, list[Any]]:
    """Of each id its decision; every one is there, for transitions are made of them."""
    place = pc.index_in(ids, value_set=decisions["decision_id"].combine_chunks())
    rows = decisions.take(place)
    return {name: rows[name].to_pylist() for name in rows.column_names if name != "decision_id"}


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


def _closed(rows: list[_Row], played: _Played | None) -> ClosedEpisodes:
    """Some of those that were played; None: there was none."""
    places = np.array([row[4] for row in rows], dtype=np.intp)
    share = np.array([row[3] for row in rows], dtype=np.float64)
    return ClosedEpisodes(
        began_at=np.array([row[0] for row in rows], dtype=np.int64),
        returns=np.array([row[1] for row in rows], dtype=np.float64),
        is_challengers=np.array([row[2] for row in rows], dtype=bool),
        share=np.round(share, 12),  # of the same terms, whatever rounding made of them
        outcomes={} if played is None else {name: means[places] for name, means in played.outcomes.items()},
        began_in={} if played is None else {name: values[places] for name, values in played.began_in.items()},
    )
