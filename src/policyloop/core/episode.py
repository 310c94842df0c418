"""Episodes: decisions that change what comes next, as the numbers that learners of episodes learn from.

Question answered: what was seen, done and earned, row by row, and what may be expected after each row?
An episode is a run of transitions with one id. It ends in one of two ways that are never mixed up: it *terminated*, so that
nothing comes after and nothing is to be expected, or it was *truncated*, so that something would have come and only the
record stops.
Letters: n transitions, d numbers of a state, a numbers of an action, p labelled parts of an action, k labels, e episodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from policyloop.core.policy import SavedModel, Tensors

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Transitions:
    """Steps of episodes. Rows of one episode stand together, in the order of their steps."""

    state: NDArray[Any]  # (n, d) float32, or (n, *shape) of a loop whose context is one tensor; in the units of the context
    action: NDArray[np.int32]  # (n, p) places of the labels taken; p is 0 where actions are numbers alone
    action_value: Floats  # (n, a) the numbers of the action, in its own units; a is 0 where actions are labels alone
    reward: Floats  # (n,) of this row's action, in the loop's reward unit
    next_state: NDArray[Any]  # as `state`; of a row that terminated it is the last state, where one was recorded, else zeros
    terminated: NDArray[np.bool_]  # (n,) nothing comes after: no value is to be expected of the next state
    truncated: NDArray[np.bool_]  # (n,) the record stops here; the next state is real, and its value counts
    episode: NDArray[np.int64]  # (n,) number of the episode, rising from 0
    step: NDArray[np.int64]  # (n,) place in the episode, as it was logged
    propensity: NDArray[np.float64]  # (n,) probability, mass or density of the action; NaN where unknown
    # (n,) `probability`, `density`, `mixed`, `point`, `estimated` or `unknown`, as it was logged
    propensity_kind: NDArray[np.object_]
    action_source: NDArray[np.object_]  # (n,) `policy`, `expert`, `random`, `human`; '' where nobody said
    split: NDArray[np.float64]  # (n,) in [0, 1), the same for all rows of an episode
    discount: float = 0.99  # [0, 1]
    pmf: NDArray[np.float64] | None = None  # (n, k) of loops with labels alone; NaN rows where it was not logged
    policy: NDArray[np.object_] | None = None  # (n,) digest of the model that decided, or `baseline`, or `imported:NAME`
    decision_id: NDArray[np.object_] | None = None  # (n,)
    is_next_known: NDArray[np.bool_] | None = None  # (n,) whether `next_state` was recorded; None: all were

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def n_episodes(self) -> int:
        """How many episodes there are, e."""
        return int(np.count_nonzero(self.is_first))

    @property
    def is_first(self) -> NDArray[np.bool_]:
        """(n,) whether the row is the first of its episode."""
        return np.asarray(np.diff(self.episode, prepend=self.episode[:1] - 1) != 0)

    @property
    def is_last(self) -> NDArray[np.bool_]:
        """(n,) whether the row is the last of its episode."""
        return np.asarray(np.diff(self.episode, append=self.episode[-1:] + 1) != 0)

    @property
    def returns(self) -> NDArray[np.float64]:
        """(e,) the undiscounted sum of rewards of each episode."""
        starts = np.flatnonzero(self.is_first)
        return np.add.reduceat(self.reward.astype(np.float64), starts) if len(starts) else np.zeros(0)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(e,) how many steps each episode has."""
        return np.diff(np.flatnonzero(self.is_first), append=len(self)).astype(np.int64)

    def where(self, keep: NDArray[np.bool_]) -> Transitions:
        """The rows where `keep` (n,) is true. Keep or leave whole episodes, so that each stays whole."""
        columns = {column.name: getattr(self, column.name) for column in fields(self)}
        discount = columns.pop("discount")
        taken: dict[str, Any] = {name: None if column is None else column[keep] for name, column in columns.items()}
        return Transitions(**taken, discount=discount)

    def to_learn_from(self, split: float) -> Transitions:
        """The episodes below `split`: the only ones that any learner may see."""
        return self.where(self.split < split)

    def to_evaluate_on(self, split: float) -> Transitions:
        """The episodes at or above `split`: never learned from."""
        return self.where(self.split >= split)


class EpisodePolicy(SavedModel, Protocol):
    """What a learner of episodes hands out: actions for states, and what it expects of them. Immutable."""

    def act(self, state: NDArray[Any]) -> Floats:
        """(n, a) the action that it would take without exploring, in the action's units; for actions that are numbers.

        (n, p + a) where labels stand beside the numbers: first the place of the label of each labelled part.
        """
        ...

    def gaussian(self, state: NDArray[Any]) -> tuple[Floats, Floats]:
        """(n, a) mean and standard deviation before squashing; the deviation is 0 for a policy that never varies."""
        ...

    def scores(self, state: NDArray[Any]) -> Floats:
        """(n, k) conservative expected return of every label; for actions that are labels."""
        ...

    def value(self, state: NDArray[Any], action: NDArray[Any]) -> Floats:
        """(n,) conservative expected discounted return: the least that the critics expect.

        Args:
            state: (n, d)
            action: (n, a) numbers in the action's units, or (n,) places of labels; or (n, p + a) both, as `act` gives them.
        """
        ...


class EpisodeLearner(Protocol):
    """Transitions in, policy out; owns mutable state, hands out immutable policies. A plug-in's `create_episodic` makes it."""

    def advance(self, n_updates: int) -> Mapping[str, float]:
        """Learn for so many updates, and tell the means over them: `critic_loss`, `td_error`, `conservative`, ..."""
        ...

    def diagnose(self) -> Mapping[str, float]:
        """How it stands on data and on held-out episodes: `q_mean`, `q_min`, `q_max`, `td_error`, `conservative`.

        The same with `held_out_` before the name for episodes that it did not learn from. Finite, or the learner has diverged.
        """
        ...

    def policy(self) -> EpisodePolicy:
        """What has been learned so far; later learning does not change it."""
        ...

    def state(self) -> Tensors:
        """All that `resume` needs to go on as if nothing had happened: weights, optimiser, position of the random numbers."""
        ...

    def resume(self, state: Tensors) -> None:
        """Go on from what `state` gave, of a learner that was created with the same arguments."""
        ...
