"""Bringing in a history: what a file became goes into the tables at once, beside the log and exactly once.

Question answered: who calls the lake with the deployment's key and clock?
"""

from __future__ import annotations

import pyarrow as pa

from policyloop.core.loop import LoopSpec
from policyloop.core.rng import salt_id
from policyloop.lake.bulk import BroughtHistory, bring_history
from policyloop.run.deployment import Deployment


def bring_in(deployment: Deployment, spec: LoopSpec, history: pa.Table, *, policy: str = "history") -> BroughtHistory:
    """Write a history into the tables; the next join makes transitions of it.

    Args:
        deployment: where the tables are.
        spec: the loop that it belongs to.
        history: in the shape of lake/episode_history.py.
        policy: name of the policy that decided.

    Raises:
        Invalid: some rows do not fit; nothing was written.
    """
    salt = deployment.registry.salt
    return bring_history(
        deployment.lake,
        deployment.records,
        spec,
        history,
        policy=policy,
        salt=salt,
        salt_id=salt_id(salt),
        now_us=deployment.clock.now_us(),
    )
