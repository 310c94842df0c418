"""What goes into a file of a network: the network, and what a reader has to know to ask it.

Question answered: which numbers does a state have, in which order, and what does the answer mean?
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest, short
from policyloop.core.state import StateEncoder
from policyloop.policy.network import WITH_DEVIATION, Network

FORMAT = 1  # of the description


@dataclass(frozen=True, slots=True, eq=False)
class ModelParts:
    """A network of a loop, on its way out."""

    network: Network
    model: str  # digest
    manifest: Manifest
    spec: LoopSpec

    def description(self) -> dict[str, Any]:
        """What is written beside the weights, as JSON."""
        return {**told_of(self.model, self.manifest, self.spec), "settings": dict(self.network.settings)}


def told_of(model: str, manifest: Manifest, spec: LoopSpec) -> dict[str, Any]:
    """What goes in and comes out of a model, as JSON: a state's numbers in order, an action's names and bounds."""
    encoder = StateEncoder.from_json(manifest.features)
    box = [{"name": part.name, "min": part.low, "max": part.high} for part in spec.actions.box]
    choices = [{"name": part.name, "labels": list(part.labels)} for part in spec.actions.choices]
    return {
        "format": FORMAT,
        "loop": manifest.loop,
        "model": model,
        "state": list(encoder.names) if len(encoder.shape) == 1 else list(encoder.shape),
        "labels": [] if box else list(manifest.labels),
        **({"choices": choices} if choices else {}),
        "box": box,
    }


def stochastic(parts: ModelParts) -> None:
    """Check that the network has a distribution of its own to draw from.

    Raises:
        Invalid: it has none.
    """
    if parts.network.head not in WITH_DEVIATION:
        told = f"model {short(parts.model)} always does the same (its head is {parts.network.head}); leave --stochastic out."
        raise Invalid([Fault("--stochastic", told)])
