"""The calls of the client, whoever waits for them: what goes out, what comes back, and what an outage makes of it.

Question answered: how does a decision or a report become requests? Written once, for `Client` and `AsyncClient` alike;
ids are made on this side, so that retries repeat them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .answers import Action, Answer, Executed, Receipt, defaulted, read_action_set, read_answer, read_receipt
from .caller import Caller
from .clock import Clock
from .delivery import Delivery, batches
from .episodes import Episodes
from .errors import Refused, Unavailable
from .ids import uuid7
from .registered import RegisteredSets
from .spool import Spool
from .waiting import Waiting

DECIDE_TIMEOUT_S = 0.2  # when there is a default action to fall back on
TIMEOUT_S = 5.0
SPOOL_BYTES = 64 * 2**20


class Calls:
    """One server's loops, by whatever way of waiting."""

    def __init__(
        self,
        waiting: Waiting,
        *,
        clock: Clock,
        rng: random.Random | None,
        spool: str | os.PathLike[str] | None,
        spool_bytes: int,
        timeout_s: float,
    ) -> None:
        self._clock = clock
        self._caller = Caller(waiting, clock, rng or random.Random())  # noqa: S311 - spreads retries, guards nothing
        kept = None if spool is None else Spool(spool, max_bytes=spool_bytes)
        self._delivery = Delivery(self._caller, kept, waiting=waiting, clock=clock)
        self._timeout_s = timeout_s
        self._sets = RegisteredSets()
        self._episodes = Episodes()

    async def decide(
        self, loop: str, body: Mapping[str, Any], *, default: Action | None, pmf: bool, timeout: float | None
    ) -> Answer:
        """Decide; `body` is what `request` made of the caller's words."""
        payload = {"decision_id": self._new_id(), **self._episodes.in_order(loop, body)}
        decision_id, episode_id = payload["decision_id"], payload.get("episode_id")
        try:
            answer = await self._caller.call(
                _path(loop, "decide") + ("?pmf=true" if pmf else ""),
                payload,
                lambda answer: read_answer(answer, loop=loop, decision_id=decision_id, episode_id=episode_id),
                timeout_s=self._timeout(timeout, DECIDE_TIMEOUT_S if default is not None else self._timeout_s),
            )
        except Unavailable as error:
            if default is None:
                raise
            executed = self._sets.executed(default, body) if error.in_doubt else None
            if executed is not None:
                await self._delivery.keep_quietly(self._done_instead(loop, decision_id, executed))
            answer = defaulted(
                loop,
                decision_id,
                default,
                reason=error.message,
                in_doubt=error.in_doubt,
                executed=executed,
                episode_id=episode_id,
                step=payload.get("step"),
            )
        self._episodes.done(loop, payload, answer.values)
        return answer

    async def outcome(
        self, decision: Answer | str, body: Mapping[str, Any], *, loop: str | None, timeout: float | None
    ) -> Receipt:
        """Report on one decision; `body` is what `request` made of the caller's words."""
        executed = decision.executed if isinstance(decision, Answer) else None
        report = request(**{**_named_decision(decision), "executed": executed, **body})
        if isinstance(decision, Answer) and "executed" in body:
            self._episodes.instead(decision.loop, decision.episode_id, decision.step, body["executed"])
        if isinstance(decision, Answer) and ("terminated" in body or "truncated" in body):
            self._episodes.ended(decision.loop, decision.episode_id)
        if _is_nowhere(decision):
            return Receipt(dropped=1)
        return await self.outcomes(loop_of(decision, loop), [report], timeout=timeout)

    async def outcomes(self, loop: str, reports: Sequence[Mapping[str, Any]], *, timeout: float | None) -> Receipt:
        """Report on many decisions of one loop."""
        timeout_s = self._timeout(timeout, self._timeout_s)
        total = Receipt()
        for batch in batches([{"outcome_id": self._new_id(), **report} for report in reports]):
            rows = [{"type": "outcome", "loop": loop, **report} for report in batch]
            total += await self._report(rows, _path(loop, "outcomes"), batch, timeout_s)
        return total

    async def activate(
        self, decision: Answer | str, *, loop: str | None, occurred_at: str | None, timeout: float | None
    ) -> Receipt:
        """Say that a deferred decision took effect."""
        if isinstance(decision, Answer) and not decision.logged:
            return Receipt(dropped=1)
        name = loop_of(decision, loop)
        body = request(**_named_decision(decision), occurred_at=occurred_at)
        rows = [{"type": "activation", "loop": name, **body}]
        return await self._report(rows, _path(name, "activate"), body, self._timeout(timeout, self._timeout_s))

    async def register_actions(self, loop: str, actions: Sequence[Mapping[str, Any]], *, timeout: float | None) -> str:
        """Register candidates; the name of their set."""
        timeout_s = self._timeout(timeout, self._timeout_s)
        offered = [*actions]
        name = await self._caller.call(_path(loop, "action-sets"), {"actions": offered}, read_action_set, timeout_s=timeout_s)
        self._sets.remember(name, offered)
        return name

    async def track(self, events: Sequence[Mapping[str, Any]], *, timeout: float | None) -> list[Mapping[str, Any]]:
        """Bring in events that happened elsewhere."""
        rows = [self._with_id(event) for event in events]
        return await self._delivery.track(rows, timeout_s=self._timeout(timeout, self._timeout_s))

    async def flush(self, *, timeout: float | None) -> bool:
        """Send what waits in the spool; whether nothing waits any more."""
        return await self._delivery.flush(timeout_s=self._timeout(timeout, self._timeout_s))

    async def _report(self, rows: Sequence[Mapping[str, Any]], path: str, payload: Any, timeout_s: float) -> Receipt:
        """Send a report by its own call; the rows are the same as the spool would keep them."""
        is_once = self._delivery.has_spool
        return await self._delivery.report(
            rows,
            lambda left_s: self._caller.call(path, payload, read_receipt, timeout_s=left_s, is_once=is_once),
            timeout_s=timeout_s,
        )

    def _done_instead(self, loop: str, decision_id: str, executed: Executed) -> dict[str, Any]:
        """The row that says which action was taken, whatever the server may have decided."""
        return {
            "type": "outcome",
            "loop": loop,
            "decision_id": decision_id,
            "outcomes": {},
            "executed": executed,
            "outcome_id": self._new_id(),
        }

    def _with_id(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        key = {"decision": "decision_id", "outcome": "outcome_id"}.get(str(event.get("type")))
        return event if key is None else {key: self._new_id(), **event}

    def _new_id(self) -> str:
        return uuid7(self._clock.now_us())

    def _timeout(self, given: float | None, otherwise: float) -> float:
        return otherwise if given is None else given


def request(**said: Any) -> dict[str, Any]:
    """The body of a request: what was said and differs from the server's default; what is left out takes that."""
    return {name: value for name, value in said.items() if value is not None and value is not _SERVERS_DEFAULT.get(name)}


def ending(*, terminated: bool, truncated: bool, next_context: Mapping[str, Any] | None) -> dict[str, Any]:
    """How the wire says that an episode ended.

    Raises:
        Refused: it ended in both ways, or in neither.
    """
    if terminated == truncated:
        both = "both are said" if terminated else "neither is said"
        message = f"{both}; expected terminated=True, nothing comes after, or truncated=True, the record stops here."
        raise Refused(message, code="invalid", where="$.terminated")
    way = {"terminated": True} if terminated else {"truncated": True}
    return {**way, "next_context": next_context}


_SERVERS_DEFAULT = {"explore": True, "defer": False, "final": False}


def listed(values: Sequence[Any] | None) -> list[Any] | None:
    """Any sequence as JSON can say it."""
    return None if values is None else list(values)


def as_sent(action: str | int | Mapping[str, Any] | Sequence[Any]) -> Any:
    """An action as JSON can say it: a label or a place as it is, values by name or in order."""
    if isinstance(action, str | int):
        return action
    return dict(action) if isinstance(action, Mapping) else list(action)


def _path(loop: str, call: str) -> str:
    return f"/v1/loops/{quote(loop, safe='')}/{call}"


def _named_decision(decision: Answer | str) -> dict[str, Any]:
    """How the wire names a decision: by its id, and with its time where we know it."""
    if isinstance(decision, Answer):
        return {"decision_id": decision.decision_id, "decided_at": decision.decided_at}
    return {"decision_id": decision}


def _is_nowhere(decision: Answer | str) -> bool:
    """Whether there is nothing to report on: the server surely has no such decision, or what was done cannot be said."""
    return isinstance(decision, Answer) and not decision.logged and decision.executed is None


def loop_of(decision: Answer | str, loop: str | None) -> str:
    """The name of a decision's loop, as the answer has it or the caller says.

    Raises:
        Refused: nobody says it.
    """
    name = decision.loop if isinstance(decision, Answer) else loop
    if name is None:
        raise Refused("`loop` is missing; expected it beside a decision_id, which does not tell its loop.", code="invalid")
    return name
