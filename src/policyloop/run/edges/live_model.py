"""The live model at the edge: which model file holds, loaded and tried by the hot swap of the server.

Question answered: what decides now, and what became of the file that came last? A file that is refused changes nothing: the
last good model goes on, and the reason can be read.
"""

from __future__ import annotations

from policyloop.core.clock import Clock
from policyloop.core.errors import BadModel
from policyloop.core.model import BASELINE
from policyloop.core.model_file import ModelFile
from policyloop.run.edges.source import EdgeSource
from policyloop.serve.decider import Append, Decider
from policyloop.serve.hot_swap import HotSwap


class LiveModel:
    """The decider of one loop, and its change from file to file. One thread takes files; all may decide."""

    def __init__(self, file: ModelFile, *, salt: bytes, clock: Clock, append: Append) -> None:
        self._source = EdgeSource(file)
        self._refusal = ""
        self._swap = HotSwap(self._source, salt=salt, clock=clock, append=append, on_refused=self._refused)
        self._swap.look()

    @property
    def decider(self) -> Decider:
        """What decides."""
        return self._swap.deciders[self._source.file.spec.loop]

    @property
    def is_taken(self) -> bool:
        """Whether the file that came last is what decides."""
        return self.decider.live.name == (self._source.file.model or BASELINE)

    def take(self, file: ModelFile) -> None:
        """Let a file hold, if what it holds can decide.

        Raises:
            BadModel: it cannot; what decided before goes on.
        """
        loop = self._source.file.spec.loop
        if file.spec.loop != loop:
            raise BadModel(f"the model file is of loop '{file.spec.loop}'; expected one of '{loop}'.")
        self._source.give(file)
        self.look()

    def look(self) -> None:
        """Try again what was refused, when it is time to.

        Raises:
            BadModel: what came last is refused still.
        """
        self._swap.look()
        if not self.is_taken:
            raise BadModel(f"model {self._source.file.model} is refused: {self._refusal}")

    def _refused(self, loop: str, model: str, reason: str) -> None:
        self._refusal = reason
