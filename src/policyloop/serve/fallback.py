"""The fallback: who decides while no model is live, when a model breaks, and when the loop is paused.

Question answered: what is served without a model, and is the model still fit to be asked?
A model's time budget cannot be enforced while it runs on the event loop, so a breaker looks back over recent calls.
"""

from __future__ import annotations

from policyloop.core.loop import LoopSpec
from policyloop.policy import scored
from policyloop.policy.scored import Scored

WINDOW = 100  # calls that the breaker looks back over
MAX_ERRORS = 5  # of them; the next one opens it
MAX_SLOW = 50  # of them
REST_S = 10.0  # how long an open breaker waits before it lets one call try


def baseline_of(spec: LoopSpec) -> Scored:
    """The spec's baseline as a policy: a label, the first allowed action or all evenly, served with the floor."""
    return scored.baseline(spec.actions, spec.baseline, floor=spec.explore.floor)


class Breaker:
    """Counts the errors and the slow calls of one model; open means: do not ask it.

    Windows of 100 calls follow one another. Opened, it rests ten seconds, then each call may try; the first good one
    closes it, a bad one opens it again.
    """

    def __init__(self, *, budget_s: float) -> None:
        self.budget_s = budget_s
        self._n_calls = 0
        self._n_errors = 0
        self._n_slow = 0
        self._open_until_s: float | None = None

    def is_open(self, now_s: float) -> bool:
        """Whether the model should be left alone now; `now_s` is monotonic."""
        return self._open_until_s is not None and now_s < self._open_until_s

    def good(self, took_s: float, now_s: float) -> None:
        """A call answered well, after so long."""
        self._n_calls += 1
        if took_s > self.budget_s:
            self._n_slow += 1
            if self._n_slow > MAX_SLOW or self._open_until_s is not None:
                self._open(now_s)
                return
        self._open_until_s = None
        if self._n_calls >= WINDOW:
            self._n_calls = self._n_errors = self._n_slow = 0

    def bad(self, now_s: float) -> None:
        """A call raised, or gave what are no probabilities."""
        self._n_calls += 1
        self._n_errors += 1
        if self._n_errors > MAX_ERRORS or self._open_until_s is not None:
            self._open(now_s)
        elif self._n_calls >= WINDOW:
            self._n_calls = self._n_errors = self._n_slow = 0

    def _open(self, now_s: float) -> None:
        self._n_calls = self._n_errors = self._n_slow = 0
        self._open_until_s = now_s + REST_S
