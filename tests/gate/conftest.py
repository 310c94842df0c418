"""A world with known truth for the gate: four kinds of context, three actions, noisy 0/1 rewards, policies as tables."""

from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from policyloop.core.clock import SystemClock
from policyloop.core.example import Examples
from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, ExploreSpec, Field, GateSpec, LoopSpec, OutcomeSpec, PluginSpec, RewardSpec

LABELS = ("calm", "bold", "playful")
TRUTH = np.array([[0.8, 0.5, 0.2], [0.2, 0.8, 0.5], [0.5, 0.2, 0.8], [0.8, 0.2, 0.5]])  # chance of a reward
FLOOR = 0.1


@dataclass(frozen=True, eq=False)
class TablePolicy:
    """Takes the best action of a table of expected rewards, with the floor."""

    expected: NDArray[np.float64] = field(default_factory=TRUTH.copy)
    floor: float = FLOOR

    def probabilities(self, context, actions):
        return self.probabilities_of_many([context], actions.allowed[None])[0]

    def probabilities_of_many(self, contexts, allowed, candidates=None):
        score = np.where(allowed, self.rewards_of_many(contexts), -np.inf)
        best = np.zeros(allowed.shape)
        best[np.arange(len(allowed)), score.argmax(axis=1)] = 1.0
        return (1 - self.floor) * best + self.floor * allowed / allowed.sum(axis=1, keepdims=True)

    def rewards_of_many(self, contexts, candidates=None):
        return self.expected[[c["kind"] or 0 for c in contexts]].reshape(len(contexts), 3)


def spec_of(rule: str = "no-harm", *, floor: float = FLOOR, **settings) -> LoopSpec:
    return LoopSpec(
        loop="front-page",
        context={"kind": Field(name="kind", type="integer", min=0, max=3, optional=True)},
        actions=ActionSpec(kind="discrete", labels=LABELS),
        outcomes={"clicked": OutcomeSpec(name="clicked", type="boolean")},
        reward=RewardSpec(expression=Expression.parse("clicked", ["clicked"]), low=0.0, high=1.0, window_s=600.0),
        baseline="first",
        explore=ExploreSpec(floor=floor),
        gate=GateSpec(refresh=PluginSpec(name=rule, settings=settings)),
    )


def log_by(policy: TablePolicy, n: int, *, seed: int, truth: NDArray[np.float64] = TRUTH) -> Examples:
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 4, n)
    contexts = [{"kind": int(k)} for k in kind]
    allowed = np.ones((n, 3), dtype=bool)
    pmf = policy.probabilities_of_many(contexts, allowed)
    action = (rng.random(n)[:, None] >= pmf.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return Examples(
        contexts=contexts,
        allowed=allowed,
        action=action,
        reward=(rng.random(n) < truth[kind, action]).astype(np.float64),
        propensity=pmf[np.arange(n), action],
        pmf=pmf,
        split=np.full(n, 0.9),
        decided_at=np.arange(n, dtype=np.int64),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.array(["champion"] * n, dtype=object),
    )


@pytest.fixture
def policy_of():
    return TablePolicy


@pytest.fixture
def spec():
    return spec_of()


@pytest.fixture
def spec_with():
    return spec_of


@pytest.fixture
def log():
    return log_by


@pytest.fixture
def truth():
    return TRUTH.copy()


@pytest.fixture
def worse():
    """Wrong in one kind of context of four: earns .6 less there, .135 less in all after the floor."""
    table = TRUTH.copy()
    table[0] = table[0, ::-1]
    return TablePolicy(table)


@pytest.fixture
def clock():
    return SystemClock()
