"""Episodes of a report: what whole episodes returned, who played them, and how they ended.

Question answered: how well was played lately? Steps of one episode hang together, so an interval is one over whole
episodes; rewards of single steps have none. Letters: n episodes, b stretches of time.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.care.mean import Mean, mean_of, spread_of
from policyloop.core.clock import TimeUs, hour_of
from policyloop.core.loop import LoopSpec
from policyloop.join.episode_audit import EpisodeAudit, added_episodes
from policyloop.join.hour_states import hour_states
from policyloop.run.deployment import Deployment
from policyloop.run.questions.asking import ask

SEVERAL = ""  # who played an episode in which several policies acted

_OVER = """
SELECT coalesce(e.policy, '') AS policy, e.length, e."return" AS earned, d.began_at
FROM episodes e JOIN (SELECT episode_id, min(decided_at) AS began_at FROM decisions GROUP BY episode_id) d USING (episode_id)
WHERE d.began_at >= {since:d} ORDER BY d.began_at, episode_id
"""


class PlayedBy(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes of one policy that are over."""

    policy: str  # digest, `baseline`, `imported:NAME`, or `SEVERAL`
    n: int
    mean_length: float  # steps
    returns: Mean
    first: TimeUs  # began
    last: TimeUs  # began


class Episodes(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes that began in some days."""

    n: int  # that are over
    returns: Mean  # as counted: rewards added up, not discounted
    played: list[PlayedBy]  # in the order of their first episode
    stretches: list[Mean]  # b returns, of the episodes that began in each
    audit: EpisodeAudit  # of the hours that the time touches


def episodes_of(deployment: Deployment, spec: LoopSpec, edges: NDArray[np.int64], *, since: int) -> Episodes:
    """The episodes of a loop that began since then (microseconds).

    Args:
        deployment: whose tables are asked.
        spec: of a loop with episodes.
        edges: (b + 1,) bounds of the stretches, microseconds.
        since: what began before is left out.
    """
    rows = [row for batch in ask(deployment, _OVER.format(since=since), loop=spec.loop) for row in batch.to_pylist()]
    began = np.array([row["began_at"] for row in rows], dtype=np.int64)
    earned = np.array([row["earned"] for row in rows], dtype=np.float64)
    length = np.array([row["length"] for row in rows], dtype=np.float64)
    policy = np.array([row["policy"] for row in rows], dtype=object)
    bounds = _bounds_of(spec)
    stretch = np.searchsorted(edges, began, side="right") - 1
    spread = spread_of(earned)
    states = hour_states(deployment.records, spec.loop)
    first_hour = hour_of(max(since, int(edges[0])))
    return Episodes(
        n=len(rows),
        returns=mean_of(earned, bounds),
        played=[_played(name, policy == name, earned, length, began, bounds) for name in dict.fromkeys(policy.tolist())],
        stretches=[mean_of(earned[stretch == b], bounds, spread=spread) for b in range(len(edges) - 1)],
        audit=added_episodes(
            state.episodes for hour, state in states.items() if hour >= first_hour and state.episodes is not None
        ),
    )


def _played(
    policy: str,
    is_its: NDArray[np.bool_],
    earned: NDArray[np.float64],
    length: NDArray[np.float64],
    began: NDArray[np.int64],
    bounds: tuple[float, float],
) -> PlayedBy:
    return PlayedBy(
        policy=policy,
        n=int(is_its.sum()),
        mean_length=float(length[is_its].mean()),
        returns=mean_of(earned[is_its], bounds),
        first=int(began[is_its].min()),
        last=int(began[is_its].max()),
    )


def _bounds_of(spec: LoopSpec) -> tuple[float, float]:
    """What no return can leave: rewards of one sign add up to none of the other, over `max_steps` at most."""
    longest = math.inf if spec.episodes is None or spec.episodes.max_steps is None else float(spec.episodes.max_steps)
    low, high = spec.reward.low, spec.reward.high
    return (low * longest if low < 0 else 0.0), (high * longest if high > 0 else 0.0)
