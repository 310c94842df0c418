"""Actions that are numbers: the parts of a loop file that say between which bounds they lie, and what is safe.

Question answered: which numbers make an action, within which bounds, within which limits, and what is done without a model?
Bounds belong to the action: a model is made for them. Limits are the operator's: they may change at any time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyloop.core.errors import Fault, unknown
from policyloop.core.loop import ActionSpec, BoxPart, LabelledPart, LimitSpec
from policyloop.core.section import Section, is_number, show
from policyloop.core.spec_context import read_names
from policyloop.core.spec_reward import is_outcome_name

MAX_PARTS = 64
MIDDLE, UNIFORM, VALUES = "middle", "uniform", "values"  # what `LoopSpec.baseline` may be; the first two are words of the file
_LIMIT_KEYS = ("min", "max", "max_change")
_EXAMPLE = {"continuous": "box", "tuple": "parts"}
_SHOWN = {
    "continuous": "the numbers of an action, such as {force: {min: -1, max: 1}}",
    "tuple": "the parts of an action, such as {gear: [low, high], throttle: {min: 0, max: 1}}",
}


def read_box_actions(section: Section, kind: str) -> ActionSpec | None:
    """`box:` of continuous actions or `parts:` of a tuple; None when it cannot be told."""
    n_faults = len(section.faults)
    key = _EXAMPLE[kind]
    body = Section(section.take(key, expected=_SHOWN[kind]), f"{section.where}.{key}", section.faults, expected=_SHOWN[kind])
    if key in section.body and not 1 <= len(body.body) <= MAX_PARTS:
        section.fault(key, f"has {len(body.body)} parts; expected 1 to {MAX_PARTS}.")
    numbers: list[BoxPart] = []
    choices: list[LabelledPart] = []
    for name, part in body.body.items():
        if not is_outcome_name(name):
            body.fault(
                None, f"has a part named {show(name)}; expected letters, digits and _, such as force, as in an expression."
            )
        elif kind == "tuple" and isinstance(part, list):
            labels = read_names(Section({name: part}, body.where, section.faults), name, 1000, ())
            choices.append(LabelledPart(name=name, labels=labels or ()))
        else:
            numbers.append(_read_number(name, part, f"{body.where}.{name}", section.faults))
    section.finish("key of actions")
    if kind == "tuple" and not choices and numbers:
        section.fault("kind", "is tuple, and no part has labels; expected continuous, with the same parts under `box:`.")
    if kind == "tuple" and choices and not numbers:
        section.fault("parts", "have labels alone; expected at least one part with numbers, such as {min: 0, max: 1}.")
    if len(section.faults) > n_faults:
        return None
    return ActionSpec(kind="tuple" if choices else "continuous", box=tuple(numbers), choices=tuple(choices))


def box_mapping(actions: ActionSpec) -> dict[str, Any]:
    """The section with nothing left out."""
    numbers = {part.name: {"min": part.low, "max": part.high} for part in actions.box}
    if actions.kind == "continuous":
        return {"kind": "continuous", "box": numbers}
    return {"kind": "tuple", "parts": {**{part.name: list(part.labels) for part in actions.choices}, **numbers}}


def read_limits(value: Any, where: str, faults: list[Fault], actions: ActionSpec | None) -> tuple[LimitSpec, ...]:
    """What each number may be for safety's sake: by name, or one `{min, max, max_change}` for all of them."""
    section = Section(value, where, faults, expected="limits, such as {force: {min: -0.9, max: 0.9, max_change: 0.2}}")
    parts = {part.name: part for part in actions.box} if actions is not None else {}
    if section.body and actions is not None and not parts:
        section.fault(None, "is there, but actions have no numbers; expected it in loops of kind continuous or tuple.")
        return ()
    if section.body and set(section.body) <= set(_LIMIT_KEYS) and not set(section.body) & set(parts):
        return tuple(_read_limit(part, section.body, where, faults) for part in parts.values())
    for name in section.body:
        if parts and name not in parts:
            section.fault(name, unknown("number of the action", name, [*parts, *_LIMIT_KEYS]), "unknown_name")
    named = [name for name in parts if name in section.body]
    return tuple(_read_limit(parts[name], section.body[name], f"{where}.{name}", faults) for name in named)


def limits_mapping(limits: tuple[LimitSpec, ...]) -> dict[str, Any]:
    """The section as a loop file holds it."""
    whole = {one.name: {"min": one.low, "max": one.high, "max_change": one.max_change} for one in limits}
    return {name: {key: value for key, value in one.items() if value is not None} for name, one in whole.items()}


def read_box_baseline(section: Section, actions: ActionSpec) -> tuple[str, dict[str, str | float]]:
    """`middle` of the bounds, `uniform` between them, or a value for every part."""
    value = section.take("baseline", MIDDLE)
    if value in (MIDDLE, UNIFORM):
        return str(value), {}
    names = [*(part.name for part in actions.choices), *(part.name for part in actions.box)]
    expected = f"{MIDDLE}, {UNIFORM}, or a value for every part: {', '.join(names)}"
    if not isinstance(value, Mapping) or set(value) != set(names):
        section.fault("baseline", f"is {show(value)}; expected {expected}.")
        return MIDDLE, {}
    for number in actions.box:
        own = value[number.name]
        if not is_number(own) or not number.low <= own <= number.high:
            section.fault(
                f"baseline.{number.name}", f"is {show(own)}; expected a number from {number.low:g} to {number.high:g}."
            )
    for choice in actions.choices:
        if value[choice.name] not in choice.labels:
            section.fault(f"baseline.{choice.name}", unknown("label", str(value[choice.name]), choice.labels))
    return VALUES, {name: float(value[name]) if is_number(value[name]) else str(value[name]) for name in names}


def _read_number(name: str, body: Any, where: str, faults: list[Fault]) -> BoxPart:
    """One number: `{min: -1, max: 1}` or `[-1, 1]`."""
    if isinstance(body, list) and len(body) == 2 and all(is_number(v) for v in body):
        return _read_number(name, {"min": body[0], "max": body[1]}, where, faults)
    section = Section(body, where, faults, expected="bounds, such as {min: -1, max: 1}")
    low, high = section.number("min", None), section.number("max", None)
    section.finish("option of a number of an action")
    if low is None or high is None:
        if isinstance(body, Mapping):
            missing = "min" if low is None else "max"
            section.fault(missing, "is missing; expected both bounds: a model is made for them.", "missing")
        return BoxPart(name=name, low=0.0, high=1.0)
    if low >= high:
        section.fault("max", f"is {high:g}, not above min {low:g}; expected more than {low:g}.")
    return BoxPart(name=name, low=low, high=high)


def _read_limit(part: BoxPart, body: Any, where: str, faults: list[Fault]) -> LimitSpec:
    """The limits of one number, inside its bounds."""
    section = Section(body, where, faults, expected="limits, such as {min: -0.9, max: 0.9, max_change: 0.2}")
    low = section.number("min", None, low=part.low, high=part.high)
    high = section.number("max", None, low=part.low, high=part.high)
    change = section.number("max_change", None, low=0.0)
    section.finish("limit of a number")
    if low is not None and high is not None and low > high:
        section.fault("max", f"is {high:g}, below min {low:g}; expected {low:g} or more.")
    return LimitSpec(name=part.name, low=low, high=high, max_change=change)
