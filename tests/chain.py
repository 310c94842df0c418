"""A chain of states whose values can be solved exactly: right is harder to reach, and pays at its end.

States 0 to 3, labels left (0) and right (1). A step goes where it is meant to with the chance .8, else it stays. Being in
state 3 pays 1 a step; every step ends the episode with the chance .1, for good. Values come from a linear system.
"""

from __future__ import annotations

import numpy as np

from policyloop.core.episode import Transitions

N, END, SURE, DISCOUNT = 4, 0.1, 0.8, 0.9


def moves():
    """(s, k, s) the chance of each next state, before the end is drawn."""
    chance = np.zeros((N, 2, N))
    for state in range(N):
        for label, there in ((0, max(state - 1, 0)), (1, min(state + 1, N - 1))):
            chance[state, label, there] += SURE
            chance[state, label, state] += 1 - SURE
    return chance


def values(policy) -> np.ndarray:
    """(s,) the exact discounted return of a policy (s, k) from each state."""
    reward = np.array([0.0, 0.0, 0.0, 1.0])
    goes = np.einsum("sk,skt->st", policy, moves())
    return np.linalg.solve(np.eye(N) - DISCOUNT * (1 - END) * goes, reward)


def uphill(p):
    """(s, 2) a policy that goes right with the chance p everywhere."""
    return np.tile([1 - p, p], (N, 1))


def pmf_of(policy):
    """The policy as what `target_of_labels` takes."""
    return lambda state: policy[state.reshape(-1).astype(int)]


def played(policy, *, n, seed, most_steps=10_000, propensity=True) -> Transitions:
    """n episodes of a policy (s, k), from state 0, with true propensities."""
    rng = np.random.default_rng(seed)
    rows = []
    for episode in range(n):
        state = 0
        for step in range(most_steps):
            label = int(rng.random() < policy[state, 1])
            there = int(rng.choice(N, p=moves()[state, label]))
            is_over = bool(rng.random() < END)
            is_cut = not is_over and step == most_steps - 1
            rows.append((state, label, float(state == N - 1), there, is_over, is_cut, episode, step, policy[state, label]))
            state = there
            if is_over or is_cut:
                break
    state, label, reward, there, over, cut, episode, step, chance = (np.array(column) for column in zip(*rows, strict=True))
    n_rows = len(rows)
    return Transitions(
        state=state.reshape(-1, 1).astype(np.float32),
        action=label.reshape(-1, 1).astype(np.int32),
        action_value=np.empty((n_rows, 0), dtype=np.float32),
        reward=reward.astype(np.float32),
        next_state=np.where(over, 0, there).reshape(-1, 1).astype(np.float32),
        terminated=over,
        truncated=cut,
        episode=episode.astype(np.int64),
        step=step.astype(np.int64),
        propensity=chance if propensity else np.full(n_rows, np.nan),
        propensity_kind=np.full(n_rows, "probability" if propensity else "unknown", dtype=object),
        action_source=np.full(n_rows, "policy", dtype=object),
        split=episode / n,
        discount=DISCOUNT,
        pmf=policy[state] if propensity else None,
    )
