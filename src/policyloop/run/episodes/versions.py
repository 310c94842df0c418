"""The versions of a line: what each model of a loop with episodes came from, expects, and did when it played.

Question answered: are the versions getting better, and which of them is worth deploying? Episodes are counted in SQL by who
played them. Beside them stands what a version expects of one fixed episode that nothing was learned from: the mean of its
highest Q (`max_q`). It shows learning before anything is played, in the reward's unit, and no more: what is expected is no
evidence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.episode import EpisodePolicy
from policyloop.core.errors import NothingToDo
from policyloop.core.loop import LoopSpec
from policyloop.core.state import StateEncoder
from policyloop.join.contexts import context_columns
from policyloop.lake.schema import TRANSITIONS
from policyloop.lake.tables import in_hours
from policyloop.policy.predicted_states import network_of
from policyloop.registry.model_rows import ModelRow
from policyloop.run.deployment import Deployment
from policyloop.run.questions.asking import ask

PLAYED = """
SELECT policy, count(*) AS episodes, avg(length) AS mean_length, avg("return") AS mean_return,
    coalesce(stddev_samp("return") / sqrt(count(*)), 0) AS return_stderr
FROM episodes WHERE policy IS NOT NULL GROUP BY policy ORDER BY policy
"""
_OF_TREES = "forest_q"  # what `fqi` makes: no network, and asked the same way
_BY_HAND = "imported:human"  # what `policyloop play` is logged as
_HELD_OUT = """
SELECT t.hour, t.episode_id, min(t.split) AS split, min(d.decided_at) AS began_at
FROM transitions t JOIN decisions d USING (loop, decision_id)
GROUP BY t.hour, t.episode_id ORDER BY began_at, t.episode_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedBy:
    """Episodes of one version, or of who played before there was any."""

    n_episodes: int
    mean_length: float
    mean_return: float
    return_stderr: float  # NaN-free: 0 of a single episode


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One of a line; 0 is all that no model of the loop played: the cold start, and who played by hand."""

    number: int
    policy: str  # digest of the model; of 0 what played, such as `imported:random`
    state: str  # of the model; of 0 `cold start` or `by hand`
    parent: str | None
    n_learned_from: int  # transitions; 0 of the cold start
    created_at: int | None  # microseconds since 1970 UTC
    max_q: float | None  # mean over the fixed episode; None: the version has none to tell, or there is no such episode
    played: PlayedBy | None  # None: it did not play yet


@dataclass(frozen=True, slots=True, eq=False)
class FixedEpisode:
    """The earliest episode of a loop that nothing is learned from."""

    episode_id: str
    states: NDArray[Any]  # (n, d) or (n, *shape), in the order of its steps

    def max_q(self, policy: EpisodePolicy, *, has_box: bool) -> float:
        """The mean over its states of what is expected of the best action, which is numbers (`has_box`) or a label."""
        q = policy.value(self.states, policy.act(self.states)) if has_box else policy.scores(self.states).max(axis=1)
        return float(np.asarray(q, dtype=np.float64).mean())


def versions_of(
    deployment: Deployment, loop: str, *, episode_id: str | None = None
) -> tuple[list[Version], FixedEpisode | None]:
    """The line of a loop, the cold start first, and the episode that all versions are asked about.

    Args:
        deployment: whose tables are up to date (`join_by_hand`).
        loop: a loop with episodes.
        episode_id: the one to ask about; None: the earliest that is held out.

    Raises:
        UnknownLoop: no loop has that name.
        NothingToDo: the loop has no episodes, or none of that id.
    """
    spec = deployment.registry.standing(loop).spec
    if spec.episodes is None:
        raise NothingToDo(f"loop '{spec.loop}' has no episodes, so its models are no line; expected one with `episodes:`.")
    fixed = fixed_episode(deployment, spec, episode_id=episode_id)
    played = {row.pop("policy"): _played(row) for row in _asked(deployment, spec.loop, PLAYED)}
    rows = deployment.registry.models(spec.loop)
    models = {row.model for row in rows}
    others = sorted((policy for policy in played if policy not in models), key=lambda policy: (policy == _BY_HAND, policy))
    cold = [_cold(policy, played[policy]) for policy in others]
    has_box = spec.has_box
    later = [_version(deployment, row, i, played.get(row.model), fixed, has_box=has_box) for i, row in enumerate(rows, start=1)]
    return [*cold, *later], fixed


def fixed_episode(deployment: Deployment, spec: LoopSpec, *, episode_id: str | None = None) -> FixedEpisode | None:
    """The episode of that id, or the earliest that is held out; None where nothing is.

    Raises:
        NothingToDo: there is none of that id.
    """
    rows = list(_asked(deployment, spec.loop, _HELD_OUT))
    if episode_id is None:
        found = next((row for row in rows if row["split"] >= spec.train.split), None)
    else:
        found = next((row for row in rows if row["episode_id"] == episode_id), None)
        if found is None:
            raise NothingToDo(f"loop '{spec.loop}' has no episode '{episode_id}' that is over; `policyloop sql` lists them.")
    if found is None:
        return None
    columns = ("episode_id", "step", "context")
    steps = deployment.lake.rows(TRANSITIONS, where=in_hours(spec.loop, found["hour"]), columns=columns)
    steps = steps.filter(pc.equal(steps["episode_id"], found["episode_id"])).sort_by("step")
    encoder = StateEncoder.of(spec.context.values())
    return FixedEpisode(found["episode_id"], encoder.encode_columns(context_columns(steps["context"], encoder.fields)))


def _asked(deployment: Deployment, loop: str, statement: str) -> Iterator[dict[str, Any]]:
    """Rows of a question of our own, about one loop."""
    for batch in ask(deployment, statement, loop=loop):
        yield from batch.to_pylist()


def _played(row: dict[str, Any]) -> PlayedBy:
    return PlayedBy(
        n_episodes=row["episodes"],
        mean_length=row["mean_length"],
        mean_return=row["mean_return"],
        return_stderr=row["return_stderr"],
    )


def _cold(policy: str, played: PlayedBy) -> Version:
    return Version(
        number=0,
        policy=policy,
        state="by hand" if policy == _BY_HAND else "cold start",
        parent=None,
        n_learned_from=0,
        created_at=None,
        max_q=None,
        played=played,
    )


def _asks(policy: object) -> EpisodePolicy | None:
    """What a loaded model of our own learners is asked, many states at once; None of one that came from outside."""
    network = network_of(policy)
    if network is not None:
        return network
    inner = getattr(policy, "reward_model", policy)
    found = getattr(inner, "network", inner)
    return cast("EpisodePolicy", found) if getattr(found, "kind", "") == _OF_TREES else None


def _version(
    deployment: Deployment, row: ModelRow, number: int, played: PlayedBy | None, fixed: FixedEpisode | None, *, has_box: bool
) -> Version:
    asked = _asks(deployment.registry.load(row.loop, row.model).loaded())
    return Version(
        number=number,
        policy=row.model,
        state=row.state,
        parent=row.parent,
        n_learned_from=row.n_examples,
        created_at=row.created_at,
        max_q=None if asked is None or fixed is None else fixed.max_q(asked, has_box=has_box),
        played=played,
    )
