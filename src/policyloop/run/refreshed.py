"""What a refresh made, and what is said of it."""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.core.model import short
from policyloop.gate.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Refreshed:
    """One model, published."""

    model: str  # digest
    n_examples: int  # examples, or transitions, that it learned from
    verdict: Verdict | None  # None: nothing new was learned and the model is live already, or it was chosen offline
    told: str | None = None  # of a model that was chosen offline: how, in sentences
    in_short: tuple[str, ...] = ()  # the same in a few lines, for a terminal

    @property
    def sentence(self) -> str:
        """What happened, for people."""
        if self.told is not None:
            return f"model {short(self.model)} from {self.n_examples:,} transitions: {self.told}"
        if self.verdict is None:
            return f"model {short(self.model)} is live already: nothing new was learned"
        told = f"model {short(self.model)} from {self.n_examples:,} examples: {self.verdict.call}."
        return f"{told} {self.verdict.sentence}"

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened, short enough to be read at a glance; the sentence where there is nothing shorter."""
        return self.in_short or (self.sentence,)
