"""What became of advice, as the tables tell it: steps of closed episodes, what was advised and what was carried out.

Question answered: what did the person who acts do with the advice of this challenge? Of a step that nobody reported on, what
was carried out is what decides now.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from policyloop.core.clock import hour_of
from policyloop.core.loop import LoopSpec
from policyloop.core.shadow import read_shadow
from policyloop.gate.advice import Followed, followed_of
from policyloop.lake.schema import DECISIONS, TRANSITIONS
from policyloop.lake.tables import in_hours
from policyloop.registry.challenge_rows import ChallengeRow
from policyloop.run.deployment import Deployment


def followed_in(deployment: Deployment, spec: LoopSpec, row: ChallengeRow) -> Followed:
    """What was made of the advice of a challenge, from when it came into its state on."""
    lake = deployment.lake
    if not lake.exists(TRANSITIONS) or not lake.exists(DECISIONS):
        return Followed()
    where = in_hours(spec.loop) + f" AND hour >= '{hour_of(row.changed_at)}'"
    asked = f"{where} AND decided_at >= {row.changed_at:d} AND shadow IS NOT NULL"
    decisions = lake.rows(DECISIONS, where=asked, columns=("decision_id", "shadow"))
    shadows = [read_shadow(text) for text in decisions["shadow"].to_pylist()]
    width = len(spec.actions.choices) + len(spec.actions.box) or 1
    is_ours = [shadow.challenge == str(row.id) and len(shadow.advice or ()) == width for shadow in shadows]
    advised = np.array([shadow.advice for shadow, ours in zip(shadows, is_ours, strict=True) if ours], dtype=np.float64)
    if not len(advised):
        return Followed()
    steps = lake.rows(TRANSITIONS, where=where, columns=("decision_id", "episode_id", "action", "action_value"))
    ids = decisions["decision_id"].filter(pa.array(is_ours)).combine_chunks()
    place = pc.index_in(steps["decision_id"], value_set=ids)
    steps = steps.filter(pc.is_valid(place))
    done = [
        [*(action or [])[: width - len(values or [])], *(values or [])]
        for action, values in zip(steps["action"].to_pylist(), steps["action_value"].to_pylist(), strict=True)
    ]
    if not done:
        return Followed()
    episode = steps["episode_id"].combine_chunks().dictionary_encode().indices.to_numpy().astype(np.int64)
    rows = pc.drop_null(place).to_numpy()
    return followed_of(advised[rows], np.array(done, dtype=np.float64), episode, actions=spec.actions)
