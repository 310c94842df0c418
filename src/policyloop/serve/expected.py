"""What is expected of a label that was taken: the return of that very action, as the model that decided sees it.

Question answered: how much does the model of a loop with episodes expect of its decision, at the least? A model that looks at
the next reward alone expects no return, and neither does the baseline; a label that came after the model is unknown to it.
"""

from __future__ import annotations

import math

from msgspec.structs import replace

from policyloop.core.event import Decision
from policyloop.core.example import Context
from policyloop.core.model import BASELINE
from policyloop.serve.live import Live


def with_estimate(event: Decision, live: Live, context: Context) -> Decision:
    """The record with the return that is expected of its action; as it was where nobody tells.

    Args:
        event: a decision over labels, with the policy that decided.
        live: what was live for it.
        context: as it was decided on.
    """
    if event.policy == BASELINE:
        return event
    challenger = None if live.traffic is None else live.traffic.challenger
    is_challengers = challenger is not None and event.policy == challenger.name
    policy = challenger.policy if challenger is not None and is_challengers else live.policy
    estimate = estimate_of(policy, context, event.action[0])
    return event if estimate is None else replace(event, action_value_estimate=estimate)


def estimate_of(policy: object, context: Context, place: int) -> float | None:
    """The return that a policy expects of a label by place; None where it tells none, or no number."""
    tells = getattr(policy, "action_value", None)
    if tells is None:
        return None
    try:
        told = tells(context, place)
    except Exception:  # noqa: BLE001 - a model is someone's file, and its action is drawn already: the answer is owed
        return None
    return float(told) if told is not None and math.isfinite(told) else None
