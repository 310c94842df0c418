"""The section `gate:` of a loop file: shares, approval, guards and slices, and what each mistake is answered with."""

import pytest

from policyloop.core.errors import Invalid
from policyloop.core.loop import GateSpec, GuardSpec
from policyloop.core.spec_file import from_json, read_spec, to_json

SMALL = {
    "loop": "small",
    "context": {"hour": {"type": "integer"}, "device": {"type": "category", "values": ["phone", "desk"]}},
    "actions": {"labels": ["a", "b"]},
    "outcomes": {"won": {"type": "boolean", "take": "max"}, "paid": {"min": 0}},
    "reward": {"expression": "won"},
}


def gate(**keys):
    return read_spec({**SMALL, "gate": keys}).gate


def faults(**keys):
    with pytest.raises(Invalid) as caught:
        gate(**keys)
    return [f"{fault.where}: {fault.message}" for fault in caught.value.faults]


def test_what_is_left_out_is_as_usual_and_changes_no_digest():
    assert gate() == GateSpec()
    assert '"gate":{"refresh":{"name":"no-harm"}}' in to_json(read_spec(SMALL))
    assert read_spec({**SMALL, "gate": {"canary": 0.1, "hold_out": 0}}).digest == read_spec(SMALL).digest


def test_every_key_survives_the_canonical_form():
    spec = read_spec(
        {
            **SMALL,
            "gate": {
                "canary": 0.05,
                "ramp": 0.4,
                "hold_out": 0.1,
                "sticky": True,
                "approval": "manual",
                "guards": {"paid": {"margin": 1, "range": [0, 20], "stop": 5}, "$errors": {"margin": 0.01, "alpha": 0.1}},
                "slices": ["device"],
            },
        }
    )

    assert from_json(to_json(spec)) == spec
    assert spec.gate.guards == (
        GuardSpec(name="paid", margin=1.0, stop=5.0, low=0.0, high=20.0),
        GuardSpec(name="$errors", margin=0.01, alpha=0.1, better="lower"),
    )


def test_a_guard_on_a_boolean_outcome_knows_its_bounds():
    (guard,) = gate(guards={"won": {"margin": 0.02}}).guards

    assert (guard.low, guard.high, guard.better) == (0.0, 1.0, "higher")


def test_of_a_reserved_guard_less_is_better_and_the_file_may_say_so():
    (guard,) = gate(guards={"$latency_ms": {"margin": 1, "better": "lower"}}).guards

    assert guard == GuardSpec(name="$latency_ms", margin=1.0, better="lower", low=0.0, high=50.0)


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        ({"canary": 0.6}, "$.gate.canary: is 0.6; expected a number from 0.001 to 0.5."),
        ({"canary": 0.2, "ramp": 0.1}, "$.gate.canary: is 0.2, more than ramp, which is 0.1; expected at most that."),
        ({"hold_out": -0.1}, "$.gate.hold_out: is -0.1; expected a number from 0 to 0.5."),
        ({"approval": "maybe"}, "$.gate.approval: no approval is named 'maybe'; known: automatic, manual."),
        ({"guards": {"wonn": {"margin": 1}}}, "$.gate.guards.wonn: no outcome or reserved guard is named 'wonn'; did you mean"),
        ({"guards": {"won": {}}}, "$.gate.guards.won.margin: is missing; expected a number."),
        (
            {"guards": {"paid": {"margin": 1}}},
            "$.gate.guards.paid.range: is missing, and outcome 'paid' lies in [0, inf]; expected [low, high]",
        ),
        ({"guards": {"won": {"margin": 1, "range": [1, 0]}}}, "$.gate.guards.won.range: is [1, 0]; expected [low, high]"),
        (
            {"guards": {"$errors": {"margin": 0}}},
            "$.gate.guards.$errors.margin: is 0; expected a share above 0, such as 0.01: that it never fails cannot be shown.",
        ),
        (
            {"guards": {"$errors": {"margin": 0.01, "better": "higher"}}},
            "$.gate.guards.$errors.better: is higher; expected lower, or no such key: fewer errors are always better.",
        ),
        (
            {"guards": {"$latency_ms": {"margin": 1, "better": "higher"}}},
            "$.gate.guards.$latency_ms.better: is higher; expected lower, or no such key: a shorter time is always better.",
        ),
        (
            {"guards": {"$action_share": {"margin": 0.1, "better": "higher"}}},
            "$.gate.guards.$action_share.better: is higher; expected lower, or no such key: a smaller move is always better.",
        ),
        ({"slices": ["devise"]}, "$.gate.slices[0]: no field is named 'devise'; did you mean 'device'?"),
        (
            {"slices": ["hour"]},
            "$.gate.slices[0]: is 'hour', a field of type integer; expected one of type category or boolean.",
        ),
        ({"cannary": 0.1}, "$.gate.cannary: no key of gate is named 'cannary'; did you mean 'canary'?"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_is_expected(keys, fault):
    assert any(told.startswith(fault) for told in faults(**keys)), faults(**keys)


def test_candidates_have_no_shares_that_a_guard_could_watch():
    actions = {"kind": "candidates", "features": {"price": {"type": "number", "min": 0, "max": 9}}}
    spec = {**SMALL, "actions": actions, "baseline": "uniform", "gate": {"guards": {"$action_share": {"margin": 0.1}}}}

    with pytest.raises(Invalid, match="their places mean nothing; leave it out, and guard an outcome"):
        read_spec(spec)
