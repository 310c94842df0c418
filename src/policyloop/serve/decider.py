"""The decider: a context comes in, the live policy gives every action a probability, one is drawn from exactly those.

Question answered: what to do now, and with which chance? All of it is plain computation of some microseconds: check,
probabilities, keyed draw, the record for the log. `append` hands the record to the log; whoever answers a caller waits
until the log says that it is durable. Where more than one model may decide (serve/traffic.py), the record says from what
mixture the action was drawn, whose decision it was, and what champion and challenger gave on their own.

`explore: false` takes the most probable of the allowed actions (the first at a tie). What is logged is what was drawn
from, so its pmf is 1 there and 0 elsewhere, and its propensity kind is `point`: fit to learn from, no evidence.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal

import msgspec

from policyloop.core.candidates import Candidates, stored
from policyloop.core.clock import Clock
from policyloop.core.errors import DecisionConflict, Fault, Invalid
from policyloop.core.event import Decision, Logged, pack_floats
from policyloop.core.model import BASELINE
from policyloop.core.rng import DRAW_VERSION, draw, keyed_uniform, uuid7
from policyloop.core.shadow import Shadow, packed, write_shadow
from policyloop.core.wire import DecideAnswer, DecideRequest
from policyloop.ingest.candidates import FindSet
from policyloop.ingest.checks import Checks
from policyloop.ingest.decisions import Asked, ask
from policyloop.ingest.identity import clamp_time
from policyloop.ingest.recent import Recent
from policyloop.serve.answers import answer_of
from policyloop.serve.box_decision import OUTSIDE_HISTORY, decision_of_numbers
from policyloop.serve.episodes import Episodes, Step
from policyloop.serve.expected import with_estimate
from policyloop.serve.heard import asked_of, heard
from policyloop.serve.live import Live
from policyloop.serve.probabilities import point_of
from policyloop.serve.ranking import ranking
from policyloop.serve.sides import plan_of, recorded
from policyloop.serve.traffic import Traffic, branches_of

Append = Callable[[Logged], int]  # gives the record's number, by which the log tells when it is durable

# Who decides: the live policy; an apprentice, which watches the first action being taken and says what it would have done
# (kept as the decision's shadow); or nobody, while the first action is taken and logged.
Acting = Literal["policy", "apprentice", "nobody"]
_NOTHING = (None,) * 5
_NOBODY = Shadow()  # no challenger was asked
LOG_UNAVAILABLE = "log_unavailable"
_THE_PROGRAM = "expert"  # the source of an action that the calling program would have taken without us


class Decided(msgspec.Struct, frozen=True, gc=False):
    """A decision that was made: its record, its answer, and its number in the log."""

    event: Decision
    answer: DecideAnswer
    seq: int
    set_seq: int | None = None  # of the set of candidates that it refers to; the decision is safe when both are
    is_repeat: bool = False  # the same id with the same context was decided before; nothing new was logged


class Decider:
    """Decides for one loop. Threads may share it; two that use the same id at the same moment may both be logged.

    Args:
        live: what decides at first.
        append: takes the record of a decision; what it raises goes to the caller, and nothing is remembered.
        find_set: looks up a set of candidates that was registered ahead.
    """

    def __init__(self, live: Live, *, clock: Clock, append: Append, find_set: FindSet | None = None) -> None:
        self._live = live
        self._clock = clock
        self._append = append
        self._find_set = find_set
        self._recent: Recent[Decided] = Recent()
        self._episodes = Episodes()
        self._counts: Counter[str] = Counter()
        self._counting = threading.Lock()
        self._last_error: str | None = None

    @property
    def live(self) -> Live:
        """What decides now; read it once for what belongs together."""
        return self._live

    @property
    def checks(self) -> Checks:
        """What payloads of this loop are held against."""
        return self._live.checks

    def assign(self, live: Live) -> None:
        """Let another spec or policy decide from the next decision on; decisions under way finish with theirs."""
        self._live = live

    def decide(self, request: DecideRequest, *, acting: Acting = "policy") -> Decided:
        """Make a decision and append its record.

        The same `decision_id` with the same context within a minute gets the same answer, whatever is live by then.

        Args:
            request: what is asked.
            acting: who decides.

        Raises:
            Invalid: the request does not fit the loop; every fault is listed. Or a later step of its episode was decided.
            DecisionConflict: the id was decided with another context.
            LogUnavailable: `append` could not take the record; nothing was decided.
        """
        live = self._live
        asked = ask(request, live.checks, find_set=self._find_set)
        if request.decision_id is not None:
            earlier = self._recent.get(request.decision_id, now_s=self._clock.monotonic_s())
            if earlier is not None:
                return _repeated(earlier, request, asked)
        is_plain = live.checks.is_plain
        event = self._made(live, request, asked, acting) if is_plain else self._made_in_order(live, request, asked, acting)
        answer = answer_of(event, live, request, asked)
        seq, set_seq = self._logged(live, event, asked.candidates)
        if not is_plain:
            self._episodes.done(event)
        decided = Decided(event, answer, seq, set_seq=set_seq)
        if request.decision_id is not None:
            self._recent.put(request.decision_id, decided, now_s=self._clock.monotonic_s())
        return decided

    def check(self, request: DecideRequest) -> None:
        """Hold a request against the loop's spec, and decide nothing.

        Raises:
            Invalid: the request does not fit the loop; every fault is listed.
        """
        ask(request, self._live.checks, find_set=self._find_set)

    def decide_unlogged(self, request: DecideRequest, *, acting: Acting = "policy") -> Decided:
        """The baseline's decision while the log cannot be written; it says `fallback: true, logged: false`.

        Only for loops with `on_log_failure: serve-baseline`. Nothing is kept of it, and it is never an example.

        Args:
            request: what is asked.
            acting: who decides while it can; where the policy does not act, the first action is taken now too.

        Raises:
            Invalid: the request does not fit the loop.
        """
        live = self._live
        asked = ask(request, live.checks, find_set=self._find_set)
        if live.checks.is_plain:
            event = self._of_baseline(live, request, asked, acting)
        else:
            event = self._made_in_order(live, request, asked, acting, why=LOG_UNAVAILABLE)
            self._episodes.done(event)
        return Decided(event, msgspec.structs.replace(answer_of(event, live, request, asked), logged=False), seq=0)

    def forget(self, event: Decision) -> None:
        """Let go of a decision that did not become durable, so that a retry is decided and logged anew."""
        self._recent.forget(event.decision_id)
        self._episodes.forget(event)
        self._live.checks.candidates.forget_logged()

    def counts(self) -> Mapping[str, int]:
        """Fallbacks by reason since the start.

        no_model, model_error, breaker_open, outside_history (the state is none that the model has learned from),
        log_unavailable, not_acting.
        """
        with self._counting:
            return dict(self._counts)

    def last_error(self) -> str | None:
        """What the model did wrong when it last broke, in words."""
        return self._last_error

    def _logged(self, live: Live, event: Decision, candidates: Candidates | None) -> tuple[int, int | None]:
        """Hand the record to the log, after the set that it refers to where the log does not have that; gives both numbers."""
        if candidates is None or candidates.is_small:
            return self._append(event), None
        known = live.checks.candidates
        with known.logging:  # or another thread's decision would go in before the set that this one is about to log
            try:
                to_log = known.to_log(candidates, now_us=event.decided_at)
                if to_log is not None:
                    known.note_logged(candidates, self._append(to_log))
                return self._append(event), known.logged_as(candidates)
            except Exception:
                known.forget_logged()  # the log may not have the set
                raise

    def _made_in_order(
        self, live: Live, request: DecideRequest, asked: Asked, acting: Acting, *, why: str | None = None
    ) -> Decision:
        """The same where decisions follow one another in episodes, or are numbers.

        Args:
            why: why no model is to be asked; None: whoever acts decides.
        """
        said, last = request, None
        if request.episode_id is not None and live.spec.episodes is not None:
            step, last = self._episodes.place(request.episode_id, request)
            said = msgspec.structs.replace(request, step=step)
        if live.box is None:
            if why is not None:
                return self._of_baseline(live, said, asked, acting)
            return with_estimate(self._made(live, said, asked, acting), live, asked.context.values)
        previous = _previous(live, said, asked, last)
        event, why_not = decision_of_numbers(
            live, said, asked, previous=previous, clock=self._clock, tell=self._tell, why=why or _unless_acting(acting)
        )
        self._count(why_not)
        return event

    def _of_baseline(self, live: Live, request: DecideRequest, asked: Asked, acting: Acting) -> Decision:
        """What is decided while the log cannot be written."""
        allowed = _allowed(live, asked)
        acts = acting == "policy"
        pmf = live.baseline.pmf(asked.context.values, allowed, asked.candidates) if acts else _all_on_the_first(allowed)
        return self._event(live, request, asked, pmf, why=LOG_UNAVAILABLE)

    def _made(self, live: Live, request: DecideRequest, asked: Asked, acting: Acting) -> Decision:
        """The record of what was drawn from the live policy, or of the first action where that does not act."""
        if acting == "policy":
            pmf, why, took_s = self._probabilities(live, asked)
            if live.traffic is None or why is not None:
                return self._event(live, request, asked, pmf, why=why)
            return self._among_sides(live, live.traffic, request, asked, pmf, took_s)
        first = _all_on_the_first(_allowed(live, asked))
        event = self._event(live, msgspec.structs.replace(request, explore=False), asked, first, why="not_acting")
        shadow = None
        if acting == "apprentice":
            pmf, why, _ = self._probabilities(live, asked)
            shadow = write_shadow(Shadow(policy=live.name if why is None else BASELINE, pmf=packed(pmf)))
        return msgspec.structs.replace(event, shadow=shadow, action_source=_THE_PROGRAM)

    def _among_sides(
        self, live: Live, traffic: Traffic, request: DecideRequest, asked: Asked, pmf: list[float], took_s: float
    ) -> Decision:
        """The record of a decision that others may make, or are asked about, beside the champion."""
        allowed, checks, challenger = _allowed(live, asked), live.checks, traffic.challenger
        said, its_pmf = (_NOBODY, None) if challenger is None else heard(challenger, asked, allowed=allowed, clock=self._clock)
        if said.error is not None:
            self._tell(f"model {said.policy} {said.error}")
        held: Sequence[float] | None = None
        if traffic.hold_out > 0.0:
            is_known = allowed is live.all_allowed
            held = live.baseline_pmf if is_known else live.baseline.pmf(asked.context.values, allowed, asked.candidates)
        branches = branches_of(traffic, champion=live.name, champion_pmf=pmf, challenger_pmf=its_pmf, baseline_pmf=held)
        named = request
        if request.decision_id is None and not request.explore:  # its side is drawn by the id, before the action
            named = msgspec.structs.replace(request, decision_id=uuid7(self._clock.now_us()))
        plan = plan_of(traffic, branches, named, subject=asked.subject, salt=checks.salt, loop=checks.spec.loop)
        event = self._event(live, named, asked, plan.pmf, why=None)
        return recorded(event, plan, heard=said, took_s=took_s, salt=checks.salt)

    def _probabilities(self, live: Live, asked: Asked) -> tuple[list[float], str | None, float]:
        """Those of the live policy, or of the baseline where it fails, and then why it did; and the seconds that it took."""
        took_s = 0.0
        if live.is_baseline:
            why = "no_model" if live.traffic is None else None  # a model may challenge the baseline of episodes
        elif live.breaker.is_open(now_s := self._clock.monotonic_s()):
            why = "breaker_open"
        elif live.is_within is not None and not live.is_within(asked.context.values):
            why = OUTSIDE_HISTORY
        else:
            allowed = _allowed(live, asked)
            pmf, fault, took_s = asked_of(live.policy, live.breaker, asked, allowed=allowed, clock=self._clock, start_s=now_s)
            if pmf is not None:
                return pmf, None, took_s
            self._tell(f"model {live.name} {fault}")
            why = "model_error"
        return live.baseline.pmf(asked.context.values, _allowed(live, asked), asked.candidates), why, took_s

    def _tell(self, words: str) -> None:
        """Keep what a model did wrong."""
        self._last_error = words

    def _count(self, why: str | None) -> None:
        """Count a fallback by its reason; nothing where there was none."""
        if why is not None:
            with self._counting:
                self._counts[why] += 1

    def _event(self, live: Live, request: DecideRequest, asked: Asked, pmf: list[float], *, why: str | None) -> Decision:
        """Draw, and write down what was drawn from what."""
        checks = live.checks
        loop = checks.spec.loop
        self._count(why)
        final = pmf if request.explore else point_of(pmf)
        now_us = self._clock.now_us()
        decision_id = request.decision_id or uuid7(now_us)
        action = draw(final, keyed_uniform(checks.salt, loop, decision_id, "action"))
        order = [action]
        if request.n is not None and request.n > 1:
            of_id = partial(keyed_uniform, checks.salt, loop, decision_id)
            order = ranking(final, action, request.n, uniform=of_id, allowed=asked.mask)
        event = Decision(
            loop=loop,
            decision_id=decision_id,
            decided_at=now_us,
            spec=checks.spec.digest,
            policy=live.name if why is None else BASELINE,
            context=asked.context.json,
            split=keyed_uniform(checks.salt, loop, request.episode_id or decision_id, "split"),
            action=order,
            propensity=final[action],
            propensity_kind="probability" if request.explore else "point",
            pmf=[pack_floats(final)],
            draw_version=DRAW_VERSION,
            salt_id=checks.salt_id,
            is_fallback=why is not None,
            actions=None if asked.candidates is None else stored(asked.candidates),
        )
        rest = (asked.mask, asked.occurred_at, asked.subject, request.episode_id, request.step)
        return event if rest == _NOTHING and not request.defer else _with_the_rest(event, request, asked)


def _with_the_rest(event: Decision, request: DecideRequest, asked: Asked) -> Decision:
    """The record with what only some requests say. A call with more than 15 named arguments costs a microsecond more."""
    occurred_at, is_clamped = clamp_time(asked.occurred_at, received_at=event.decided_at)
    return msgspec.structs.replace(
        event,
        mask=asked.mask,
        occurred_at=occurred_at,
        is_clamped=is_clamped,
        is_deferred=request.defer,
        subject=asked.subject,
        episode_id=request.episode_id,
        step=request.step,
    )


def _repeated(earlier: Decided, request: DecideRequest, asked: Asked) -> Decided:
    """The earlier answer, if the same was asked."""
    event = earlier.event
    is_point = event.propensity_kind == "point"
    offered = None if asked.candidates is None else stored(asked.candidates)
    is_same = event.context == asked.context.json and event.mask == asked.mask and event.actions == offered
    if event.action_value is not None:  # a policy over numbers may be sure of itself and explore all the same
        is_point = not request.explore
    if not is_same or (is_point == request.explore and event.action_source != _THE_PROGRAM):
        raise DecisionConflict(event.decision_id)
    return Decided(event, earlier.answer, earlier.seq, set_seq=earlier.set_seq, is_repeat=True)


def _previous(live: Live, request: DecideRequest, asked: Asked, last: Step | None) -> list[float] | None:
    """What was done at the step before: what the caller says, else what was decided here; None at the first step.

    An earlier step than the one before will not do: what came between may have been decided by another process.

    Raises:
        Invalid: limits hold from step to step, and nobody knows.
    """
    if asked.previous is not None:
        return asked.previous.values
    if not request.step or live.box is None or not live.box.limits.is_stepwise:
        return None if last is None else last.values
    if last is not None and last.step == request.step - 1:
        return last.values
    message = (
        f"is missing, and this process has not decided step {request.step - 1:,} of the episode; expected the values of that "
        f"step: this loop limits how far an action may change."
    )
    raise Invalid([Fault("$.previous", message, "missing_field")], subject="the request")


def _unless_acting(acting: Acting) -> str | None:
    """Why no model decides where the calling program acts by itself."""
    return None if acting == "policy" else "not_acting"


def _allowed(live: Live, asked: Asked) -> Sequence[bool]:
    """k, True for what may be taken."""
    if asked.mask is not None:
        return asked.mask
    return live.all_allowed if asked.candidates is None else [True] * len(asked.candidates)


def _all_on_the_first(allowed: Sequence[bool]) -> list[float]:
    """k probabilities: 1 for the first that may be taken."""
    first = [0.0] * len(allowed)
    first[allowed.index(True)] = 1.0
    return first
