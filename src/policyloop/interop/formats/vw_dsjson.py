"""Vowpal Wabbit's dsjson: one decision with its reward a line, for `vw --dsjson`, and back.

The cost is minus the reward. Actions carry their label or id as `_tag`; places in `a` count from 1, what was taken first.
The context stands in the namespace `context`, a label in `action` as a feature of its own, a candidate's features in `action`.
Coming in, a line whose `_skipLearn` is true was never activated and becomes no example, `pdrop` is not weighed, and a line
without `p` is learned from but no evidence. Lines of several slots or of continuous actions are refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from policyloop.core.clock import iso
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec, OutcomeSpec
from policyloop.core.model import IMPORTED
from policyloop.core.spec_actions import has_any_features
from policyloop.core.wire import CandidateAction, TrackedDecision
from policyloop.interop.exported_row import ExportedRow
from policyloop.interop.imported_row import ImportedRow, Row, context_of, outcome_of, outcome_value
from policyloop.interop.vw_json import fields_from_vw, fields_to_vw

_NEEDED = ("_label_cost", "EventId", "a", "c")
_NOT_SINGLE = ("_outcomes", "_label_ca", "_slots")
_MAX_LINE = 2**24
_SUM_TOLERANCE = 1e-3  # VW computes in 32 bits
_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def write(file: BinaryIO, rows: Iterable[ExportedRow], spec: LoopSpec) -> None:
    """A line per row."""
    for row in rows:
        file.write(msgspec.json.encode(_line(row, spec)) + b"\n")


def read(path: Path, spec: LoopSpec, *, policy: str, outcome: str | None) -> Iterator[Row]:
    """The file's lines, in order.

    Args:
        path: the file.
        spec: the loop that they are imported into.
        policy: name of the policy that decided, where `VWState` does not say.
        outcome: what the reward is reported as; None: the loop's only outcome.

    Raises:
        Invalid: the file cannot be read.
    """
    rewarded = outcome_of(spec, outcome)
    try:
        with path.open("rb") as file:
            for n, line in enumerate(iter(lambda: file.readline(_MAX_LINE), b""), start=1):
                if line.strip():
                    yield _row(line, f"line {n}", spec, policy, rewarded)
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be read: {error.strerror}; expected dsjson.", "unreadable")]) from None


def _line(row: ExportedRow, spec: LoopSpec) -> dict[str, Any]:
    """The row as VW reads it."""
    order = [row.action, *(place for place in range(len(row.names)) if place != row.action)]
    cost = 0.0 - row.reward
    return {
        "_label_cost": cost,
        "_label_probability": row.pmf[row.action],
        "_label_Action": row.action + 1,
        "_labelIndex": row.action,
        "o": [{"v": row.reward, "EventId": row.decision_id, "ActionTaken": False}] if row.is_rewarded else [],
        "Timestamp": iso(row.decided_at)[:-1] + "0Z",  # seven digits, as others write it
        "Version": "1",
        "EventId": row.decision_id,
        "a": [place + 1 for place in order],
        "c": _context(row, spec),
        "p": [row.pmf[place] for place in order],
        "VWState": {"m": row.policy},
        "_original_label_cost": cost,
    }


def _context(row: ExportedRow, spec: LoopSpec) -> dict[str, Any]:
    """The shared namespace, and the actions in `_multi`."""
    shared = fields_to_vw(row.context, spec.context)
    if row.features is None:
        actions = [{"_tag": name, "action": {f"is {name}": 1}} for name in row.names]
    else:
        fields = spec.actions.features
        known = set(spec.actions.ids)
        actions = [
            {"_tag": name, "action": fields_to_vw(own, fields), **({"id": {f"is {name}": 1}} if name in known else {})}
            for name, own in zip(row.names, row.features, strict=True)
        ]
    return {**({"context": shared} if shared else {}), "_multi": actions}


def _row(line: bytes, where: str, spec: LoopSpec, policy: str, rewarded: OutcomeSpec) -> Row:
    """One line, or the first thing that is wrong with it."""
    try:
        said = msgspec.json.decode(line)
    except (ValueError, RecursionError) as error:
        return Fault(where, f"is not JSON: {error}.")
    try:
        actions = _actions_of(said)
        places = _places(said["a"], len(actions))
        pmf = _pmf(said, places)
        decision = TrackedDecision(
            loop=spec.loop,
            decision_id=said["EventId"],
            context=context_of(_shared(said["c"], spec), spec),
            propensity_kind="estimated" if pmf is None else "probability",
            propensity=said.get("_label_probability") if pmf is None else None,
            policy=_policy(said, policy),
            occurred_at=_time(said.get("Timestamp")),
            defer=said.get("_skipLearn") is True,
            **_offered(actions, places[0], pmf, spec),
        )
    except ValueError as error:
        return Fault(where, str(error))
    return ImportedRow(where, decision, _outcomes(said, rewarded))


def _actions_of(said: Any) -> list[dict[str, Any]]:
    """The actions of a decision that has all that is needed."""
    if not isinstance(said, dict):
        raise ValueError("is no JSON object; expected a decision as dsjson has it.")
    many = [name for name in _NOT_SINGLE if name in said]
    if many:
        raise ValueError(f"has {many[0]}; expected a decision among actions, not of several slots or of continuous ones.")
    missing = [name for name in _NEEDED if name not in said]
    if missing:
        raise ValueError(f"has no {', '.join(missing)}; expected at least {', '.join(_NEEDED)}.")
    actions = said["c"].get("_multi") if isinstance(said["c"], dict) else None
    if not isinstance(actions, list) or not actions or not all(isinstance(one, dict) for one in actions):
        raise ValueError("c._multi is missing or no list of objects; expected an object per action.")
    if not _is_number(said["_label_cost"]):
        raise ValueError(f"_label_cost is {str(said['_label_cost'])[:80]}; expected a number, minus the reward.")
    if not isinstance(said["EventId"], str):
        raise ValueError(f"EventId is {str(said['EventId'])[:80]}; expected a text.")
    return actions


def _places(a: Any, k: int) -> list[int]:
    """Places from 0, what was taken first; some writers count from 0, most from 1."""
    if isinstance(a, list) and all(type(place) is int for place in a):
        for first in (1, 0):
            if sorted(a) == list(range(first, k + first)):
                return [place - first for place in a]
    raise ValueError(f"a is {str(a)[:80]}; expected each place from 1 to {k}, as c._multi has {k} actions.")


def _pmf(said: Mapping[str, Any], places: list[int]) -> list[float] | None:
    """Probabilities in the offered order; None where there are none."""
    p = said.get("p")
    if p is None:
        return None
    if not isinstance(p, list) or len(p) != len(places) or not all(_is_number(one) for one in p):
        raise ValueError(f"p is {str(p)[:80]}; expected {len(places)} numbers, one per entry of a.")
    total = math.fsum(p)
    if abs(total - 1.0) > _SUM_TOLERANCE:
        raise ValueError(f"p sums to {total:.9g}; expected 1.")
    pmf = [0.0] * len(places)
    for place, chance in zip(places, p, strict=True):
        pmf[place] = chance / total
    return pmf


def _offered(actions: list[dict[str, Any]], taken: int, pmf: list[float] | None, spec: LoopSpec) -> dict[str, Any]:
    """What was offered and taken, in the words of the wire."""
    names = [str(one["_tag"]) if "_tag" in one else None for one in actions]
    if spec.is_candidates:
        ids = [str(place) if name is None else name for place, name in enumerate(names)]
        offered = [CandidateAction(id=name, features=_features(one, spec)) for name, one in zip(ids, actions, strict=True)]
        return {"actions": offered, "action": taken, "pmf": pmf}
    if None in names:
        if len(names) != len(spec.labels):
            raise ValueError(f"c._multi has {len(names)} actions without _tag; expected {len(spec.labels)}, one per label.")
        return {"action": spec.labels[taken], "pmf": pmf}
    by_label = None if pmf is None else {str(name): chance for name, chance in zip(names, pmf, strict=True)}
    mask = [label in names for label in spec.labels]
    return {"action": str(names[taken]), "pmf": by_label, "mask": None if all(mask) else mask}


def _features(action: Mapping[str, Any], spec: LoopSpec) -> dict[str, Any]:
    """A candidate's features, in the words of the loop."""
    own = {name: value for name, value in action.items() if name != "_tag" and not (name == "id" and spec.actions.ids)}
    found = fields_from_vw(own, spec.actions.features)
    return next(iter(found.values())) if has_any_features(spec.actions) else found


def _shared(c: Mapping[str, Any], spec: LoopSpec) -> dict[str, Any]:
    return fields_from_vw({name: value for name, value in c.items() if name != "_multi"}, spec.context)


def _outcomes(said: Mapping[str, Any], rewarded: OutcomeSpec) -> dict[str, float | bool]:
    """The reward as an outcome; none where nothing was reported."""
    cost = said.get("_original_label_cost", said["_label_cost"])
    reported = [one for one in said.get("o") or () if isinstance(one, dict) and "v" in one]
    if not reported and not cost:
        return {}
    return {rewarded.name: outcome_value(rewarded, 0.0 - float(cost))}


def _policy(said: Mapping[str, Any], policy: str) -> str:
    state = said.get("VWState")
    name = state.get("m") if isinstance(state, dict) else None
    return name.removeprefix(IMPORTED) if isinstance(name, str) and name else policy


def _time(text: Any) -> str | None:
    """The time with no more than six digits of a second."""
    return _LONG_FRACTION.sub(r"\1", text) if isinstance(text, str) else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
