"""A finite problem: so few states and actions that its truth is computed instead of estimated.

Question answered: what is this policy worth, and what is the best that can be had? A policy's values solve a linear system;
the best policy is found by policy iteration, which ends after finitely many rounds with the optimum itself.
Source: Puterman 1994, Markov Decision Processes, chapter 6.
Letters: s states, k actions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FiniteProblem:
    """States, actions, and what comes of them. What a row of `transition` lacks to 1 is the chance that the episode ends."""

    transition: Floats  # (s, k, s)
    reward: Floats  # (s, k) expected
    start: Floats  # (s,) where episodes begin
    discount: float

    def values(self, pmf: Floats, *, n_steps: int | None = None) -> Floats:
        """(s,) expected discounted return of a policy from each state.

        Args:
            pmf: (s, k)
            n_steps: the steps that count; None: all that come.
        """
        move = np.einsum("sk,skt->st", pmf, self.transition)
        earned = (pmf * self.reward).sum(axis=1)
        if n_steps is None:
            solved: Floats = np.linalg.solve(np.eye(len(earned)) - self.discount * move, earned)
            return solved
        value: Floats = np.zeros_like(earned)
        for _ in range(n_steps):
            value = earned + self.discount * move @ value
        return value

    def value(self, pmf: Floats, *, n_steps: int | None = None) -> float:
        """Expected discounted return of a policy from where episodes begin."""
        return float(self.start @ self.values(pmf, n_steps=n_steps))

    def action_values(self, value: Floats) -> Floats:
        """(s, k) of taking an action once and earning `value` (s,) after it."""
        return self.reward + self.discount * (self.transition @ value)

    def best(self) -> NDArray[np.int64]:
        """(s,) the best action in each state; of equal ones the first."""
        action = np.zeros(len(self.start), dtype=np.int64)
        while True:
            q = self.action_values(self.values(certain(action, self.reward.shape[1])))
            held = q[np.arange(len(action)), action]
            better = np.where(q.max(axis=1) > held + 1e-12 * np.abs(held).clip(1.0), q.argmax(axis=1), action)
            if (better == action).all():
                return action
            action = better


def certain(action: NDArray[np.int64], k: int) -> Floats:
    """(s, k) the policy that takes `action` (s,) for sure."""
    return np.eye(k)[action]
