"""Episodes under way: at which step each of them is, and what was done last.

Question answered: which step is this, and from what may the action change so far and no further? It is this process's own
memory, of the episodes that it saw last. A caller whose steps may reach several processes says the step, and what was done
before it; the client of Python does both.
"""

from __future__ import annotations

import threading

import msgspec

from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import Decision
from policyloop.core.wire import DecideRequest
from policyloop.ingest.quoting import shown_text

MAX_EPISODES = 100_000  # that are remembered; of more, those that were seen longest ago are forgotten


class Step(msgspec.Struct, frozen=True, gc=False):
    """What was decided at a step."""

    step: int
    decision_id: str
    values: list[float] | None  # (a,); None where actions have names
    before: Step | None = None  # the one before, whose own `before` is left out


class Episodes:
    """The steps decided last, by episode. Threads may share it; the steps of one episode come one after the other."""

    def __init__(self, *, max_episodes: int = MAX_EPISODES) -> None:
        self._max = max_episodes
        self._last: dict[str, Step] = {}
        self._guard = threading.Lock()

    def __len__(self) -> int:
        return len(self._last)

    def place(self, episode_id: str, request: DecideRequest) -> tuple[int, Step | None]:
        """The step of a request, and the one decided before it; None where none was, or none is remembered.

        Raises:
            Invalid: a later step of the episode was decided already.
        """
        last = self._last.get(episode_id)
        if last is not None and last.decision_id == request.decision_id:  # once more
            return last.step if request.step is None else request.step, last.before
        if request.step is None:
            return 0 if last is None else last.step + 1, last
        if last is not None and request.step <= last.step:
            message = (
                f"is {request.step:,}, and step {last.step:,} of this episode was decided already; expected {last.step + 1:,} "
                f"or more. Send decision_id {shown_text(last.decision_id)} to get that answer again, or begin a new episode."
            )
            raise Invalid([Fault("$.step", message, "step_not_rising")], subject="the request")
        return request.step, last

    def done(self, event: Decision) -> None:
        """Remember a decision of an episode."""
        if event.episode_id is None or event.step is None:
            return
        with self._guard:
            before = self._last.pop(event.episode_id, None)
            if before is not None and before.decision_id == event.decision_id:
                before = before.before
            if before is not None and before.before is not None:
                before = msgspec.structs.replace(before, before=None)
            self._last[event.episode_id] = Step(event.step, event.decision_id, event.action_value, before)
            if len(self._last) > self._max:
                del self._last[next(iter(self._last))]

    def forget(self, event: Decision) -> None:
        """Take back a decision that nobody was told of."""
        with self._guard:
            last = None if event.episode_id is None else self._last.get(event.episode_id)
            if last is None or last.decision_id != event.decision_id or event.episode_id is None:
                return
            if last.before is None:
                del self._last[event.episode_id]
            else:
                self._last[event.episode_id] = last.before
