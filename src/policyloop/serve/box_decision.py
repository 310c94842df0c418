"""A decision that is numbers: who decides, what from, and the record for the log.

Question answered: what to do now between these limits, with which density, and what return does the model expect of that
very action? Where a challenge or a hold-out runs, the side is drawn first, by the episode, so that one policy decides from
its first step to its last; the other models are not asked, but for one that only shadows. A model that fails, or that would
have to guess, has the baseline stand in, and the record says so and still says the side.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from policyloop.core.clock import Clock
from policyloop.core.event import Decision
from policyloop.core.model import BASELINE
from policyloop.core.rng import DRAW_VERSION, keyed_uniform, uuid7
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT, By, Shadow, write_shadow
from policyloop.core.wire import DecideRequest
from policyloop.ingest.decisions import Asked
from policyloop.ingest.identity import clamp_time
from policyloop.serve.box import Box, in_state
from policyloop.serve.chances import Chances, Drawn, drawn_from, fault_of
from policyloop.serve.fallback import Breaker
from policyloop.serve.live import Live
from policyloop.serve.sides import microseconds, unit_of
from policyloop.serve.traffic import ONLY_ASKED, Branch, Traffic, side_before

OUTSIDE_HISTORY = "outside_history"
_RANDOM, _POLICY = "random", "policy"


class Model(msgspec.Struct, frozen=True, gc=False):
    """A policy that may be asked, and what is known of it."""

    policy: object
    name: str
    breaker: Breaker


class Side(msgspec.Struct, frozen=True, gc=False):
    """Who is to decide, and how that came about."""

    model: Model | None  # None: the baseline
    why: str | None = None  # why it is the baseline, where a model should be live
    name: str | None = None  # the side of a mixture; None: there is none
    mixture: list[tuple[str, float]] | None = None
    by: By | None = None  # what the side was drawn by


class Made(msgspec.Struct, frozen=True, gc=False):
    """An action that was decided on."""

    drawn: Drawn
    policy: str  # who decided
    estimate: float | None  # what it expects of the action, at the least
    why: str | None  # why the baseline stood in


class _Said(msgspec.Struct, frozen=True, gc=False):
    """What every step of one decision needs."""

    live: Live
    box: Box
    request: DecideRequest  # with its step
    asked: Asked
    decision_id: str
    low: list[float]
    high: list[float]
    clock: Clock
    tell: Callable[[str], None]  # what a model did wrong, in words

    def uniform(self, stream: str) -> float:
        """The number of a stream of this decision."""
        return keyed_uniform(self.live.checks.salt, self.live.spec.loop, self.decision_id, stream)


def decision_of_numbers(
    live: Live,
    request: DecideRequest,
    asked: Asked,
    *,
    previous: list[float] | None,
    clock: Clock,
    tell: Callable[[str], None],
    why: str | None = None,
) -> tuple[Decision, str | None]:
    """The record of a decision, and why the baseline stood in; None where it did not.

    Args:
        request: with its step, where the loop has episodes.
        previous: (a,) what was done at the step before; None at the first.
        tell: takes what a model did wrong, in words.
        why: why no model is to be asked, such as `log_unavailable`; None: whoever should decide does.
    """
    assert live.box is not None, "the loop's actions are numbers"
    now_us = clock.now_us()
    low, high = live.box.limits.between(previous)
    decision_id = request.decision_id or uuid7(now_us)
    said = _Said(live, live.box, request, asked, decision_id, low, high, clock, tell)
    side = Side(None, why) if why is not None else _side_of(said)
    made = _made(said, side)
    return _recorded(said, side, made, now_us), made.why


def _side_of(said: _Said) -> Side:
    """Who is to decide: the champion, unless a hold-out or a challenge has a share and the draw falls on it."""
    live = said.live
    traffic = live.traffic
    if live.is_baseline and traffic is None:
        return Side(None, "no_model")
    # a model may challenge the baseline, which then is the champion
    champion = None if live.is_baseline else Model(live.policy, live.name, live.breaker)
    branches = [] if traffic is None else _branches(traffic, live.name)
    if traffic is None or len(branches) == 1:
        return Side(champion)
    by: By
    unit, by = unit_of(traffic, said.request, said.asked.subject) or (said.decision_id, "decision")
    challenger = traffic.challenger
    branch = side_before(
        branches,
        unit,
        salt=live.checks.salt,
        loop=live.spec.loop,
        challenge=None if challenger is None else challenger.challenge,
        state=None if challenger is None else challenger.state,
    )
    model = champion
    if branch.side == HOLD_OUT:
        model = None
    elif branch.side == CHALLENGER and challenger is not None:
        model = Model(challenger.policy, challenger.name, challenger.breaker)
    return Side(model, name=branch.side, mixture=[(one.policy, one.share) for one in branches], by=by)


def _branches(traffic: Traffic, champion: str) -> list[Branch]:
    """The sides and their shares, the champion's first; what each would do is asked only of the one that is drawn."""
    challenger, rest = traffic.challenger, 1.0 - traffic.hold_out
    taken = 0.0 if challenger is None else challenger.decides
    branches = [Branch(CHAMPION, champion, rest * (1.0 - taken), ())]
    if challenger is not None and taken > 0.0:
        branches.append(Branch(CHALLENGER, challenger.name, rest * taken, ()))
    if traffic.hold_out > 0.0:
        branches.append(Branch(HOLD_OUT, BASELINE, traffic.hold_out, ()))
    return branches


def _made(said: _Said, side: Side) -> Made:
    """The action of the model that is to decide, else the baseline's."""
    why = side.why
    if side.model is not None:
        made, why = _by_model(said, side.model)
        if made is not None:
            return made
    chances = said.box.of_baseline(said.asked.context.values, said.low, said.high)
    return Made(_drawn(said, chances), BASELINE, None, why)


def _by_model(said: _Said, model: Model) -> tuple[Made | None, str | None]:
    """A model's action, or None and why it has none: whatever it raises, an answer is owed to the caller."""
    start_s, context = said.clock.monotonic_s(), said.asked.context.values
    if model.breaker.is_open(start_s):
        return None, "breaker_open"
    try:
        here = in_state(model.policy, context)
        if not here.is_within_history():
            return None, OUTSIDE_HISTORY
        chances = said.box.of_model(here, said.low, said.high)
        fault = fault_of(chances, said.low, said.high, said.box.n_labels)
        if fault is None:
            drawn = _drawn(said, chances)
            estimate = here.value(drawn.values, drawn.choices)
            if math.isfinite(estimate):
                now_s = said.clock.monotonic_s()
                model.breaker.good(now_s - start_s, now_s)
                return Made(drawn, model.name, estimate, None), None
            fault = f"expects a return of {estimate}; expected a finite number."
    except Exception as error:  # noqa: BLE001 - a model is someone's file
        fault = f"raised {type(error).__name__}: {error}"
    model.breaker.bad(said.clock.monotonic_s())
    said.tell(f"model {model.name} {fault}")
    return None, "model_error"


def _drawn(said: _Said, chances: Chances) -> Drawn:
    return drawn_from(chances if said.request.explore else chances.point(), said.uniform)


def _recorded(said: _Said, side: Side, made: Made, now_us: int) -> Decision:
    """The record for the log."""
    live, request, asked, drawn = said.live, said.request, said.asked, made.drawn
    checks, loop = live.checks, live.spec.loop
    occurred_at, is_clamped = clamp_time(asked.occurred_at, received_at=now_us)
    return Decision(
        loop=loop,
        decision_id=said.decision_id,
        decided_at=now_us,
        spec=checks.spec.digest,
        policy=made.policy,
        context=asked.context.json,
        split=keyed_uniform(checks.salt, loop, request.episode_id or said.decision_id, "split"),
        action=drawn.choices,
        action_value=drawn.values,
        density=drawn.chances.density.to_json(),
        pmf=drawn.chances.packed,
        propensity=drawn.propensity,
        propensity_kind=drawn.chances.kind,
        action_source=_RANDOM if drawn.is_even else _POLICY,
        action_value_estimate=made.estimate,
        draw_version=DRAW_VERSION,
        salt_id=checks.salt_id,
        is_fallback=made.why is not None,
        mixture=side.mixture,
        side=side.name,
        shadow=_shadow(said, side),
        occurred_at=occurred_at,
        is_clamped=is_clamped,
        is_deferred=request.defer,
        subject=asked.subject,
        episode_id=request.episode_id,
        step=request.step,
    )


def _shadow(said: _Said, side: Side) -> str | None:
    """What stands beside the decision: by what the side was drawn, and what a challenger that is only asked would do."""
    traffic = said.live.traffic
    challenger = None if traffic is None or side.why is not None else traffic.challenger
    if challenger is None:
        return None if side.by is None else write_shadow(Shadow(by=side.by))
    whose = Shadow(policy=challenger.name, challenge=challenger.challenge, state=challenger.state, by=side.by)
    if challenger.state not in ONLY_ASKED:
        return write_shadow(whose)
    start_s = said.clock.monotonic_s()
    is_advice = challenger.state == "advisory"  # a person is told what is likeliest, never a draw
    to_ask = msgspec.structs.replace(said, request=msgspec.structs.replace(said.request, explore=False)) if is_advice else said
    model = Model(challenger.policy, challenger.name, challenger.breaker)
    made, why = _by_model(to_ask, model)
    us = microseconds(said.clock.monotonic_s() - start_s)
    if made is None:
        return write_shadow(msgspec.structs.replace(whose, error=why, us=us))
    told = msgspec.structs.replace(whose, density=made.drawn.chances.density.to_json(), us=us)
    if is_advice:
        told = msgspec.structs.replace(told, advice=[*made.drawn.choices, *made.drawn.values], advice_value=made.estimate)
    return write_shadow(told)
