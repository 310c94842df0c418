"""Two short episodes with numbers that can be told apart: state t is 10 e + t, reward t is 100 + 10 e + t."""

import base64
import pickle

import lz4.frame
import numpy as np

from policyloop.core.episode import Transitions
from policyloop.core.spec_file import read_spec
from small_network import CART, STEERED

REWARDED = {"outcomes": {"reward": "number"}, "reward": {"expression": "reward", "range": [0, 200]}}
CART_SPEC = read_spec(CART | REWARDED)
STEERED_SPEC = read_spec(STEERED | REWARDED)
N_STEPS = (3, 2)  # the first terminates, the second is truncated


def packed(value, protocol=pickle.HIGHEST_PROTOCOL):
    """As RLlib packs a column."""
    return base64.b64encode(lz4.frame.compress(pickle.dumps(value, protocol=protocol))).decode()


def transitions():
    """Both episodes, whole."""
    episode = np.repeat([0, 1], N_STEPS)
    step = np.concatenate([np.arange(n) for n in N_STEPS])
    place = 10 * episode + step
    n, is_last = len(episode), np.array([False, False, True, False, True])
    return Transitions(
        state=states(place),
        action=np.zeros((n, 0), np.int32),
        action_value=(place / 100).reshape(-1, 1).astype(np.float32),
        reward=(100 + place).astype(np.float32),
        next_state=states(place + 1),
        terminated=is_last & (episode == 0),
        truncated=is_last & (episode == 1),
        episode=episode,
        step=step,
        propensity=np.full(n, 0.25),
        propensity_kind=np.full(n, "density", dtype=object),
        action_source=np.full(n, "policy", dtype=object),
        split=np.repeat([0.1, 0.9], N_STEPS),
    )


def states(place):
    return np.stack([place, -place, place * 0 + 0.5], axis=1).astype(np.float32)
