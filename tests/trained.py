"""A loop's model, trained on examples of chance and promoted, for tests that need one that decides."""

import numpy as np

from policyloop.core.example import Examples
from policyloop.core.model import BASELINE
from policyloop.learn.train import train
from policyloop.run.deployment import Deployment


def train_and_promote(deployment: Deployment, *, loop: str = "front-page", seed: int = 0) -> str:
    """A model of the loop, whose context is `hour` and `device`, made champion; its digest."""
    model = publish_one(deployment, examples_of_chance(deployment, loop, seed=seed), loop=loop, seed=seed)
    deployment.registry.promote_by_person(loop, model, why="to be tested")
    return model


def publish_one(deployment: Deployment, examples: Examples, *, loop: str, seed: int = 0) -> str:
    """A model of the loop, learned from these examples, that does not serve; its digest."""
    spec = deployment.registry.standing(loop).spec
    trained = train(examples, spec, seed=seed, parent=None, snapshot={}, code_version="0.1.0")
    return deployment.registry.publish(trained.manifest, trained.tensors)


def examples_of_chance(deployment: Deployment, loop: str, *, seed: int = 0) -> Examples:
    """Examples whose actions and rewards are drawn evenly."""
    rng = np.random.default_rng(seed)
    n, k = 200, len(deployment.registry.standing(loop).spec.labels)
    return Examples(
        contexts=[{"hour": int(hour), "device": "phone"} for hour in rng.integers(0, 24, n)],
        allowed=np.ones((n, k), dtype=bool),
        action=rng.integers(k, size=n),
        reward=rng.integers(2, size=n).astype(float),
        propensity=np.full(n, 1 / k),
        pmf=np.full((n, k), 1 / k),
        split=rng.random(n),
        decided_at=np.arange(n, dtype=np.int64) * 1_000_000,
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.full(n, BASELINE, dtype=object),
    )
