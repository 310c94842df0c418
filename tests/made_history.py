"""Small histories whose best policy is known, as transitions.

`corridor`: a place in [0, 1] on a line, moved by the action; being near 0.7 is rewarded. `ladder`: two labels, up and down.
Letters: e episodes, t steps.
"""

import numpy as np

from policyloop.core.episode import Transitions
from policyloop.core.loop import ActionSpec, BoxPart

MOVE = ActionSpec(kind="continuous", box=(BoxPart(name="move", low=-0.2, high=0.2),))
STEP = ActionSpec(kind="discrete", labels=("down", "up"))
GOAL = 0.7


def corridor(n_episodes=40, n_steps=20, *, seed=0, split=None):
    """Moves at random; the reward is 1 less the distance from the goal. Every episode is truncated."""
    rng = np.random.default_rng(seed)
    place = np.empty((n_episodes, n_steps + 1))
    place[:, 0] = rng.random(n_episodes)
    move = rng.uniform(-0.2, 0.2, size=(n_episodes, n_steps))
    for t in range(n_steps):
        place[:, t + 1] = np.clip(place[:, t] + move[:, t], 0, 1)
    return transitions(
        place, reward=1 - np.abs(place[:, 1:] - GOAL), action_value=move[..., np.newaxis], propensity=np.full(move.shape, 2.5),
        kind="density", split=split,
    )  # fmt: skip


def ladder(n_episodes=60, n_steps=8, *, seed=0, split=None):
    """Five rungs; up brings 1 on the last rung alone, down 0.1 everywhere: what pays now is not what pays."""
    rng = np.random.default_rng(seed)
    rung = np.empty((n_episodes, n_steps + 1))
    rung[:, 0] = rng.integers(5, size=n_episodes)
    label = rng.integers(2, size=(n_episodes, n_steps))
    for t in range(n_steps):
        rung[:, t + 1] = np.clip(rung[:, t] + np.where(label[:, t] == 1, 1, -1), 0, 4)
    reward = np.where(label == 1, (rung[:, :-1] == 4) * 1.0, 0.1)
    pmf = np.full((label.size, 2), 0.5)
    return transitions(
        rung, reward=reward, action=label[..., np.newaxis], propensity=np.full(label.shape, 0.5), kind="probability",
        split=split, pmf=pmf, discount=0.9,
    )  # fmt: skip


def transitions(place, *, reward, propensity, kind, split, action=None, action_value=None, pmf=None, discount=0.95):
    e, t = reward.shape
    n = e * t
    own = np.linspace(0, 1, e, endpoint=False) if split is None else np.full(e, split)
    return Transitions(
        state=place[:, :-1].reshape(n, 1).astype(np.float32),
        action=(np.zeros((n, 0)) if action is None else action.reshape(n, -1)).astype(np.int32),
        action_value=(np.zeros((n, 0)) if action_value is None else action_value.reshape(n, -1)).astype(np.float32),
        reward=reward.reshape(n).astype(np.float32),
        next_state=place[:, 1:].reshape(n, 1).astype(np.float32),
        terminated=np.zeros(n, dtype=bool),
        truncated=np.tile(np.arange(t) == t - 1, e),
        episode=np.repeat(np.arange(e), t),
        step=np.tile(np.arange(t), e),
        propensity=propensity.reshape(n).astype(np.float64),
        propensity_kind=np.full(n, kind, dtype=object),
        action_source=np.full(n, "random", dtype=object),
        split=np.repeat(own, t),
        discount=discount,
        pmf=pmf,
    )
