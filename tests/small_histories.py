"""Small histories whose numbers can be worked out by hand."""

from __future__ import annotations

import numpy as np

from policyloop.core.episode import Transitions


def history_of(
    states, actions, rewards, *, propensity=0.5, discount=0.5, is_truncated=False, kind="probability", n_labels=2
) -> Transitions:
    """Episodes of one number of a state and one label each; each argument is a list of lists, one for each episode."""
    lengths = [len(one) for one in rewards]
    n = sum(lengths)
    state = np.concatenate([np.asarray(one, dtype=np.float32) for one in states]).reshape(n, -1)
    is_last = np.zeros(n, dtype=bool)
    is_last[np.cumsum(lengths) - 1] = True
    following = np.roll(state, -1, axis=0)
    following[is_last] = 0.0
    episode = np.repeat(np.arange(len(lengths)), lengths)
    return Transitions(
        state=state,
        action=np.concatenate([np.asarray(one, dtype=np.int32) for one in actions]).reshape(n, 1),
        action_value=np.empty((n, 0), dtype=np.float32),
        reward=np.concatenate([np.asarray(one, dtype=np.float32) for one in rewards]),
        next_state=following,
        terminated=is_last & (not is_truncated),
        truncated=is_last & is_truncated,
        episode=episode.astype(np.int64),
        step=np.concatenate([np.arange(one) for one in lengths]).astype(np.int64),
        propensity=np.full(n, propensity, dtype=np.float64),
        propensity_kind=np.full(n, kind, dtype=object),
        action_source=np.full(n, "policy", dtype=object),
        split=(episode / max(len(lengths), 1)).astype(np.float64),
        discount=discount,
        pmf=np.full((n, n_labels), 1 / n_labels),
    )


def curve_of(q_mean, **others) -> list[dict[str, float]]:
    """The curve of a training run: one checkpoint for each expected return, a thousand updates apart."""
    return [
        {"n_updates": 1000 * (i + 1), "q_mean": q, **{name: values[i] for name, values in others.items()}}
        for i, q in enumerate(q_mean)
    ]
