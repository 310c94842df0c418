"""One call carried through: sent again after a pause until it is answered, refused or out of time.

Question answered: is this an answer, the caller's mistake, or an outage? An outage is whatever another try could
mend: no connection, no answer in time, 408, 425, 429 or 5xx, or an answer that no Policyloop server gives. Other
4xx are the caller's mistakes and are never tried again.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .body import encode
from .clock import Clock
from .errors import Refused, Unavailable
from .exchange import Down, Reply
from .waiting import Waiting

T = TypeVar("T")

FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 30.0
_TRY_AGAIN = (408, 425, 429)
_NOT_CARRIED_OUT = (*_TRY_AGAIN, 503)  # whoever says this has not begun; after other failures one cannot know
_DOUBLINGS = 32  # beyond these the pause is the longest anyway


class Caller:
    """Calls to one server, with retries. Safe to share between threads and between tasks."""

    def __init__(self, waiting: Waiting, clock: Clock, rng: random.Random) -> None:
        self._waiting = waiting
        self._clock = clock
        self._rng = rng

    async def call(self, path: str, payload: Any, read: Callable[[Any], T], *, timeout_s: float, is_once: bool = False) -> T:
        """Post the payload until an answer that `read` accepts comes, for at most `timeout_s` in all.

        Args:
            path: below the server's address, with its query.
            payload: the same bytes go out at each try, so its ids should be set.
            read: makes the result of the parsed JSON; raises ValueError or TypeError for what is no answer.
            timeout_s: seconds for all tries together.
            is_once: give up at the first failure, because the caller has somewhere to keep the request.

        Raises:
            Refused: the server calls it the caller's mistake.
            Unavailable: an outage outlasted the time.
        """
        body = encode(payload)
        deadline_s = self._clock.monotonic_s() + timeout_s
        in_doubt = False
        for attempt in range(2**63):
            asked_s = 0.0
            try:
                reply = await self._waiting.post(path, body, deadline_s=deadline_s)
                if 200 <= reply.status < 300:
                    return read(json.loads(reply.body))
                _raise_if_refused(reply)
                reason = _told(reply)
                asked_s = reply.retry_after_s or 0.0
                in_doubt |= reply.is_repeat or reply.status not in _NOT_CARRIED_OUT
            except Down as error:
                reason = str(error)
                in_doubt |= error.is_sent
            except (ValueError, TypeError, RecursionError) as error:
                in_doubt = True
                reason = f"not an answer of Policyloop: {error}"
            pause_s = max(asked_s, self.pause_s(attempt))
            if is_once or self._clock.monotonic_s() + pause_s >= deadline_s:
                raise Unavailable(f"the server gave no usable answer: {reason}.", pause_s=pause_s, in_doubt=in_doubt)
            await self._waiting.sleep(pause_s)
        raise AssertionError("more tries than there is time for")

    def pause_s(self, attempt: int) -> float:
        """How long to wait after failure number `attempt` (from 0): doubling, with jitter so that clients spread out."""
        return min(LONGEST_PAUSE_S, math.ldexp(FIRST_PAUSE_S, min(attempt, _DOUBLINGS))) * self._rng.uniform(0.5, 1.0)


def _raise_if_refused(reply: Reply) -> None:
    if not 400 <= reply.status < 500 or reply.status in _TRY_AGAIN:
        return
    problem = _problem(reply)
    detail = problem.get("detail") or problem.get("title") or f"the server answered {reply.status} without a word why."
    errors = problem.get("errors")
    raise Refused(
        str(detail),
        status=reply.status,
        code=str(problem.get("code") or f"http_{reply.status}"),
        where=problem.get("where"),
        help=problem.get("help"),
        errors=tuple(e for e in errors if isinstance(e, Mapping)) if isinstance(errors, list) else (),
    )


def _told(reply: Reply) -> str:
    """A failure of the server's side in one line."""
    if reply.location is not None:
        return f"it answered {reply.status} and points to {reply.location}, which is not followed"
    detail = _problem(reply).get("detail")
    return f"it answered {reply.status}" + (f": {detail}" if detail else "")


def _problem(reply: Reply) -> Mapping[str, Any]:
    """The problem+json of a failure; empty when it is something else, as when a proxy answers in the server's place."""
    try:
        problem = json.loads(reply.body)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}
