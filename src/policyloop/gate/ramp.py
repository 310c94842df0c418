"""The ramp: the states that a challenge goes through on its way to deciding alone, and what each one asks for.

Question answered: given what this look found, in which state is the challenge now, and why? A pure function, so that
another process can recompute every move. FROZEN: its first model is being trained. LOG-CHECK: can the log be trusted?
SHADOW: it is asked, but never decides. ADVISORY, in episodes, where a person wants it: what it would do is shown to the
person who acts. CANARY: it decides a small share and has to prove itself. RAMP: it is proven, and half of the traffic shows
whether it also bears it. Then it is LIVE. A tie stays in CANARY: it never deploys.
Source: DESIGN section 6, challenge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from policyloop.gate.logcheck import FEWEST as LOG_DECISIONS
from policyloop.gate.verdict import Call, Reason, verdict_of

SHADOW_DECISIONS = 200  # in which the challenger has to answer, before any decision is its own
RAMP_EVENTS = 500  # settled decisions at the larger share, before it decides alone


class State(StrEnum):
    """Where a challenge stands."""

    FROZEN = "FROZEN"
    LOG_CHECK = "LOG-CHECK"
    SHADOW = "SHADOW"
    ADVISORY = "ADVISORY"
    CANARY = "CANARY"
    RAMP = "RAMP"
    LIVE = "LIVE"
    ROLLED_BACK = "ROLLED-BACK"
    RETIRED = "RETIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Enough:
    """How much has to be seen before a challenge goes on, and of what."""

    shadow: int  # in which the challenger has to answer, before any is its own
    ramp: int  # at the larger share, before it decides alone
    unit: str  # in the plural
    is_log_checked: bool = True  # whether LOG-CHECK comes before SHADOW; else it goes on beside it, and an alarm leads there
    is_agreed_to: bool = False  # whether a person has to agree before any is its own


OF_DECISIONS = Enough(shadow=SHADOW_DECISIONS, ramp=RAMP_EVENTS, unit="settled decisions")
# What happens in an episode cannot be taken back, so a person agrees first; and one episode tells as much as many decisions.
OF_EPISODES = Enough(shadow=10, ramp=50, unit="closed episodes", is_log_checked=False, is_agreed_to=True)

ASKED = (State.SHADOW, State.ADVISORY)  # the challenger is asked in each decision, and none is its own
DECIDING = (State.CANARY, State.RAMP)  # some decisions are its own
SERVED = (*ASKED, *DECIDING)
ENDED = (State.LIVE, State.ROLLED_BACK, State.RETIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What one look found. Reasons that call for PROMOTE have nothing against the challenger."""

    checks: tuple[Reason, ...]  # does its newest model work? Empty: there is none yet
    alarms: tuple[Reason, ...]  # of the log check; empty: nothing speaks against the log
    n_checked: int  # decisions that the log check has seen
    n_served: int  # settled decisions, or closed episodes, of the present state in which the challenger was asked
    proof: tuple[Reason, ...]  # what the rule says; empty before there is evidence
    guards: tuple[Reason, ...]  # further numbers and slices: RETIRE on harm, INCONCLUSIVE while that is not ruled out
    holds: tuple[Reason, ...] = ()  # what else speaks against any promotion now
    told: tuple[Reason, ...] = ()  # what a person wants to know before agreeing; it decides nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows from a look."""

    state: State
    call: Call
    reasons: tuple[Reason, ...]  # why, the decisive ones first
    is_waiting: bool = False  # for a person's approval

    @property
    def is_alarm(self) -> bool:
        """Whether promotions of the loop are to be frozen."""
        return any(reason.name.startswith("log-") and reason.call == Call.REFUSE for reason in self.reasons)


def step(
    state: State,
    found: Findings,
    *,
    is_frozen: bool,
    needs_approval: bool,
    is_approved: bool,
    enough: Enough = OF_DECISIONS,
) -> Step:
    """The state after a look.

    Args:
        state: before it; none of `ENDED`.
        found: by the look.
        is_frozen: promotions of the loop are frozen: the challenge may fall back, but not advance.
        needs_approval: whether a person has to agree to a proven challenger.
        is_approved: whether one did.
        enough: how much has to be seen.
    """
    refused = tuple(reason for reason in found.checks if reason.call == Call.REFUSE)
    if refused:
        return Step(state=_thrown_out(state), call=Call.REFUSE, reasons=refused)
    if found.alarms and state != State.FROZEN:
        return Step(state=State.LOG_CHECK, call=Call.REFUSE, reasons=found.alarms)
    against = tuple(r for r in (*found.proof, *found.guards) if r.call in (Call.RETIRE, Call.REFUSE))
    if against and state in SERVED:
        return Step(state=_thrown_out(state), call=verdict_of(against), reasons=against)
    ready = _advance(state, found, enough)
    if ready.state == state or not is_frozen:
        if state in ASKED and ready.state == State.CANARY and enough.is_agreed_to:
            return Step(state=state, call=Call.PROMOTE, reasons=(*ready.reasons, *found.told), is_waiting=True)
        return _approved(state, ready, needs_approval=needs_approval, is_approved=is_approved)
    return _stay(state, (_told("frozen", "Promotions of this loop are frozen: nothing advances until they are unfrozen."),))


def _advance(state: State, found: Findings, enough: Enough) -> Step:
    """What follows where nothing speaks against the challenger."""
    if state == State.FROZEN:
        if not found.checks:
            return _stay(state, (_told("training", "Its first model is being trained."),))
        trained = (_passed("model", "Its first model is trained, and works."), *found.checks)
        return _on(State.LOG_CHECK if enough.is_log_checked else State.SHADOW, trained)
    if state == State.LOG_CHECK:
        return after_log_check(found.n_checked)
    if state in ASKED:
        return after_asked(state, found.n_served, enough=enough)
    if state == State.CANARY:
        return _after_proof(found)
    told = f"was served at the larger share in {{}} {enough.unit}"
    served = _after_count(state, State.LIVE, found.n_served, enough.ramp, told)
    open_guards = tuple(reason for reason in (*found.guards, *found.holds) if not reason.is_passed)
    return _stay(state, open_guards) if served.state == State.LIVE and open_guards else served


def after_log_check(n: int) -> Step:
    """LOG-CHECK: on, when so many decisions were seen that gross faults would have shown."""
    numbers = {"n": float(n), "needed": float(LOG_DECISIONS)}
    if n < LOG_DECISIONS:
        told = f"The log check has seen {n:,} settled decisions; {LOG_DECISIONS:,} are needed."
        return _stay(State.LOG_CHECK, (_told("log", told, **numbers),))
    told = f"The log passed its check in {n:,} decisions: what it says of probabilities can be trusted."
    return _on(State.SHADOW, (_passed("log", told, **numbers),))


def after_asked(state: State, n: int, *, enough: Enough) -> Step:
    """SHADOW or ADVISORY: on, when it was asked in so many that it would have shown if it did not answer."""
    told = (
        "gave its advice in {} closed episodes"
        if state == State.ADVISORY
        else f"was asked beside the champion in {{}} {enough.unit}"
    )
    return _after_count(state, State.CANARY, n, enough.shadow, told)


def _after_count(state: State, then: State, n: int, enough: int, what: str) -> Step:
    numbers = {"n": float(n), "needed": float(enough)}
    if n < enough:
        return _stay(state, (_told("served", f"It {what.format(f'{n:,}')}; {enough:,} are needed.", **numbers),))
    return _on(then, (_passed("served", f"It {what.format(f'{n:,}')}, and nothing spoke against it.", **numbers),))


def _after_proof(found: Findings) -> Step:
    """CANARY: on, when the rule is satisfied and no guard is open."""
    reasons = (*found.proof, *found.guards, *found.holds)
    is_proven = bool(found.proof) and verdict_of(reasons) == Call.PROMOTE
    if not is_proven:
        return _stay(State.CANARY, tuple(r for r in reasons if not r.is_passed) or reasons)
    return _on(State.RAMP, reasons)


def _approved(state: State, ready: Step, *, needs_approval: bool, is_approved: bool) -> Step:
    """A proven challenger waits for a person where the loop says so."""
    if state != State.CANARY or ready.state != State.RAMP or not needs_approval or is_approved:
        return ready
    return Step(state=state, call=Call.PROMOTE, reasons=ready.reasons, is_waiting=True)


def _thrown_out(state: State) -> State:
    """Where a challenge ends that may not go on: back from where it decided much, else retired."""
    return State.ROLLED_BACK if state == State.RAMP else State.RETIRED


def _on(state: State, reasons: Sequence[Reason]) -> Step:
    return Step(state=state, call=Call.PROMOTE, reasons=tuple(reasons))


def _stay(state: State, reasons: tuple[Reason, ...]) -> Step:
    return Step(state=state, call=Call.INCONCLUSIVE, reasons=reasons)


def _told(name: str, sentence: str, **numbers: float) -> Reason:
    return Reason(name=name, call=Call.INCONCLUSIVE, sentence=sentence, numbers=numbers)


def _passed(name: str, sentence: str, **numbers: float) -> Reason:
    return Reason(name=name, call=Call.PROMOTE, sentence=sentence, numbers=numbers)
