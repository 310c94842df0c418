"""Succession: which model is champion, by the real gate, or by none.

Question answered: does this newer model replace the one that serves, and may the one that serves stay?
"""

from __future__ import annotations

from policyloop.core.clock import Clock
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, canonical_json, digest
from policyloop.gate.entrant import Entrant
from policyloop.gate.gate import look
from policyloop.gate.guard import watch
from policyloop.gate.verdict import Call
from policyloop.learn.train import Trained
from policyloop.policy import scored
from policyloop.policy.scored import Scored, ScoredPolicy
from policyloop.policy.scored_candidates import ScoredCandidates
from policyloop.simulate.reigns import Reign


class Succession:
    """Champion, the one before it and the anchor, as the registry would hold them."""

    def __init__(self, spec: LoopSpec, *, is_gated: bool, clock: Clock) -> None:
        self._spec = spec
        self._is_gated = is_gated
        self._clock = clock
        self.champion: Entrant | None = None
        self._previous: Entrant | None = None
        self._anchor: Entrant | None = None
        self.reigns = [Reign(None, 0)]
        self.n_promotions = 0
        self.n_rejections = 0

    def consider(self, challenger: Entrant, examples: Examples) -> bool:
        """Make the challenger champion if the gate lets it; whether it did.

        Args:
            challenger: a newer model of the recipe.
            examples: all so far, in order.
        """
        if self._is_gated and not self._passes(challenger, examples):
            self.n_rejections += 1
            return False
        self._previous, self.champion = self.champion, challenger
        self._anchor = self._anchor or challenger
        self.reigns.append(Reign(challenger, len(examples)))
        self.n_promotions += 1
        return True

    def guard(self, examples: Examples) -> bool:
        """Go back to the model before when the champion does harm; whether it did."""
        if not self._is_gated or self.champion is None or self._previous is None:
            return False
        verdict = watch(self.champion, previous=self._previous, examples=examples, spec=self._spec)
        if verdict.call != Call.ROLLBACK:
            return False
        self.champion, self._previous = self._previous, None
        self.reigns.append(Reign(self.champion, len(examples)))
        return True

    def _passes(self, challenger: Entrant, examples: Examples) -> bool:
        verdict = look(
            challenger,
            champion=self.champion,
            anchor=self._anchor,
            examples=examples,
            spec=self._spec,
            clock=self._clock,
        )
        return verdict.call == Call.PROMOTE


def entrant_of(trained: Trained) -> Entrant:
    """A model as it would serve, loaded from the bytes that would be published."""
    policy = scored.load_scored(trained.manifest, trained.tensors)
    return Entrant(digest(canonical_json(trained.manifest)), policy, policy)


def policy_of(champion: Entrant | None, spec: LoopSpec) -> tuple[str, Scored]:
    """Name and policy of what serves: the champion, or the baseline while there is none."""
    if champion is None:
        return BASELINE, scored.baseline(spec.actions, spec.baseline, floor=spec.explore.floor)
    assert isinstance(champion.policy, ScoredPolicy | ScoredCandidates)
    return champion.model, champion.policy
