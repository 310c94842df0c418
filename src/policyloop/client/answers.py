"""What the SDK hands back: the answer to decide, and the receipt for a report.

`read_*` check what came over the wire and raise ValueError when it is not what a Policyloop server says, as when
something between answers in its place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Action = str | Mapping[str, Any]  # a label or an id, or the values of an action that is numbers
Executed = str | int | Mapping[str, Any] | None


@dataclass(frozen=True)
class Answer:
    """What to do, and what later reports need to know about it.

    Keep it, or its `loop` and `decision_id`, until the outcomes are known.
    """

    loop: str
    decision_id: str
    action: str  # a label, or the id of a candidate, or `values` as JSON; in an outage the `default` that decide was given
    logged: bool  # False: it will never be an example as it stands here
    fallback: bool  # True: no model chose, but the baseline or, in an outage, `default`
    index: int | None = None  # of the action among those offered; None in an outage
    propensity: float | None = None  # chance that this action had, in (0, 1], of numbers a density; None in an outage
    policy: str | None = None  # digest of the model, or `baseline`; None in an outage
    decided_at: str | None = None  # RFC 3339, the server's clock; None in an outage
    deferred: bool = False  # True: counts from its activation on, and not at all without one
    split: float | None = None  # [0, 1): at or above the loop's split it is for evaluation only
    ranking: tuple[str, ...] | None = None  # ids of candidates, best first, when `n` was asked for; None in an outage
    pmf: tuple[float, ...] | Mapping[str, tuple[float, ...]] | None = None  # when it was asked for; of labelled parts by name
    values: Mapping[str, Any] | None = None  # what to do, by part, where actions are numbers
    step: int | None = None  # place in its episode, from 0
    propensity_kind: str | None = None  # of numbers: `density`, `mixed` or `point`
    action_value_estimate: float | None = None  # in episodes: the return that the model expects of this action, at the least
    density: Mapping[str, Any] | None = None  # of numbers: what they were drawn from, when it was asked for
    episode_id: str | None = None  # as it was asked
    advice: Mapping[str, Any] | None = None  # what a challenger would do, for a person who acts: `model`, `action`, `values`
    in_doubt: bool = False  # True: the answer was lost, and the server may have logged another action under this id
    executed: str | int | Mapping[str, Any] | None = None  # in doubt, what reports say was really done; None: it cannot be said
    reason: str | None = None  # why there was no usable answer, in an outage


@dataclass(frozen=True)
class Receipt:
    """What became of a report."""

    accepted: int = 0  # durable on the server
    duplicates: int = 0  # known to the server already; as good as accepted
    spooled: int = 0  # durable in the local spool, sent again later
    dropped: int = 0  # belongs to decisions that were not logged, so there is nothing to report on
    warnings: tuple[Any, ...] = ()  # such as an undeclared outcome name, with the nearest one

    def __add__(self, other: Receipt) -> Receipt:
        return Receipt(
            accepted=self.accepted + other.accepted,
            duplicates=self.duplicates + other.duplicates,
            spooled=self.spooled + other.spooled,
            dropped=self.dropped + other.dropped,
            warnings=self.warnings + other.warnings,
        )


def defaulted(
    loop: str,
    decision_id: str,
    action: Action,
    *,
    reason: str,
    in_doubt: bool,
    executed: Executed = None,
    episode_id: str | None = None,
    step: int | None = None,
) -> Answer:
    """The answer in an outage."""
    values = None if isinstance(action, str) else dict(action)
    return Answer(
        loop=loop,
        decision_id=decision_id,
        action=action if isinstance(action, str) else json.dumps(values, separators=(",", ":")),
        values=values,
        episode_id=episode_id,
        step=step,
        logged=False,
        fallback=True,
        in_doubt=in_doubt,
        executed=executed,
        reason=reason,
    )


def read_answer(body: Any, *, loop: str, decision_id: str, episode_id: str | None = None) -> Answer:
    """The answer that a decide came back with.

    Raises:
        ValueError: it is not one, or it answers another decision.
    """
    if _typed(body, "decision_id", str) != decision_id:
        raise ValueError("the answer is to another decision")
    ranking, pmf = body.get("ranking"), body.get("pmf")
    return Answer(
        loop=loop,
        decision_id=decision_id,
        action=_typed(body, "action", str),
        logged=_typed(body, "logged", bool),
        fallback=_typed(body, "fallback", bool),
        index=_typed(body, "index", int),
        propensity=float(_typed(body, "propensity", (int, float))),
        policy=_typed(body, "policy", str),
        decided_at=_typed(body, "decided_at", str),
        deferred=bool(body.get("deferred", False)),
        split=body.get("split"),
        ranking=None if ranking is None else tuple(ranking),
        pmf=_pmf(pmf),
        values=body.get("values"),
        step=body.get("step"),
        propensity_kind=body.get("propensity_kind"),
        action_value_estimate=body.get("action_value_estimate"),
        density=body.get("density"),
        episode_id=episode_id,
        advice=body.get("advice"),
    )


def read_receipt(body: Any) -> Receipt:
    """The receipt that outcomes or an activation came back with.

    Raises:
        ValueError: it is not one.
    """
    accepted = _typed(body, "accepted", int)
    return Receipt(accepted=accepted, duplicates=int(body.get("duplicates", 0)), warnings=tuple(body.get("warnings", ())))


def read_action_set(body: Any) -> str:
    """The name of a set of candidates that was registered.

    Raises:
        ValueError: it is not one.
    """
    return str(_typed(body, "action_set", str))


def read_results(body: Any, n: int) -> list[Mapping[str, Any]]:
    """The `n` results that a track came back with, in the order of the events.

    Raises:
        ValueError: they are not that.
    """
    results = _typed(body, "results", list)
    if len(results) != n or not all(isinstance(r, Mapping) and isinstance(r.get("status"), str) for r in results):
        raise ValueError("the answer does not have one result per event")
    return list(results)


def _pmf(pmf: Any) -> tuple[float, ...] | Mapping[str, tuple[float, ...]] | None:
    if isinstance(pmf, Mapping):
        return {name: tuple(of_part) for name, of_part in pmf.items()}
    return None if pmf is None else tuple(pmf)


def _typed(body: Any, key: str, kind: Any) -> Any:
    if not isinstance(body, Mapping):
        raise ValueError("the answer is not a JSON object")
    value = body.get(key)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise ValueError(f"the answer's '{key}' is {value!r}")
    return value
