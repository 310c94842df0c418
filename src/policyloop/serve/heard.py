"""A model is asked: what it answers, what was wrong with that, and how long it took.

Question answered: may an action be drawn from what this model says? Whatever it raises, an answer is owed to the caller, so
nothing comes out of here but words; its breaker counts.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from policyloop.core.clock import Clock
from policyloop.core.shadow import Shadow, packed
from policyloop.ingest.decisions import Asked
from policyloop.serve.box import is_within_of
from policyloop.serve.fallback import Breaker
from policyloop.serve.probabilities import fault_in
from policyloop.serve.served import Served
from policyloop.serve.sides import microseconds
from policyloop.serve.traffic import Challenger

OUTSIDE = "is not asked, since the state is none that it has learned from"
LEFT_ALONE = "is left alone for a while after too many errors or slow answers"


def asked_of(
    policy: Served, breaker: Breaker, asked: Asked, *, allowed: Sequence[bool], clock: Clock, start_s: float
) -> tuple[list[float] | None, str | None, float]:
    """The model's probabilities, or None and what was wrong, in words that follow its name; and the seconds that it took.

    Args:
        allowed: k, True for what may be taken.
        start_s: the monotonic time now, which the caller has read already.
    """
    pmf: list[float] | None
    try:
        pmf = policy.pmf(asked.context.values, allowed, asked.candidates)
        fault = fault_in(pmf, asked.mask, len(allowed))
    except Exception as error:  # noqa: BLE001 - a model is someone's file: whatever it raises, an answer is owed
        fault = f"raised {type(error).__name__}: {error}"
        pmf = None
    now_s = clock.monotonic_s()
    took_s = now_s - start_s
    if fault is None:
        breaker.good(took_s, now_s)
        return pmf, None, took_s
    breaker.bad(now_s)
    return None, fault, took_s


def heard(challenger: Challenger, asked: Asked, *, allowed: Sequence[bool], clock: Clock) -> tuple[Shadow, list[float] | None]:
    """What a challenger says, and its probabilities where it gave any."""
    whose = Shadow(policy=challenger.name, challenge=challenger.challenge, state=challenger.state)
    start_s = clock.monotonic_s()
    if challenger.breaker.is_open(start_s):
        return replace(whose, error=LEFT_ALONE), None
    is_within = is_within_of(challenger.policy)
    if is_within is not None and not is_within(asked.context.values):
        return replace(whose, error=OUTSIDE), None
    pmf, fault, took_s = asked_of(challenger.policy, challenger.breaker, asked, allowed=allowed, clock=clock, start_s=start_s)
    us = microseconds(took_s)
    if pmf is None:
        return replace(whose, error=fault, us=us), None
    said = replace(whose, pmf=packed(pmf), us=us)
    if challenger.state == "advisory":
        said = replace(said, advice=[float(pmf.index(max(pmf)))])
    return said, pmf
