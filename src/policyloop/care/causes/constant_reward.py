"""Constant reward: outcomes arrive, and every reward is the same number; there is nothing to tell actions apart by."""

from __future__ import annotations

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.care.doctor.youth import FEW_EXAMPLES
from policyloop.core.spec_warnings import constant_rewards


def find(examination: Examination) -> Cause | None:
    """The cause, where the spec allows one reward only, or so many examples have the same."""
    spec = examination.spec
    in_spec = constant_rewards(spec)
    if in_spec:
        return _cause(in_spec[0], {})
    reward = examination.examples.reward
    if not examination.audit.outcomes or len(reward) < FEW_EXAMPLES or reward.min() < reward.max():
        return None
    told = f"The reward is {reward[0]:g} in all of the {len(reward):,} newest examples, though outcomes arrive."
    return _cause(told, {"examples": float(len(reward)), "reward": float(reward[0])})


def _cause(sentence: str, numbers: dict[str, float | None]) -> Cause:
    return Cause(
        name="constant-reward",
        severity="stops",
        sentence=sentence,
        advice=(
            "Compare reward.expression with the values that the clients send: a flag that is always true, a name that the "
            "expression does not use, or a reward.range that cuts all of them to one number look like this."
        ),
        numbers=numbers,
    )
