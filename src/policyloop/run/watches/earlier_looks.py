"""Earlier looks at a challenge: what the last of them left to go on from, and when the challenger was first heard.

Question answered: where does the next look take up, be it of single decisions or of episodes?
"""

from __future__ import annotations

from typing import Any

import msgspec

from policyloop.gate.ramp import State
from policyloop.registry.challenge_rows import ChallengeRow
from policyloop.registry.challenges import evidence_name
from policyloop.run.deployment import Deployment


def carried(deployment: Deployment, row: ChallengeRow) -> dict[str, Any] | None:
    """The account that the last look left, as it is kept; None before the first."""
    kept = deployment.registry.challenges.carried(row.loop, evidence_name(row.id))
    return None if kept is None else msgspec.json.decode(kept, type=dict[str, Any])


def heard_from(deployment: Deployment, row: ChallengeRow) -> int:
    """When the challenger was first asked, microseconds; after an alarm of the log again: what came before is spoilt."""
    moves = deployment.registry.challenges.moves(row.loop, challenge=row.id)
    return max((move.at for move in moves if move.after == State.SHADOW), default=row.started_at)
