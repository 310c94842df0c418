"""Fitted Q iteration on trees: learns from episodes without any library beside LightGBM.

Question answered: what return is to be expected of each action in each state, if the best is done afterwards? The first
answer is the return that the history itself had. Every update asks again: this reward, and the discounted return of the best
next action by the last answer. Two critics learn from different episodes; where they disagree, the lower one counts.
Source: Ernst, Geurts & Wehenkel 2005; the lower of two critics after Fujimoto et al. 2018 (arXiv:1802.09477).
Letters: n transitions, d numbers of a state, a numbers of an action, k labels, c critics, f numbers that trees look at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec
from policyloop.core.policy import Tensors
from policyloop.core.search_space import Between, OneOf
from policyloop.learn.broken_rows import check_rows
from policyloop.policy.policies.forest_q import Critic, ForestQ, Grown, load

UPDATES = 40  # of a run, where the loop says nothing: each is a whole iteration
CHECKPOINT_EVERY = 4
SEARCHED = {
    "learning_rate": Between(0.03, 0.4, is_log=True),
    "n_trees": OneOf((40, 80, 160)),
    "n_leaves": OneOf((8, 16, 32, 64)),
    "conservative": Between(0.2, 3.0, is_log=True),
}
_N_CRITICS = 2
_FEWEST = 20  # transitions of a label that trees are grown on
_LOOKED_AT = 4_000  # transitions that a diagnosis looks at


@dataclass(frozen=True, slots=True)
class _Settings:
    learning_rate: float
    n_trees: int
    n_leaves: int
    conservative: float
    batch: int
    seed: int


class FqiLearner:
    """Critics, each with the episodes that it learns from."""

    def __init__(self, train: Transitions, held_out: Transitions, *, actions: ActionSpec, settings: _Settings) -> None:
        self._settings = settings
        self._held_out = held_out
        self._low = np.array([part.low for part in actions.box])
        self._high = np.array([part.high for part in actions.box])
        self._n_labels = len(actions.labels)
        self._train = train
        rng = np.random.default_rng(settings.seed)
        self._shown = np.sort(rng.permutation(len(train))[:_LOOKED_AT])
        side = rng.permutation(int(train.episode[-1]) + 1)[train.episode] % _N_CRITICS
        self._own = [_some(np.flatnonzero(side == j), settings.batch, rng) for j in range(_N_CRITICS)]
        self._parts = [train.where(np.isin(np.arange(len(train)), own)) for own in self._own]
        self._returns = _discounted(train)
        self._sets: dict[tuple[int, int], lightgbm.Dataset] = {}
        self._n_done = 0
        self._policy = self._fitted([self._returns[own] for own in self._own])

    def advance(self, n_updates: int) -> Mapping[str, float]:
        """Iterate so many times, and tell the means over them."""
        told = []
        for _ in range(n_updates):
            targets = [self._target(part) for part in self._parts]
            self._policy = self._fitted(targets)
            found = [self._of_data(j) for j in range(_N_CRITICS)]
            errors = np.concatenate([one - target for one, target in zip(found, targets, strict=True)])
            loss = float((errors**2).mean())
            told.append((loss, loss, self._disagreement(self._train, self._shown)))
            self._n_done += 1
        return dict(zip(("critic_loss", "td_error", "conservative"), np.mean(told, axis=0).tolist(), strict=True))

    def diagnose(self) -> Mapping[str, float]:
        """How the critics stand on data, and on episodes that they did not learn from."""
        found = self._diagnosis(self._train, self._shown)
        if len(self._held_out) == 0:
            return found
        some = np.arange(0, len(self._held_out), max(1, len(self._held_out) // _LOOKED_AT))
        return {**found, **{f"held_out_{name}": value for name, value in self._diagnosis(self._held_out, some).items()}}

    def policy(self) -> ForestQ:
        """What has been learned so far."""
        return self._policy

    def state(self) -> Tensors:
        """The critics; all else comes from the arguments."""
        return {**self._policy.save()[1], "n_done": np.array([self._n_done], dtype=np.int64)}

    def resume(self, state: Tensors) -> None:
        """Go on from what `state` gave."""
        tensors = dict(state)
        self._n_done = int(tensors.pop("n_done")[0])
        self._policy = load(self._policy.save()[0], tensors)

    def _target(self, rows: Transitions) -> NDArray[np.float64]:
        """(n,) this reward, and what the best next action brings by the last answer."""
        policy = self._policy
        goes_on = np.flatnonzero(~rows.terminated)
        after = rows.next_state[goes_on]
        best = np.zeros(len(rows))
        best[goes_on] = policy.value(after, policy.act(after)) if len(self._low) else policy.scores(after).max(axis=1)
        return np.asarray(rows.reward + rows.discount * best, dtype=np.float64)

    def _fitted(self, targets: list[NDArray[np.float64]]) -> ForestQ:
        """Critics of these targets, each of its own rows."""
        critics = tuple(self._critic(j, target) for j, target in enumerate(targets))
        return ForestQ(critics, self._settings.conservative, self._train.state.shape[1:], self._low, self._high)

    def _critic(self, j: int, target: NDArray[np.float64]) -> Critic:
        if len(self._low):
            return (self._grown((j, 0), self._parts[j], np.arange(len(target)), target),)
        place = self._parts[j].action[:, 0]
        return tuple(self._grown((j, k), self._parts[j], np.flatnonzero(place == k), target) for k in range(self._n_labels))

    def _grown(self, name: tuple[int, int], rows: Transitions, some: NDArray[np.intp], target: NDArray[np.float64]) -> Grown:
        """Trees on some rows; what was hardly ever done is taken to bring the least that was seen."""
        if len(some) < _FEWEST:
            return Grown.of(float(target.min()) if len(target) else 0.0)
        if name not in self._sets:
            self._sets[name] = lightgbm.Dataset(_looked_at(rows)[some], free_raw_data=False, params=self._growing())
        self._sets[name].set_label(target[some])
        return Grown.of(lightgbm.train(self._growing(), self._sets[name], num_boost_round=self._settings.n_trees))

    def _growing(self) -> dict[str, Any]:
        return {
            "objective": "regression",
            "learning_rate": self._settings.learning_rate,
            "num_leaves": self._settings.n_leaves,
            "min_data_in_leaf": 5,
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": self._settings.seed % 2**31,
            "verbosity": -1,
        }

    def _of_data(self, j: int) -> NDArray[np.float64]:
        """(n,) what a critic expects of its own rows."""
        critic, rows = self._policy.critics[j], self._parts[j]
        x = _looked_at(rows)
        if len(self._low):
            return critic[0].predict(x)
        found = np.zeros(len(rows))
        for k, grown in enumerate(critic):
            found[rows.action[:, 0] == k] = grown.predict(x[rows.action[:, 0] == k])
        return found

    def _diagnosis(self, rows: Transitions, some: NDArray[np.intp]) -> dict[str, float]:
        shown = rows.where(np.isin(np.arange(len(rows)), some))
        q = self._policy.value(shown.state, self._done(shown)).astype(np.float64)
        error = ((q - self._target(shown)) ** 2).mean()
        told = {"q_mean": q.mean(), "q_min": q.min(), "q_max": q.max(), "td_error": error}
        return {name: float(value) for name, value in told.items()} | {"conservative": self._disagreement(rows, some)}

    def _disagreement(self, rows: Transitions, some: NDArray[np.intp]) -> float:
        """How far the critics are apart on data, in the loop's reward unit: what the conservative weight multiplies."""
        state, done = rows.state[some], self._done(rows)[some]
        alone = [
            ForestQ((critic,), 0.0, self._policy.state_shape, self._low, self._high).value(state, done)
            for critic in self._policy.critics
        ]
        return float(np.abs(alone[0] - alone[1]).mean() / 2)

    def _done(self, rows: Transitions) -> NDArray[Any]:
        return rows.action_value if len(self._low) else rows.action[:, 0]


def create_episodic(
    train: Transitions,
    held_out: Transitions,
    *,
    actions: ActionSpec,
    seed: int,
    learning_rate: float = 0.15,
    n_trees: int = 80,
    n_leaves: int = 32,
    conservative: float = 1.0,
    batch: int = 60_000,
) -> FqiLearner:
    """A learner that knows the returns of the history, and nothing better yet.

    Args:
        train: what is learned from.
        held_out: episodes that it is diagnosed on, and never learns from.
        actions: labels, or a box.
        seed: which episodes and rows each critic learns from.
        learning_rate: how much of what is left over a tree takes up.
        n_trees: of each critic (and label) in each iteration.
        n_leaves: of a tree at most.
        conservative: how far below the critics' mean is believed; 1 is the lower of the two.
        batch: transitions that a critic learns from at most; of more, some are picked.

    Raises:
        BadSetting: a setting is outside its range, or actions are labels and numbers at once.
        Invalid: rows of the history cannot be learned from.
    """
    _check(learning_rate, n_trees, n_leaves, conservative, batch)
    if actions.choices or not (actions.box or actions.labels):
        raise BadSetting(
            "learner.name is fqi, which learns about labels or about numbers; the loop's actions are labels and numbers at "
            "once. Expected iql or bc."
        )
    check_rows(train, actions)
    check_rows(held_out, actions)
    settings = _Settings(learning_rate, n_trees, n_leaves, conservative, batch, seed)
    return FqiLearner(train, held_out, actions=actions, settings=settings)


def _check(learning_rate: float, n_trees: int, n_leaves: int, conservative: float, batch: int) -> None:
    for name, value, low, high in (
        ("learning_rate", learning_rate, 1e-4, 1.0),
        ("n_trees", n_trees, 1, 5_000),
        ("n_leaves", n_leaves, 2, 4_096),
        ("conservative", conservative, 0.0, 100.0),
        ("batch", batch, 100, 10**8),
    ):
        if not low <= value <= high:
            raise BadSetting(f"learner.{name} is {value}; expected {low:g} to {high:g}.")


def _some(rows: NDArray[np.intp], at_most: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """All rows in order, or so many of them picked."""
    return rows if len(rows) <= at_most else np.sort(rng.choice(rows, at_most, replace=False))


def _looked_at(rows: Transitions) -> NDArray[np.float64]:
    """(n, f) the state, and the numbers of the action where it has any."""
    state = np.asarray(rows.state, dtype=np.float64).reshape(len(rows), -1)
    return np.hstack([state, rows.action_value]) if rows.action_value.shape[1] else state


def _discounted(rows: Transitions) -> NDArray[np.float64]:
    """(n,) the discounted return from each row to the end of its episode."""
    found = rows.reward.astype(np.float64)
    is_last = rows.is_last
    for row in range(len(rows) - 2, -1, -1):
        if not is_last[row]:
            found[row] += rows.discount * found[row + 1]
    return found
