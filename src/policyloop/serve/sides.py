"""Sides: a decision that more than one model may make, from their probabilities to its record.

Question answered: is the side drawn before the action or after it, from what is the action drawn, and what is written down
so that all of it can be made again? serve/traffic.py has the law.
Letters: k actions.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from policyloop.core.event import Decision
from policyloop.core.rng import keyed_uniform
from policyloop.core.shadow import CHAMPION, By, Shadow, packed, write_shadow
from policyloop.core.wire import DecideRequest
from policyloop.serve.traffic import Branch, Traffic, mixed, side_after, side_before


class Plan(msgspec.Struct, frozen=True, gc=False):
    """From what a decision's action is going to be drawn."""

    branches: Sequence[Branch]
    pmf: list[float]  # k
    side: Branch | None  # None: it is drawn after the action
    by: By | None  # what the side was drawn by


def plan_of(
    traffic: Traffic, branches: Sequence[Branch], request: DecideRequest, *, subject: str | None, salt: bytes, loop: str
) -> Plan:
    """Draw the side first where a unit has to stay on one, or nothing is explored; else mix.

    Args:
        branches: as `branches_of` gives them.
        request: with a `decision_id` where it says `explore: false`.
        subject: its keyed hash.
        salt: the deployment's key.
        loop: its name.
    """
    if len(branches) == 1:
        return Plan(branches, list(branches[0].pmf), branches[0], None)
    found = unit_of(traffic, request, subject)
    if found is None and not request.explore and request.decision_id is not None:
        found = request.decision_id, "decision"
    if found is None:
        return Plan(branches, mixed(branches), None, None)
    unit, by = found
    challenger = traffic.challenger
    side = side_before(
        branches,
        unit,
        salt=salt,
        loop=loop,
        challenge=None if challenger is None else challenger.challenge,
        state=None if challenger is None else challenger.state,
    )
    return Plan(branches, list(side.pmf), side, by)


def recorded(event: Decision, plan: Plan, *, heard: Shadow, took_s: float, salt: bytes) -> Decision:
    """The record with the mixture, the side and what each model said on its own.

    Args:
        event: the decision, its action drawn from `plan.pmf`.
        plan: as `plan_of` gave it.
        heard: what the challenger said.
        took_s: how long the champion took.
        salt: the deployment's key.
    """
    side = plan.side
    if side is None:
        u = keyed_uniform(salt, event.loop, event.decision_id, "mixture")
        side = side_after(plan.branches, event.action[0], u=u)
    is_champions_own = plan.side is not None and side.side == CHAMPION and event.propensity_kind == "probability"
    shadow = msgspec.structs.replace(
        heard,
        champion=None if is_champions_own else packed(list(plan.branches[0].pmf)),
        champion_us=microseconds(took_s),
        by=plan.by,
    )
    is_mixed = len(plan.branches) > 1
    return msgspec.structs.replace(
        event,
        policy=side.policy,
        mixture=[(branch.policy, branch.share) for branch in plan.branches] if is_mixed else None,
        side=side.side if is_mixed else None,
        shadow=write_shadow(shadow),
    )


def microseconds(seconds: float) -> float:
    """A duration as it is logged."""
    return round(seconds * 1e6, 1)


def unit_of(traffic: Traffic, request: DecideRequest, subject: str | None) -> tuple[str, By] | None:
    """What stays on one side whatever it does, and what that is; None: nothing has to."""
    if traffic.is_sticky and subject is not None:
        return subject, "subject"
    return None if request.episode_id is None else (request.episode_id, "episode")
