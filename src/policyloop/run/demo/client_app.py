"""The client application of the demo: asks over HTTP what a row's label is, and reports whether that was right.

Question answered: what does a product's own code do? Three calls: decide, act, report. Four threads play at a time, as
four visitors would.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from policyloop.client import Client
from policyloop.simulate.dataset import Dataset

_VISITORS = 4
_TIMEOUT_S = 10.0


class ClientApp:
    """A program that uses Policyloop, and knows nothing of it but its address."""

    def __init__(self, client: Client, loop: str, data: Dataset) -> None:
        self._client = client
        self._loop = loop
        self._data = data

    def play(self, rows: Sequence[int], *, on_decision: Callable[[], None]) -> tuple[NDArray[np.float64], set[str]]:
        """Decide for each row and report what came of it.

        Args:
            rows: places in the table.
            on_decision: called after each, from any thread.

        Returns:
            (n,) rewards in the order of the rows, 1 for the right label; and who decided.
        """

        def visit(row: int) -> tuple[float, str]:
            answer = self._client.decide(self._loop, self._data.contexts[row], timeout=_TIMEOUT_S)
            is_right = answer.index == self._data.label[row]
            self._client.outcome(answer, correct=bool(is_right), final=True)
            on_decision()
            return float(is_right), str(answer.policy)

        with ThreadPoolExecutor(_VISITORS) as visitors:
            seen = list(visitors.map(visit, rows))
        return np.array([reward for reward, _ in seen]), {policy for _, policy in seen}
