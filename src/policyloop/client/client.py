"""The client: ask for decisions, report outcomes. Every request may be sent twice and counts once.

Question answered: what should be done here, and how does the loop learn what came of it? Ids are made on this side,
so that retries repeat them. In an outage decide answers the default action and reports wait in the spool.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from typing import Any

from .answers import Answer, Receipt
from .calls import SPOOL_BYTES, TIMEOUT_S, Calls, as_sent, ending, listed, request
from .clock import SystemClock
from .transport import Transport
from .waiting import Blocking, finish


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
        time = clock or SystemClock()
        self._transport = Transport(url, time)
        waiting = Blocking(self._transport, time)
        self._calls = Calls(waiting, clock=time, rng=rng, spool=spool, spool_bytes=spool_bytes, timeout_s=timeout)

    def decide(
        self,
        loop: str,
        context: Mapping[str, Any],
        *,
        default: str | Mapping[str, Any] | None = None,
        decision_id: str | None = None,
        mask: Sequence[bool] | None = None,
        exclude: Sequence[str] | None = None,
        actions: Sequence[Mapping[str, Any]] | None = None,
        action_set: str | None = None,
        n: int | None = None,
        explore: bool = True,
        defer: bool = False,
        occurred_at: str | None = None,
        episode_id: str | None = None,
        step: int | None = None,
        previous: Mapping[str, Any] | Sequence[Any] | None = None,
        subject: str | None = None,
        pmf: bool = False,
        timeout: float | None = None,
    ) -> Answer:
        """What to do in this context.

        With a `default` it never raises in an outage: when no usable answer comes in time, that action is the answer,
        with `logged=False, fallback=True`. If the server may have logged another action meanwhile, the spool keeps a
        report that says which one was really taken, so that nothing wrong is learned. For a candidate that takes its
        place among those offered: send `actions`, or register the set with this client. (Long, because each key of the
        wire is an argument with a name and a sentence of its own.)

        Args:
            loop: the loop's name.
            context: the fields that the loop's spec declares.
            default: the loop's action, the id of a candidate, or the values of an action that is numbers, to take in an
                outage; None: an outage raises. It is handed out as it is: this side knows neither labels, box nor limits.
            decision_id: 1-256 characters, the same for the same decision; None: a new UUIDv7.
            mask: one entry per action in the offered order; True: may be taken.
            exclude: labels, or ids of candidates, that may not be taken; `mask` or `exclude`, not both.
            actions: the candidates, each `{"id": ..., "features": {...}}`, for loops whose actions are candidates.
            action_set: instead of `actions`, the name of a set that was registered ahead.
            n: how many candidates the answer's `ranking` holds; the first of them is the decision. None: no ranking.
            explore: False asks for the most probable action; such a decision cannot be learned from by importance.
            defer: True: the decision counts only once `activate` says that it took effect.
            occurred_at: when it happened, RFC 3339; None: now.
            episode_id, step: the episode that the decision belongs to, and its place in it, from 0; without a step, one
                more than at the last call for the episode.
            previous: what was done at the step before, where actions are numbers; None: what was answered then.
            subject: the person or unit that the decision is about; the server keeps a keyed hash.
            pmf: True: the answer carries the probability of every action, or the density of its numbers.
            timeout: seconds, retries included; None: 0.2 with a default, else the client's. The system's name
                lookup is not cut short by it.

        Raises:
            Refused: the request is at fault: an unknown loop, a context that does not fit, the same id with another
                context. Raised with a default too, because no later try could mend it.
            Unavailable: an outage, and no default.
        """
        body = request(
            context=context,
            decision_id=decision_id,
            mask=listed(mask),
            exclude=listed(exclude),
            actions=listed(actions),
            action_set=action_set,
            n=n,
            explore=explore,
            defer=defer,
            occurred_at=occurred_at,
            episode_id=episode_id,
            step=step,
            previous=previous,
            subject=subject,
        )
        return finish(self._calls.decide(loop, body, default=default, pmf=pmf, timeout=timeout))

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
        values = {**(outcomes or {}), **named}
        body = request(outcomes=values, outcome_id=outcome_id, occurred_at=occurred_at, final=final)
        return finish(self._calls.outcome(decision, body, loop=loop, timeout=timeout))

    def end_episode(
        self,
        decision: Answer | str,
        next_context: Mapping[str, Any] | None = None,
        *,
        terminated: bool = False,
        truncated: bool = False,
        outcomes: Mapping[str, float | bool] | None = None,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Say that an episode ended, and in what: `client.end_episode(answer, context, terminated=True)`.

        Args:
            decision: the answer to the episode's last step, or its decision_id; then `loop` is needed too.
            next_context: what that decision led to.
            terminated: True: it ended by itself, and nothing comes after.
            truncated: True: it was cut off, as by a time limit, and would have gone on. One of the two, never both.
            outcomes: what came of the last decision, name -> number or boolean.
            loop, outcome_id, occurred_at, timeout: as for `outcome`.

        Raises:
            Refused, Unavailable, SpoolFull: as for `outcome`; or the episode ended in both ways, or in neither.
        """
        end = ending(terminated=terminated, truncated=truncated, next_context=next_context)
        body = {"outcomes": dict(outcomes or {}), **request(outcome_id=outcome_id, occurred_at=occurred_at, **end)}
        return finish(self._calls.outcome(decision, body, loop=loop, timeout=timeout))

    def executed(
        self,
        decision: Answer | str,
        action: str | int | Mapping[str, Any] | Sequence[float],
        *,
        loop: str | None = None,
        outcome_id: str | None = None,
        occurred_at: str | None = None,
        timeout: float | None = None,
    ) -> Receipt:
        """Say what was really carried out, where a person or a safety system did otherwise than was decided.

        Args:
            decision: the answer, or its decision_id; then `loop` is needed too.
            action: the label, the place of a candidate among those offered, or the values of an action that is numbers.
            loop, outcome_id, occurred_at, timeout: as for `outcome`.

        Raises:
            Refused, Unavailable, SpoolFull: as for `outcome`.
        """
        body = {"outcomes": {}, "executed": as_sent(action), **request(outcome_id=outcome_id, occurred_at=occurred_at)}
        return finish(self._calls.outcome(decision, body, loop=loop, timeout=timeout))

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
        return finish(self._calls.outcomes(loop, reports, timeout=timeout))

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
        return finish(self._calls.activate(decision, loop=loop, occurred_at=occurred_at, timeout=timeout))

    def register_actions(self, loop: str, actions: Sequence[Mapping[str, Any]], *, timeout: float | None = None) -> str:
        """Register candidates that will be offered together, so that `decide` need only name their set.

        Args:
            loop: the loop's name; its actions are candidates.
            actions: each `{"id": ..., "features": {...}}`.
            timeout: seconds, retries included; None: the client's.

        Returns:
            The set's name, for `action_set`. It is made of the content: registering it again gives the same.

        Raises:
            Refused: the candidates do not fit the loop.
            Unavailable: an outage.
        """
        return finish(self._calls.register_actions(loop, actions, timeout=timeout))

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
        return finish(self._calls.track(events, timeout=timeout))

    def flush(self, *, timeout: float | None = None) -> bool:
        """Send what waits in the spool, without raising in an outage; whether nothing waits any more."""
        return finish(self._calls.flush(timeout=timeout))

    def close(self) -> None:
        """Try once more to send what waits in the spool, then close the connections. What still waits stays on disk."""
        self.flush()
        self._transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
