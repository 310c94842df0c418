"""The ramp: from state to state, never past one, and back at the first thing that speaks against the challenger."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.gate.ramp import DECIDING, ENDED, RAMP_EVENTS, SHADOW_DECISIONS, Findings, State, step
from policyloop.gate.verdict import Call, Reason, Verdict

WORKS = (Reason(name="runs", call=Call.PROMOTE, sentence="It runs.", is_check=True),)
BREAKS = (Reason(name="runs", call=Call.REFUSE, sentence="It breaks.", is_check=True),)
ALARM = (Reason(name="log-propensities", call=Call.REFUSE, sentence="The log is not true."),)
PROVEN = (Reason(name="proven-better", call=Call.PROMOTE, sentence="It is better."),)
OPEN = (Reason(name="proven-better", call=Call.INCONCLUSIVE, sentence="Nothing can be said yet."),)
WORSE = (Reason(name="proven-better", call=Call.RETIRE, sentence="It is worse."),)
GUARD_OPEN = (Reason(name="guard-paid", call=Call.INCONCLUSIVE, sentence="It may pay less."),)
GOING = [state for state in State if state not in ENDED]


def found(*, checks=WORKS, alarms=(), n_checked=500, n_served=0, proof=(), guards=(), holds=()):
    return Findings(
        checks=checks, alarms=alarms, n_checked=n_checked, n_served=n_served, proof=proof, guards=guards, holds=holds
    )


def after(state, findings, *, is_frozen=False, needs_approval=False, is_approved=False):
    return step(state, findings, is_frozen=is_frozen, needs_approval=needs_approval, is_approved=is_approved)


def test_a_challenge_goes_through_every_state_when_all_is_well():
    state, seen = State.FROZEN, []
    while state not in ENDED:
        seen.append(state)
        state = after(state, found(n_served=10_000, proof=PROVEN)).state

    assert seen == [State.FROZEN, State.LOG_CHECK, State.SHADOW, State.CANARY, State.RAMP]
    assert state == State.LIVE


def test_a_log_of_which_little_was_seen_is_not_believed_yet():
    done = after(State.LOG_CHECK, found(n_checked=499))

    assert (done.state, done.call) == (State.LOG_CHECK, Call.INCONCLUSIVE)
    assert done.reasons[0].sentence == "The log check has seen 499 settled decisions; 500 are needed."
    assert not done.is_alarm
    assert after(State.LOG_CHECK, found(n_checked=500)).state == State.SHADOW


def test_every_move_says_why_in_a_line_and_what_decides_comes_first():
    kept = tuple(
        Reason(name=f"guard-{name}", call=Call.PROMOTE, sentence=f"Guard {name}: within the margin.", is_check=True)
        for name in ("errors", "paid", "dwell_s")
    )
    told = {}
    for state in GOING:
        done = after(state, found(n_served=10_000, proof=PROVEN, guards=kept))
        told[state] = sentence_of(done)

    assert told[State.FROZEN] == "Its first model is trained, and works."
    assert told[State.CANARY] == "It is better."
    assert all(told.values())


def sentence_of(done):
    return Verdict(kind="challenge", call=done.call, model="m", champion="c", anchor=None, reasons=done.reasons).sentence


def test_it_waits_for_its_first_model():
    done = after(State.FROZEN, found(checks=()))

    assert (done.state, done.call) == (State.FROZEN, Call.INCONCLUSIVE)
    assert done.reasons[0].sentence == "Its first model is being trained."


@pytest.mark.parametrize(("state", "enough"), [(State.SHADOW, SHADOW_DECISIONS), (State.RAMP, RAMP_EVENTS)])
def test_it_stays_until_enough_decisions_are_settled(state, enough):
    assert after(state, found(n_served=enough - 1)).state == state
    assert after(state, found(n_served=enough)).state != state


@pytest.mark.parametrize("proof", [(), OPEN])
def test_a_tie_never_leaves_the_canary(proof):
    assert after(State.CANARY, found(n_served=10**9, proof=proof)).state == State.CANARY


def test_an_open_guard_keeps_a_proven_challenger_in_the_canary_and_in_the_ramp():
    assert after(State.CANARY, found(proof=PROVEN, guards=GUARD_OPEN)).reasons == GUARD_OPEN
    assert after(State.RAMP, found(n_served=10**6, proof=PROVEN, guards=GUARD_OPEN)).state == State.RAMP


@pytest.mark.parametrize(
    ("state", "ends"),
    [(State.SHADOW, State.RETIRED), (State.CANARY, State.RETIRED), (State.RAMP, State.ROLLED_BACK)],
)
def test_harm_ends_it_and_says_so(state, ends):
    done = after(state, found(n_served=10**6, proof=WORSE, guards=GUARD_OPEN))

    assert (done.state, done.call, done.reasons) == (ends, Call.RETIRE, WORSE)


def test_a_model_that_breaks_is_refused():
    assert after(State.CANARY, found(checks=BREAKS, proof=PROVEN)).call == Call.REFUSE


@pytest.mark.parametrize("state", [State.SHADOW, State.CANARY, State.RAMP])
def test_an_alarm_of_the_log_takes_it_out_of_the_traffic_and_freezes(state):
    done = after(state, found(n_served=10**6, alarms=ALARM, proof=PROVEN))

    assert done.state == State.LOG_CHECK
    assert done.is_alarm
    assert not after(state, found(n_served=10**6, proof=PROVEN)).is_alarm


def test_where_a_person_has_to_agree_it_waits_in_the_canary_until_one_does():
    waiting = after(State.CANARY, found(proof=PROVEN), needs_approval=True)
    agreed = after(State.CANARY, found(proof=PROVEN), needs_approval=True, is_approved=True)

    assert (waiting.state, waiting.is_waiting, waiting.call) == (State.CANARY, True, Call.PROMOTE)
    assert (agreed.state, agreed.is_waiting) == (State.RAMP, False)


reasons = st.sampled_from([(), PROVEN, OPEN, WORSE])


@given(
    st.sampled_from(GOING),
    st.sampled_from([(), WORKS, BREAKS]),
    st.sampled_from([(), ALARM]),
    st.integers(0, 2000),
    reasons,
    st.sampled_from([(), GUARD_OPEN, WORSE]),
)
def test_while_frozen_nothing_ever_advances(state, checks, alarms, n_served, proof, guards):
    findings = found(checks=checks, alarms=alarms, n_served=n_served, proof=proof, guards=guards)

    done = after(state, findings, is_frozen=True)

    assert done.state in (state, State.LOG_CHECK, State.RETIRED, State.ROLLED_BACK)
    assert done.state != State.LIVE


@given(
    st.sampled_from(DECIDING),
    st.integers(0, 2000),
    reasons,
    st.sampled_from([(), GUARD_OPEN, WORSE]),
)
def test_nothing_leaves_the_canary_upwards_without_proof(state, n_served, proof, guards):
    done = after(state, found(n_served=n_served, proof=proof, guards=guards))

    if state == State.CANARY and done.state == State.RAMP:
        assert proof == PROVEN
        assert guards == ()
    if done.state == State.LIVE:
        assert state == State.RAMP
        assert guards == ()
