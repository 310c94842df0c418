"""The section `gate:` of a loop file: what a model must pass before it decides, and how much traffic it gets to show it.

Question answered: which rules, which shares of the traffic, which further numbers must not get worse?
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from policyloop.core.errors import Fault, unknown
from policyloop.core.loop import Field, GateSpec, GuardSpec, OutcomeSpec
from policyloop.core.section import REQUIRED, Section, is_number, show
from policyloop.core.spec_learning import RULES, read_plugin
from policyloop.core.spec_reward import range_of

ERRORS, LATENCY_MS, ACTION_SHARE = "$errors", "$latency_ms", "$action_share"
RESERVED_GUARDS = (ERRORS, LATENCY_MS, ACTION_SHARE)
LARGEST_SHARE = 0.5  # of the traffic that is not the champion's: beyond it, the champion would be the experiment
MAX_SLICES = 10
_APPROVALS = ("automatic", "manual")
_SLICED_TYPES = ("category", "boolean")
_OF_TYPES = "one of type category or boolean"
_LESS_IS_BETTER = {
    ERRORS: "fewer errors are always better.",
    LATENCY_MS: "a shorter time is always better.",
    ACTION_SHARE: "a smaller move is always better.",
}
_RESERVED_BOUNDS = {ERRORS: (0.0, 1.0), ACTION_SHARE: (0.0, 1.0), LATENCY_MS: (0.0, 50.0)}


def read_gate(
    value: Any,
    where: str,
    faults: list[Fault],
    *,
    context: Mapping[str, Field],
    outcomes: Mapping[str, OutcomeSpec],
    is_candidates: bool,
    is_checked: bool,
) -> GateSpec:
    """The rules, the shares and the guards.

    Args:
        context: the declared fields, which slices are made by.
        outcomes: the declared outcomes, which guards watch.
        is_candidates: whether callers bring the actions along, so that these have no shares of their own.
        is_checked: whether plug-ins are looked up.
    """
    usual = GateSpec()
    section = Section(value, where, faults, expected="`{refresh: no-harm, challenge: proven-better}`")
    gate = GateSpec(
        refresh=read_plugin(
            section.take("refresh", {}),
            f"{where}.refresh",
            faults,
            family=RULES,
            default=usual.refresh.name,
            is_checked=is_checked,
        ),
        challenge=read_plugin(
            section.take("challenge", {}),
            f"{where}.challenge",
            faults,
            family=RULES,
            default=usual.challenge.name,
            is_checked=is_checked,
            maker="create_challenge",
        ),
        canary=section.number("canary", usual.canary, low=0.001, high=LARGEST_SHARE),
        ramp=section.number("ramp", usual.ramp, low=0.001, high=LARGEST_SHARE),
        hold_out=section.number("hold_out", usual.hold_out, low=0.0, high=LARGEST_SHARE),
        sticky=section.truth("sticky", usual.sticky),
        approval=section.choice("approval", _APPROVALS, usual.approval, kind="approval"),
        guards=_read_guards(section, outcomes, is_candidates=is_candidates),
        slices=_read_slices(section, context),
    )
    if gate.canary > gate.ramp:
        section.fault("canary", f"is {gate.canary:g}, more than ramp, which is {gate.ramp:g}; expected at most that.")
    section.finish("key of gate")
    return gate


def gate_mapping(gate: GateSpec, *, is_whole: bool = False) -> dict[str, Any]:
    """The section as a loop file holds it.

    Args:
        is_whole: whether to say what is as usual, too. The canonical form leaves that out: specs from before a key was
            there keep their digests.
    """
    whole = _whole_mapping(gate)
    usual = _whole_mapping(GateSpec())
    return {key: value for key, value in whole.items() if is_whole or key == "refresh" or value != usual[key]}


def _whole_mapping(gate: GateSpec) -> dict[str, Any]:
    return {
        "refresh": {"name": gate.refresh.name, **gate.refresh.settings},
        "challenge": {"name": gate.challenge.name, **gate.challenge.settings},
        "canary": gate.canary,
        "ramp": gate.ramp,
        "hold_out": gate.hold_out,
        "sticky": gate.sticky,
        "approval": gate.approval,
        "guards": {guard.name: _guard_mapping(guard) for guard in gate.guards},
        "slices": list(gate.slices),
    }


def _guard_mapping(guard: GuardSpec) -> dict[str, Any]:
    stop = {} if guard.stop is None else {"stop": guard.stop}
    bounds = {"range": [guard.low, guard.high]}
    return {"margin": guard.margin, "alpha": guard.alpha, "better": guard.better, **bounds, **stop}


def _read_guards(section: Section, outcomes: Mapping[str, OutcomeSpec], *, is_candidates: bool) -> tuple[GuardSpec, ...]:
    """The guards in the order of the file."""
    body = Section(
        section.take("guards", {}), f"{section.where}.guards", section.faults, expected="guards, such as `paid: {margin: 1}`"
    )
    guards = []
    for name, value in body.body.items():
        if name not in outcomes and name not in RESERVED_GUARDS:
            body.fault(name, unknown("outcome or reserved guard", name, [*outcomes, *RESERVED_GUARDS]), "unknown_name")
        elif name == ACTION_SHARE and is_candidates:
            body.fault(
                name,
                "compares the shares of actions, and candidates are others in every decision, so that their places mean "
                "nothing; leave it out, and guard an outcome, such as `paid: {margin: 1}`.",
            )
        else:
            guards.append(_read_guard(name, value, body, outcomes.get(name)))
    return tuple(guards)


def _read_guard(name: str, value: Any, parent: Section, outcome: OutcomeSpec | None) -> GuardSpec:
    section = Section(value, f"{parent.where}.{name}", parent.faults, expected="`{margin: ...}`")
    low, high = _read_bounds(section, name, outcome)
    guard = GuardSpec(
        name=name,
        margin=section.number("margin", REQUIRED, low=0.0) or 0.0,
        alpha=section.number("alpha", 0.05, low=0.0001, high=0.5),
        better=section.choice("better", ("higher", "lower"), "lower" if outcome is None else "higher", kind="direction"),
        stop=section.number("stop", None, low=0.0),
        low=low,
        high=high,
    )
    if outcome is None and section.body.get("better") == "higher":
        section.fault("better", f"is higher; expected lower, or no such key: {_LESS_IS_BETTER[name]}")
    if name == ERRORS and guard.margin == 0.0 and "margin" in section.body:
        section.fault("margin", "is 0; expected a share above 0, such as 0.01: that it never fails cannot be shown.")
    section.finish("key of a guard")
    return guard


def _read_bounds(section: Section, name: str, outcome: OutcomeSpec | None) -> tuple[float, float]:
    """Between which bounds the number lies: as the guard says, else as its outcome is declared."""
    usual = _RESERVED_BOUNDS[name] if outcome is None else range_of(outcome)
    value = section.take("range", None)
    if "range" in section.body:
        if isinstance(value, list) and len(value) == 2 and all(is_number(v) for v in value) and value[0] < value[1]:
            return float(value[0]), float(value[1])
        section.fault("range", f"is {show(value)}; expected [low, high], two numbers with low below high.")
    elif not all(math.isfinite(bound) for bound in usual):
        told = f"is missing, and outcome '{name}' lies in [{usual[0]:g}, {usual[1]:g}]"
        section.fault("range", f"{told}; expected [low, high]: what lies outside is clipped.", "missing")
    else:
        return usual
    return 0.0, 1.0


def _read_slices(section: Section, context: Mapping[str, Field]) -> tuple[str, ...]:
    """Fields with few values, whose every value is looked at by itself."""
    value = section.take("slices", [])
    if not isinstance(value, list) or len(value) > MAX_SLICES:
        section.fault("slices", f"is {show(value)}; expected a list of at most {MAX_SLICES} fields.")
        return ()
    for place, name in enumerate(value):
        if name not in context:
            section.fault(f"slices[{place}]", unknown("field", str(name), context), "unknown_name")
        elif context[name].type not in _SLICED_TYPES:
            section.fault(f"slices[{place}]", f"is '{name}', a field of type {context[name].type}; expected {_OF_TYPES}.")
    return tuple(str(name) for name in value)
