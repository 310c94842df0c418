"""A loop with episodes and a network of random weights that decides in it, for tests that need no good one."""

import hashlib
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest
from policyloop.core.state import StateEncoder
from policyloop.ingest.parts import part_names
from policyloop.policy.network import Network
from policyloop.policy.policies.network import load, random_network
from policyloop.policy.support import support_tensors
from policyloop.run.deployment import Deployment

CART = {
    "loop": "cart",
    "context": {"x": "number", "v": "number", "goal": "number"},
    "actions": {"kind": "continuous", "box": {"force": {"min": -2, "max": 2}}},
    "limits": {"force": {"min": -0.5, "max": 1.5}},
    "episodes": {"max_steps": 100},
    "outcomes": {},
    "reward": {"expression": "1 - abs(next.x - next.goal)", "range": [-5, 1]},
    "baseline": "middle",
    "learner": {"name": "bc"},
    "explore": {"name": "greedy", "floor": 0.0},
}
STEERED = CART | {"loop": "steered", "actions": {"labels": ["left", "right"]}, "baseline": "left", "learner": {"name": "dqn"}}
del STEERED["limits"]


def network_for(spec: LoopSpec, *, head: str | None = None, seed: int = 0) -> Network:
    """Random weights over the spec's context and actions."""
    encoder, box = StateEncoder.of(spec.context.values()), spec.actions.box
    n_outputs = len(box) or len(spec.labels)
    made = random_network(
        head=head or ("tanh_gaussian" if box else "scores"),
        state_shape=encoder.shape,
        n_outputs=n_outputs,
        rng=np.random.default_rng(seed),
        choices=tuple(part.labels for part in spec.actions.choices),
    )
    middle = {"center": [(p.low + p.high) / 2 for p in box], "half": [(p.high - p.low) / 2 for p in box]}
    return load({**made.settings, **middle}, made.tensors)


def model_of(spec: LoopSpec, network: Network, *, learned_from: NDArray[Any] | None = None) -> tuple[Manifest, bytes]:
    """Manifest and tensors, as a training run publishes them."""
    settings, tensors = network.save()
    known = {} if learned_from is None else support_tensors(learned_from)
    data = safetensors.numpy.save({**tensors, **known})
    encoder, explore = StateEncoder.of(spec.context.values()), spec.explore
    manifest = Manifest(
        loop=spec.loop,
        spec=spec.digest,
        recipe=spec.recipe,
        parent=None,
        policy="network",
        settings=settings,
        features={"kind": "state", **encoder.to_json()},
        labels=part_names(spec.actions) or list(spec.labels),
        explorer={
            "name": explore.name,
            "floor": explore.floor,
            "settings": dict(explore.settings),
            "reward_span": spec.reward.high - spec.reward.low,
        },
        learner={"name": spec.learner.name},
        snapshot={},
        trained_until=0,
        n_examples=100,
        seed=0,
        code="0.1.0",
        tensors=hashlib.sha256(data).hexdigest(),
        progress={},
    )
    return manifest, data


def promote_network(
    deployment: Deployment, loop: str, *, head: str | None = None, learned_from: NDArray[Any] | None = None
) -> tuple[str, Network]:
    """A random network made the loop's champion: its digest, and the network."""
    spec = deployment.registry.standing(loop).spec
    network = network_for(spec, head=head)
    model = deployment.registry.publish(*model_of(spec, network, learned_from=learned_from))
    deployment.registry.promote_by_person(loop, model, why="to be tested")
    return model, network
