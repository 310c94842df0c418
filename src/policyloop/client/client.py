"""The client: ask for decisions, report outcomes. Every request may be sent twice and counts once.

Question answered: what should be done here, and how does the loop learn what came of it? Ids are made on this side,
so that retries repeat them. In an outage decide answers the default action and reports wait in the spool.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from .answers import Answer, Receipt, defaulted, read_answer, read_receipt
from .caller import Caller
from .clock import SystemClock
from .delivery import Delivery, batches
from .errors import Refused, Unavailable
from .ids import uuid7
from .spool import Spool
from .transport import Transport

DECIDE_TIMEOUT_S = 0.2  # when there is a default action to fall back on
TIMEOUT_S = 5.0
SPOOL_BYTES = 64 * 2**20


class Client:
    """One server's loops. Safe to share between threads; close it, or use it in a `with`.

    Args:
        url: the server's address, such as `http://127.0.0.1:8900`.
        spool: folder where reports wait on disk while the server is away; None: an outage raises `Unavailable`
            instead. Processes may share one.
        timeout: seconds for one call with all its retries, unless the call says otherwise.
        spool_bytes: the most that the spool may hold; reports beyond it raise `SpoolFull`.
        clock, rng: for tests.

    Raises:
        ValueError: the address is none.
        OSError: the spool's folder cannot be made.
    """

    def __init__(
        self,
        url: str,
        *,
        spool: str | os.PathLike[str] | None = None,
        timeout: float = TIMEOUT_S,
        spool_bytes: int = SPOOL_BYTES,
        clock: SystemClock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._clock = clock or SystemClock()
        self._transport = Transport(url, self._clock)
        self._caller = Caller(self._transport, self._clock, rng or random.Random())  # noqa: S311 - spreads retries, guards nothing
        kept = None if spool is None else Spool(spool, max_bytes=spool_bytes)
        self._delivery = Delivery(self._caller, kept, self._clock)
        self._timeout_s = timeout

    def decide(
        self,
        loop: str,
        context: Mapping[str, Any],
        *,
        default: str | None = None,
        decision_id: str | None = None,
        mask: Sequence[bool] | None = None,
        exclude: Sequence[str] | None = None,
        explore: bool = True,
        defer: bool = False,
        occurred_at: str | None = None,
        episode_id: str | None = None,
        step: int | None = None,
        subject: str | None = None,
        pmf: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """What to do in this context.

        With a `default` it never raises in an outage: when no usable answer comes in time, that action is the answer,
        with `logged=False, fallback=True`. If the server may have logged another action meanwhile, the spool keeps a
        report that says which one was really taken, so that nothing wrong is learned.

        Args:
            loop: the loop's name.
            context: the fields that the loop's spec declares.
            default: the loop's action to take in an outage; None: an outage raises.
            decision_id: 1-256 characters, the same for the same decision; None: a new UUIDv7.
            mask: one entry per action in the spec's order; True: may be taken.
            exclude: labels that may not be taken; `mask` or `exclude`, not both.
            explore: False asks for the most probable action; such a decision cannot be learned from by importance.
            defer: True: the decision counts only once `activate` says that it took effect.
            occurred_at: when it happened, RFC 3339; None: now.
            episode_id, step: the episode that the decision belongs to, and its place in it, from 0.
            subject: the person or unit that the decision is about; the server keeps a keyed hash.
            pmf: True: the answer carries the probability of every action.
            timeout: seconds, retries included; None: 0.2 with a default, else the client's. The system's name
                lookup is not cut short by it.

        Raises:
            Refused: the request is at fault: an unknown loop, a context that does not fit, the same id with another
                context. Raised with a default too, because no later try could mend it.
            Unavailable: an outage, and no default.
        """
        sent_id = uuid7(self._clock.now_us()) if decision_id is None else decision_id
        payload = _present(
            context=context,
            decision_id=sent_id,
            mask=None if mask is None else list(mask),
            exclude=None if exclude is None else list(exclude),
            explore=None if explore else False,
            defer=defer or None,
            occurred_at=occurred_at,
            episode_id=episode_id,
            step=step,
            subject=subject,
        )
        try:
            return self._caller.call(
                _path(loop, "decide") + ("?pmf=true" if pmf else ""),
                payload,
                lambda body: read_answer(body, loop=loop, decision_id=sent_id),
                timeout_s=self._timeout(timeout, DECIDE_TIMEOUT_S if default is not None else self._timeout_s),
            )
        except Unavailable as error:
            if default is None:
                raise
            if error.in_doubt:
                self._delivery.keep_quietly(self._done_instead(loop, sent_id, default))
            return defaulted(loop, sent_id, default, reason=error.message, in_doubt=error.in_doubt)

    def outcome(
        self,
        decision: Answer | str,
        outcomes: Mapping[str, float | bool] | None = None,
        *,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        final: bool = False,
        timeout: float | None = None,
        **named: float | bool,
    ) -> Receipt:
        """Report what came of a decision: `client.outcome(answer, clicked=True)`.

        When this returns, the report is durable on the server or in the spool. A report on an answer that the server
        never logged is dropped; on one that it may have logged with another action, it says which one was taken.

        Args:
            decision: the answer, or its decision_id; then `loop` is needed too.
            outcomes: name -> number or boolean, for names that are no Python names or are taken by this signature.
            loop: the loop's name, when `decision` is an id.
            outcome_id: the same for the same report; None: a new UUIDv7. Set it if you may repeat the call.
            occurred_at: when it happened, RFC 3339; None: now.
            final: True: nothing more will come for this decision.
            timeout: seconds, retries included; None: the client's.
            named: name -> number or boolean.

        Raises:
            Refused: the report is at fault.
            Unavailable: an outage, and no spool.
            SpoolFull: an outage, and the spool takes no more.
        """
        report = _present(
            **_named_decision(decision),
            outcomes={**(outcomes or {}), **named},
            outcome_id=outcome_id,
            occurred_at=occurred_at,
            final=final or None,
            executed=decision.action if isinstance(decision, Answer) and decision.in_doubt else None,
        )
        if _is_nowhere(decision):
            return Receipt(dropped=1)
        return self.outcomes(_loop_of(decision, loop), [report], timeout=timeout)

    def outcomes(self, loop: str, reports: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> Receipt:
        """Report many outcomes of one loop at once.

        Args:
            loop: the loop's name.
            reports: each `{"decision_id": ..., "outcomes": {name: value}}`, and whatever else the wire knows; one
                without an `outcome_id` gets a new UUIDv7.
            timeout: seconds for each request, retries included; None: the client's.

        Raises:
            Refused, Unavailable, SpoolFull: as for `outcome`; when there are more than one request can carry, those
                before it were taken.
        """
        timeout_s = self._timeout(timeout, self._timeout_s)
        total = Receipt()
        for batch in batches([{"outcome_id": uuid7(self._clock.now_us()), **report} for report in reports]):
            rows = [{"type": "outcome", "loop": loop, **report} for report in batch]
            got = self._report(rows, _path(loop, "outcomes"), batch, timeout_s)
            total = _sum(total, got)
        return total

    def activate(
        self,
        decision: Answer | str,
        *,
        loop: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Say that a deferred decision took effect; its window starts now. Saying it again changes nothing.

        On an answer that was not logged it is dropped: what took effect is not what the server may know.

        Raises:
            Refused, Unavailable, SpoolFull: as for `outcome`.
        """
        if isinstance(decision, Answer) and not decision.logged:
            return Receipt(dropped=1)
        name = _loop_of(decision, loop)
        body = _present(**_named_decision(decision), occurred_at=occurred_at)
        rows = [{"type": "activation", "loop": name, **body}]
        return self._report(rows, _path(name, "activate"), body, self._timeout(timeout, self._timeout_s))

    def track(self, events: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> list[Mapping[str, Any]]:
        """Bring in events that happened elsewhere: decisions of another system, outcomes, activations.

        Args:
            events: each with `type` (decision, outcome or activation), `loop`, and the fields of that type; a decision
                without a `decision_id` and an outcome without an `outcome_id` get a new UUIDv7.
            timeout: seconds for each request, retries included; None: the client's.

        Returns:
            A result per event, in order: `{"status": "accepted" | "duplicate" | "refused", "id": ..., "error": ...}`.

        Raises:
            Refused: the request as a whole is at fault.
            Unavailable: an outage. Events without ids of their own would count twice if they were tracked again.
        """
        return self._delivery.track(
            [self._with_id(event) for event in events], timeout_s=self._timeout(timeout, self._timeout_s)
        )

    def flush(self, *, timeout: float | None = None) -> bool:
        """Send what waits in the spool, without raising in an outage; whether nothing waits any more."""
        return self._delivery.flush(timeout_s=self._timeout(timeout, self._timeout_s))

    def close(self) -> None:
        """Try once more to send what waits in the spool, then close the connections. What still waits stays on disk."""
        self.flush()
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _report(self, rows: Sequence[Mapping[str, Any]], path: str, payload: Any, timeout_s: float) -> Receipt:
        """Send a report by its own call; the rows are the same as the spool would keep them."""
        is_once = self._delivery.has_spool
        return self._delivery.report(
            rows,
            lambda left_s: self._caller.call(path, payload, read_receipt, timeout_s=left_s, is_once=is_once),
            timeout_s=timeout_s,
        )

    def _done_instead(self, loop: str, decision_id: str, action: str) -> dict[str, Any]:
        """The row that says which action was taken, whatever the server may have decided."""
        row = {"type": "outcome", "loop": loop, "decision_id": decision_id, "outcomes": {}, "executed": action}
        return {**row, "outcome_id": uuid7(self._clock.now_us())}

    def _with_id(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        key = {"decision": "decision_id", "outcome": "outcome_id"}.get(str(event.get("type")))
        return event if key is None else {key: uuid7(self._clock.now_us()), **event}

    def _timeout(self, given: float | None, otherwise: float) -> float:
        return otherwise if given is None else given


def _path(loop: str, call: str) -> str:
    return f"/v1/loops/{quote(loop, safe='')}/{call}"


def _present(**fields: Any) -> dict[str, Any]:
    """The fields that have a value: what is left out takes the server's default."""
    return {name: value for name, value in fields.items() if value is not None}


def _named_decision(decision: Answer | str) -> dict[str, Any]:
    """How the wire names a decision: by its id, and with its time where we know it."""
    if isinstance(decision, Answer):
        return {"decision_id": decision.decision_id, "decided_at": decision.decided_at}
    return {"decision_id": decision}


def _is_nowhere(decision: Answer | str) -> bool:
    """Whether the server surely has no such decision, so that there is nothing to report on."""
    return isinstance(decision, Answer) and not decision.logged and not decision.in_doubt


def _loop_of(decision: Answer | str, loop: str | None) -> str:
    name = decision.loop if isinstance(decision, Answer) else loop
    if name is None:
        raise Refused("`loop` is missing; expected it beside a decision_id, which does not tell its loop.", code="invalid")
    return name


def _sum(a: Receipt, b: Receipt) -> Receipt:
    return Receipt(
        accepted=a.accepted + b.accepted,
        duplicates=a.duplicates + b.duplicates,
        spooled=a.spooled + b.spooled,
        dropped=a.dropped + b.dropped,
        warnings=a.warnings + b.warnings,
    )
