"""Events: what goes into the log comes out again, short keys never change, and unknown keys survive."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policyloop.core.event import Decision, Kind, Outcome, decode, encode, kind_of, pack_floats, unpack_floats

DECISION = Decision(
    loop="front-page", decision_id="d1", decided_at=5, spec="s", policy="baseline", context='{"hour":3}', split=0.25,
    action=[1], propensity=0.5, pmf=[[0.5, 0.5]],
)  # fmt: skip


def test_a_decision_survives_the_log():
    assert decode(kind_of(DECISION), encode(DECISION)) == DECISION


def test_an_outcome_survives_the_log():
    outcome = Outcome(loop="front-page", decision_id="d1", outcome_id="o1", received_at=9, values={"clicked": 1.0}, final=True)

    assert (kind_of(outcome), decode(Kind.OUTCOME, encode(outcome))) == (Kind.OUTCOME, outcome)


def test_the_short_keys_are_those_that_logs_already_hold():
    keys = {t.__name__: {f.name: f.encode_name for f in msgspec.structs.fields(t)} for t in (Decision, Outcome)}

    assert keys["Outcome"] == {
        "loop": "l", "decision_id": "i", "outcome_id": "n", "received_at": "t", "values": "v", "occurred_at": "to",
        "decided_at": "td", "slot": "k", "final": "b", "terminated": "et", "truncated": "eu", "next_context": "c",
        "executed": "x", "is_clamped": "bc", "extra": "_",
    }  # fmt: skip
    assert keys["Decision"] == {
        "loop": "l", "decision_id": "i", "decided_at": "t", "spec": "s", "policy": "p", "context": "c", "split": "z",
        "action": "a", "propensity": "q", "propensity_kind": "qk", "pmf": "f", "mask": "m", "actions": "o",
        "action_value": "v", "density": "d", "occurred_at": "to", "mixture": "x", "side": "xs", "action_source": "as",
        "action_value_estimate": "av", "baseline_action": "ab", "shadow": "sh", "draw_version": "dv", "salt_id": "ds",
        "is_clamped": "bc", "is_fallback": "bf", "is_deferred": "bd", "subject": "u", "episode_id": "e", "step": "es",
        "trace_id": "tr", "extra": "_",
    }  # fmt: skip


def test_keys_of_a_later_version_are_kept():
    later = msgspec.msgpack.encode({**msgspec.msgpack.decode(encode(DECISION)), "new": [1, 2]})

    got = decode(Kind.DECISION, later, form=2)

    assert got == msgspec.structs.replace(DECISION, extra={"new": [1, 2]})


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="9 is not a valid Kind"):
        decode(9, b"\x80")


@given(st.lists(st.floats(allow_nan=False), max_size=80))
def test_float_lists_of_any_length_come_back_bit_by_bit(values):
    stored = pack_floats(values)

    assert isinstance(stored, bytes) == (len(values) > 32)
    assert unpack_floats(stored) == values
