"""Features as the endpoint takes them: lists of JSON objects, put together into one.

Question answered: which object do the loop's features hold, and which of the service's sentences tells what is wrong?
Names that start with `_` are ignored and so is null as a value; lists hold numbers alone; two objects with the same name are
put together, and of two plain values under one name the last counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from policyloop.core.errors import Fault
from policyloop.core.wire import MAX_ID_CHARS, CandidateAction
from policyloop.ingest.quoting import place

MAX_ACTIONS = 50
_MAX_FAULTS = 20
_NO_PAIRS = "Features are not in key value pair format."
_NO_NUMBERS = "Features should not contain array with non-number items."
_EMPTY_NAME = "Features should not contain empty names."
_NO_FEATURE = "Every action should have at least one non-null action feature."


def context_of(features: Sequence[Any] | None, faults: list[Fault]) -> dict[str, Any]:
    """The context's features as one object."""
    return _together(features or (), faults, "$.contextFeatures", "Context features contains null value.")


def actions_of(body: bytes | msgspec.Raw, faults: list[Fault]) -> list[CandidateAction]:
    """The actions of a request; what does not fit is appended to `faults`.

    Raises:
        msgspec.MsgspecError: the body is no JSON list.
    """
    sent = msgspec.json.decode(body, type=list[Any])
    if not 1 <= len(sent) <= MAX_ACTIONS:
        faults.append(Fault("$.actions", f"Action count should be between 1 and {MAX_ACTIONS}."))
        return []
    found = [_action_of(action, faults, f"$.actions[{index}]") for index, action in enumerate(sent)]
    ids = [action.id for action in found]
    if len(set(ids)) < len(ids) and not faults:
        again = next(index for index, name in enumerate(ids) if name in ids[:index])
        faults.append(Fault(f"$.actions[{again}].id", "Action ids must be unique."))
    del faults[_MAX_FAULTS:]
    return found


def _action_of(sent: Any, faults: list[Fault], where: str) -> CandidateAction:
    if sent is None:
        faults.append(Fault(where, "Actions contains null value."))
        return CandidateAction(id="")
    if not isinstance(sent, dict):
        faults.append(Fault(where, "Actions should be objects with an id and features."))
        return CandidateAction(id="")
    name, features = sent.get("id"), sent.get("features")
    if not isinstance(name, str) or not name.strip():
        faults.append(Fault(f"{where}.id", "Action ids must not be empty."))
    elif len(name) > MAX_ID_CHARS:
        faults.append(Fault(f"{where}.id", f"Action ids must have at most {MAX_ID_CHARS} characters."))
    n_faults = len(faults)
    if isinstance(features, list):
        together = _together(features, faults, f"{where}.features", "Actions contains null value.")
    else:
        together = {}
        if features is not None:
            faults.append(Fault(f"{where}.features", _NO_PAIRS))
    if not together and len(faults) == n_faults:
        faults.append(Fault(f"{where}.features", _NO_FEATURE))
    return CandidateAction(id=name if isinstance(name, str) else "", features=together)


def _together(features: Sequence[Any], faults: list[Fault], where: str, has_null: str) -> dict[str, Any]:
    """One object of several."""
    whole: dict[str, Any] = {}
    for index, entry in enumerate(features):
        if type(entry) is dict:
            _add(whole, entry, faults, f"{where}[{index}]")
        else:
            faults.append(Fault(f"{where}[{index}]", has_null if entry is None else _NO_PAIRS))
    return whole


def _add(whole: dict[str, Any], entry: dict[str, Any], faults: list[Fault], where: str) -> None:
    """Put an object's features into another, in place."""
    for name, value in entry.items():
        if not name:
            faults.append(Fault(where, _EMPTY_NAME))
        elif name[0] == "_" or value is None:
            continue
        elif type(value) is dict:
            below = whole.get(name)
            inner = below if type(below) is dict else {}
            _add(inner, value, faults, place(where, name))
            if inner:
                whole[name] = inner
        elif type(value) is list and not all(type(item) in (int, float) for item in value):
            faults.append(Fault(place(where, name), _NO_NUMBERS))
        else:
            whole[name] = value
