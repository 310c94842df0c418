"""Entrants: models of the registry, loaded as they would serve under today's spec."""

from __future__ import annotations

from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.gate.entrant import Entrant
from policyloop.policy.scored import baseline
from policyloop.registry.registry import Registry
from policyloop.serve.aligned import aligned


def entrant_of(registry: Registry, spec: LoopSpec, model: str | None) -> Entrant:
    """A model by its digest, or the baseline (None).

    Raises:
        UnknownModel: the loop has no such model.
        BadModel: its files are not what the digest names.
    """
    if model is None:
        return Entrant(BASELINE, baseline(spec.actions, spec.baseline, floor=spec.explore.floor), rewards=None)
    stored = registry.load(spec.loop, model)
    policy = aligned(stored.policy(), stored.labels, spec)
    return Entrant(model, policy, rewards=policy)
