"""The episodes of a deployment's loop, ready to learn from.

Question answered: what may a learner of episodes see, and at which versions of the tables was that read?
"""

from __future__ import annotations

from policyloop.core.episode import Transitions
from policyloop.core.loop import LoopSpec
from policyloop.join.episode_history import episodes_of
from policyloop.lake.tables import Snapshot
from policyloop.run.deployment import Deployment


def transitions_of(
    deployment: Deployment,
    spec: LoopSpec,
    *,
    snapshot: Snapshot | None = None,
    since: int | None = None,
    is_with_ids: bool = False,
) -> tuple[Transitions, Snapshot]:
    """All transitions of a loop, of both splits, and the versions of the tables that a model's manifest names.

    Args:
        deployment: the open data folder; what is in the log only is not seen (`join_by_hand` brings it in).
        spec: the loop's spec, with `episodes`.
        snapshot: versions to read again; None for the newest.
        since: microseconds; episodes that began in an earlier hour are left out.
        is_with_ids: whether to read the ids of decisions, too.

    Raises:
        Invalid: the context cannot be told in numbers.
    """
    return episodes_of(deployment.lake, deployment.registry, spec, snapshot=snapshot, since=since, is_with_ids=is_with_ids)
