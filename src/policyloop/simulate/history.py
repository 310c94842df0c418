"""A history: what an actor did in many episodes of an environment, with true propensities.

Question answered: what would the system's own records hold? The same episodes come as a table, which `policyloop import
history` reads, and as transitions, which learners read. A block of episodes and its seed make the same history anywhere.
Letters: m steps in all, e episodes, n episodes under way, d numbers of a state, a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.simulate.actor import RANDOM, Actor, even_kind
from policyloop.simulate.environment import Columns, Environment

EPISODES_OF_A_BLOCK = 2000  # played side by side: enough that NumPy's calls cost little, and little enough for memory

OnStep = Callable[[int], None]  # told how many episodes have ended since the last call


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """Steps of whole episodes, in order."""

    environment: Environment
    state: NDArray[Any]  # (m, d) or (m, *shape) before the action
    action: NDArray[Any]  # (m, a) or (m,)
    reward: NDArray[np.float64]  # (m,) of this row's action
    outcomes: Columns  # name -> (m,)
    terminated: NDArray[np.bool_]  # (m,)
    truncated: NDArray[np.bool_]  # (m,)
    propensity: NDArray[np.float64]  # (m,)
    is_random: NDArray[np.bool_]  # (m,) drawn evenly from all that may be done
    other_kind: str  # of the propensity of the rest
    other_source: str  # of the rest: `expert`, `policy` or `human`
    episode: NDArray[np.int64]  # (m,) from 0
    step: NDArray[np.int64]  # (m,)
    last_state: NDArray[Any]  # (e, d) or (e, *shape) that each ended in
    pmf: NDArray[np.float64] | None  # (m, k) of labels

    def __len__(self) -> int:
        return len(self.reward)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(e,) steps of each episode."""
        return np.bincount(self.episode, minlength=len(self.last_state)).astype(np.int64)

    @property
    def returns(self) -> NDArray[np.float64]:
        """(e,) the undiscounted sum of rewards of each."""
        summed = np.bincount(self.episode, weights=self.reward, minlength=len(self.last_state))
        return summed.astype(np.float64)

    @property
    def share_full_length(self) -> float:
        """Share of the episodes that nothing ended before the limit of steps."""
        return float((self.lengths >= self.environment.problem.max_steps).mean())

    def next_state(self) -> NDArray[Any]:
        """(m, ...) the state that each action led to; of a last row the one that was recorded when the episode ended."""
        shifted = np.concatenate([self.state[1:], self.state[:1]])
        is_last = self.terminated | self.truncated
        shifted[is_last] = self.last_state[self.episode[is_last]]
        return shifted

    def to_table(self, *, prefix: str = "episode") -> pa.Table:
        """The columns that the loop's `episodes:` section and its context name, for `policyloop import history`.

        An episode's last context is a row of its own: one step later, without an action.
        """
        spec = self.environment.problem
        order = _rows_with_last(self.lengths)
        is_last = order >= len(self)
        row = np.where(is_last, 0, order)
        columns: dict[str, pa.Array] = {
            "episode_id": _names(prefix, self._column(self.episode, np.arange(len(self.last_state)), order)),
            "step": pa.array(self._column(self.step, self.lengths, order)),
        }
        before, after = self.environment.columns(self.state), self.environment.columns(self.last_state)
        columns |= {name: _arrow(self._column(before[name], after[name], order)) for name in before}
        for i, part in enumerate(spec.actions.box):
            columns[part.name] = pa.array(self.action[row, i].astype(np.float64), mask=is_last)
        if spec.actions.labels:
            columns["action"] = pa.array(np.array(spec.actions.labels)[self.action[row]], mask=is_last)
        columns |= {name: pa.array(values[row], mask=is_last) for name, values in self.outcomes.items()}
        columns["propensity"] = pa.array(self.propensity[row], mask=is_last)
        which = pa.array((~self.is_random[row]).astype(np.int8), mask=is_last)
        for name, (even, other) in self._said().items():
            columns[name] = pa.DictionaryArray.from_arrays(which, [even, other])
        columns |= {
            "terminated": pa.array(self.terminated[row] & ~is_last),
            "truncated": pa.array(self.truncated[row] & ~is_last),
        }
        return pa.table(columns)

    def to_transitions(self, *, seed: int = 0) -> Transitions:
        """What learners learn from; `seed` draws the split of each episode."""
        spec = self.environment.problem
        m = len(self)
        is_box = bool(spec.actions.box)
        dtype = self.state.dtype if self.state.dtype == np.uint8 else np.float32
        split = np.random.default_rng(seed).random(len(self.last_state))
        return Transitions(
            state=self.state.astype(dtype, copy=False),
            action=np.zeros((m, 0), np.int32) if is_box else self.action.astype(np.int32)[:, np.newaxis],
            action_value=self.action.astype(np.float32) if is_box else np.zeros((m, 0), np.float32),
            reward=self.reward.astype(np.float32),
            next_state=self.next_state().astype(dtype, copy=False),
            terminated=self.terminated,
            truncated=self.truncated,
            episode=self.episode,
            step=self.step,
            propensity=self.propensity,
            propensity_kind=self._spelled("propensity_kind"),
            action_source=self._spelled("action_source"),
            split=split[self.episode],
            discount=spec.discount,
            pmf=self.pmf,
        )

    def _said(self) -> dict[str, tuple[str, str]]:
        """What is said of an even draw, and of the rest."""
        return {
            "propensity_kind": (even_kind(self.environment.problem.actions), self.other_kind),
            "action_source": (RANDOM, self.other_source),
        }

    def _spelled(self, name: str) -> NDArray[np.object_]:
        return np.array(self._said()[name][::-1], dtype=np.object_)[self.is_random.astype(np.intp)]

    @staticmethod
    def _column(steps: NDArray[Any], lasts: NDArray[Any], order: NDArray[np.int64]) -> NDArray[Any]:
        """The values of the steps and, after each episode's, of its last state."""
        return np.concatenate([steps, lasts.astype(steps.dtype, copy=False)])[order]


def play(
    environment: Environment, actor: Actor, *, n_episodes: int, seed: int | Sequence[int], on_step: OnStep | None = None
) -> History:
    """Episodes from their start to their end; a pure function of its arguments.

    Args:
        seed: of all that is drawn.
        on_step: told how many episodes ended, for a progress bar.
    """
    blocks = -(-n_episodes // EPISODES_OF_A_BLOCK)
    sizes = [min(EPISODES_OF_A_BLOCK, n_episodes - i * EPISODES_OF_A_BLOCK) for i in range(blocks)]
    seeds = np.random.SeedSequence(seed).spawn(blocks)
    played = [
        _play_block(environment, actor, n, rng=np.random.default_rng(one), on_step=on_step)
        for n, one in zip(sizes, seeds, strict=True)
    ]
    return joined(played)


def joined(parts: Sequence[History]) -> History:
    """The episodes of several histories of one environment, one after the other."""
    if len(parts) == 1:
        return parts[0]
    starts = np.cumsum([0, *(len(part.last_state) for part in parts[:-1])])
    columns = {f.name: [getattr(part, f.name) for part in parts] for f in fields(History)}
    columns["episode"] = [part.episode + start for part, start in zip(parts, starts, strict=True)]
    outcomes = {name: np.concatenate([part.outcomes[name] for part in parts]) for name in parts[0].outcomes}
    first = parts[0]
    rest: dict[str, Any] = {k: np.concatenate(v) for k, v in columns.items() if isinstance(v[0], np.ndarray)}
    kept = {"pmf": None, "environment": first.environment, "other_kind": first.other_kind, "other_source": first.other_source}
    return History(outcomes=outcomes, **(kept | rest))


def _play_block(environment: Environment, actor: Actor, n: int, *, rng: np.random.Generator, on_step: OnStep | None) -> History:
    """n episodes side by side until the last has ended."""
    episodes = environment.start(n, rng=rng)
    place = np.arange(n)
    seen: list[dict[str, NDArray[Any]]] = []
    outcomes: list[Columns] = []
    last_state = np.zeros_like(episodes.state)
    step = 0
    while len(place):
        before, at = episodes.state, np.full(len(place), step)
        acted = actor.act(before, at, rng=rng)
        moved = episodes.step(acted.action)
        seen.append(
            {
                "state": before,
                "action": acted.action,
                "reward": moved.reward,
                "terminated": moved.terminated,
                "truncated": moved.truncated,
                "propensity": acted.propensity,
                "is_random": acted.is_random,
                "episode": place,
                "step": at,
                **({} if acted.pmf is None else {"pmf": acted.pmf}),
            }
        )
        outcomes.append(moved.outcomes)
        is_over = moved.terminated | moved.truncated
        if is_over.any():
            last_state[place[is_over]] = episodes.state[is_over]
            episodes.keep(~is_over)
            place = place[~is_over]
            if on_step is not None:
                on_step(int(is_over.sum()))
        step += 1
    order = _by_episode([row["episode"] for row in seen], n)
    columns: dict[str, Any] = {"pmf": None} | {name: np.concatenate([row[name] for row in seen])[order] for name in seen[0]}
    told = {name: np.concatenate([row[name] for row in outcomes])[order] for name in outcomes[0]}
    columns |= {"other_kind": acted.kind, "other_source": acted.source}
    return History(environment=environment, outcomes=told, last_state=last_state, **columns)


def _by_episode(episode: Sequence[NDArray[np.int64]], n: int) -> NDArray[np.int64]:
    """(m,) where each row of the sorted history stands among rows that were kept step by step."""
    rows = np.concatenate(episode)
    step = np.repeat(np.arange(len(episode)), [len(one) for one in episode])
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=n))[:-1]])
    order = np.empty(len(rows), dtype=np.int64)
    order[starts[rows] + step] = np.arange(len(rows))
    return order


def _rows_with_last(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows of the steps, and after each episode's the row m + e of its last state."""
    m = int(lengths.sum())
    ends = np.concatenate([[0], np.cumsum(lengths)])
    parts = [np.append(np.arange(a, b), m + e) for e, (a, b) in enumerate(pairwise(ends.tolist()))]
    return np.concatenate(parts)


def _names(prefix: str, episode: NDArray[np.int64]) -> pa.Array:
    """`episode-17` for each row, as a dictionary: a name is kept once."""
    names = pa.array([f"{prefix}-{i}" for i in range(int(episode.max()) + 1)])
    return pa.DictionaryArray.from_arrays(pa.array(episode.astype(np.int32)), names)


def _arrow(column: NDArray[Any]) -> pa.Array:
    """A column of the context; a tensor is a list of its numbers, row by row."""
    if column.ndim == 1:
        return pa.array(column)
    flat = pa.array(np.ascontiguousarray(column).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, int(np.prod(column.shape[1:])))
