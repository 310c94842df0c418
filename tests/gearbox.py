"""A loop whose best action is known: which of three gears suits the slope, and how far to open the throttle for the load.

The gear is `low` below a slope of -1/3, `high` above 1/3, else `mid`; the throttle is 0.5 + 0.3 load. A step's reward is 1 for
the right gear, less four times the square of how far the throttle was off. What comes next does not depend on what was done.
"""

import numpy as np

from policyloop.core.episode import Transitions
from policyloop.core.spec_file import read_spec

GEARS = ("low", "mid", "high")
GEARBOX = {
    "loop": "gearbox",
    "context": {"slope": "number", "load": "number"},
    "actions": {"kind": "tuple", "parts": {"gear": list(GEARS), "throttle": {"min": 0, "max": 1}}},
    "episodes": {"discount": 0.5},
    "outcomes": {},
    "reward": {
        "expression": "(gear == (slope > -1 / 3) + (slope > 1 / 3)) - 4 * (throttle - 0.5 - 0.3 * load) ** 2",
        "range": [-4, 1],
    },
    "baseline": "uniform",
}
ACTIONS = read_spec(GEARBOX).actions


def best(state):
    """(n,) places of the right gears, and (n,) the right throttles."""
    return (state[:, 0] > -1 / 3).astype(int) + (state[:, 0] > 1 / 3), 0.5 + 0.3 * state[:, 1]


def driven(n_episodes, *, seed, n_steps=5, gears=None):
    """Episodes of random gears and throttles; of an expert's where `gears` is `right`. All are truncated."""
    rng = np.random.default_rng(seed)
    n = n_episodes * n_steps
    states = rng.uniform(-1, 1, (n_episodes, n_steps + 1, 2)).astype(np.float32)
    state = states[:, :-1].reshape(n, 2)
    right, throttle = best(state)
    gear, opened = (right, throttle) if gears == "right" else (rng.integers(3, size=n), rng.uniform(0, 1, n))
    episode, step = np.repeat(np.arange(n_episodes), n_steps), np.tile(np.arange(n_steps), n_episodes)
    return Transitions(
        state=state,
        action=gear[:, np.newaxis].astype(np.int32),
        action_value=opened[:, np.newaxis].astype(np.float32),
        reward=((gear == right) - 4 * (opened - throttle) ** 2).astype(np.float32),
        next_state=states[:, 1:].reshape(n, 2),
        terminated=np.zeros(n, bool),
        truncated=step == n_steps - 1,
        episode=episode,
        step=step,
        propensity=np.full(n, 1 / 3),
        propensity_kind=np.full(n, "density", dtype=object),
        action_source=np.full(n, "random", dtype=object),
        split=episode / n_episodes,
        discount=0.5,
    )
