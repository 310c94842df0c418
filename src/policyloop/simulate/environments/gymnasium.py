"""Any environment of Gymnasium, by its id: `policyloop rollout gymnasium --set id=CartPole-v1`.

Question answered: how does the loop do in an environment that others know?
Observations that are boxes become numbers `o0`, `o1`, ... or, with more dimensions, one tensor; discrete ones a category.
Actions are labels or a box with bounds. It brings along: `random`.
Letters: n episodes, d numbers of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting, EnvironmentFailed
from policyloop.core.loop import ActionSpec, BoxPart
from policyloop.core.named_callable import with_line
from policyloop.simulate.actor import Actor, Uniform
from policyloop.simulate.environment import Columns, Moved, Problem, named_columns

_NO_LIMIT = 1000  # steps of an episode whose id sets no limit


def create(
    *,
    id: str,
    settings: Mapping[str, Any] | None = None,
    max_steps: int | None = None,
    discount: float = 0.99,
    least: float = -1000.0,
    most: float = 1000.0,
) -> Gymnasium:
    """The environment.

    Args:
        id: as Gymnasium registers it.
        settings: what else `gymnasium.make` is told.
        max_steps: an episode is truncated there; None: the id's own limit.
        discount: [0, 1]
        least, most: bounds of what one step earns.
    """
    try:
        probe = gymnasium.make(id, **dict(settings or {}))
    except gymnasium.error.Error as error:
        raise BadSetting(f"Gymnasium does not make '{id}': {error}") from error
    own = probe.spec.max_episode_steps if probe.spec is not None else None
    limit = max_steps or own or _NO_LIMIT
    problem = Problem(
        name=id.replace("/", "-").lower(),
        context=_context(probe.observation_space),
        actions=_actions(probe.action_space),
        outcomes={"earned": {"type": "number", "min": least, "max": most, "take": "last"}},
        expression="earned",
        reward_range=(least, most),
        max_steps=limit,
        discount=discount,
    )
    made = Gymnasium(id, dict(settings or {}), probe.observation_space, probe.action_space, problem)
    probe.close()
    return made


class Gymnasium:
    """See the module."""

    def __init__(
        self, id: str, settings: Mapping[str, Any], seen: spaces.Space[Any], done: spaces.Space[Any], problem: Problem
    ) -> None:
        self.id, self.settings, self.seen, self.done, self.problem = id, settings, seen, done, problem
        self.actors: Mapping[str, Actor] = {"random": Uniform(problem.actions)}

    def start(self, n: int, *, rng: np.random.Generator) -> Gymnasiums:
        """See `Environment`."""
        return Gymnasiums(self, n, rng=rng)

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        names = tuple(self.problem.context)
        if isinstance(self.seen, spaces.Discrete):
            return {names[0]: state.argmax(axis=1).astype(np.str_)}
        return named_columns(names, state) if state.ndim == 2 else {names[0]: state}


class Gymnasiums:
    """n of them under way, each an object of its own."""

    def __init__(self, environment: Gymnasium, n: int, *, rng: np.random.Generator) -> None:
        self._environment, self._rng = environment, rng
        self._made = [gymnasium.make(environment.id, **environment.settings) for _ in range(n)]
        self._seen = [self._begun(one) for one in self._made]
        self._steps = np.zeros(n, dtype=np.int64)

    @property
    def state(self) -> NDArray[Any]:
        """See `Episodes`."""
        if not self._seen:
            return np.zeros((0, 1), dtype=np.float32)
        stacked: NDArray[Any] = np.stack(self._seen)
        return stacked

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        done = self._environment.done
        told = []
        for one, chosen in zip(self._made, action, strict=True):
            asked = int(chosen) + int(done.start) if isinstance(done, spaces.Discrete) else _shaped(chosen, done)
            try:
                told.append(one.step(asked))
            except Exception as error:  # whatever an environment of somebody else's raises is told as theirs
                row = len(told)
                raise EnvironmentFailed(
                    f"step {self._steps[row]}: environment '{self._environment.id}' raised {with_line(error)} in `step`, "
                    f"given {asked!r}. Mend it, or play another.",
                    row=row,
                ) from error
        self._seen = [self._state_of(seen) for seen, *_ in told]
        self._steps = self._steps + 1
        earned = np.array([float(reward) for _, reward, *_ in told])
        terminated = np.array([bool(over) for _, _, over, *_ in told], dtype=np.bool_)
        stopped = np.array([bool(cut) for _, _, _, cut, *_ in told], dtype=np.bool_)
        truncated = ~terminated & (stopped | (self._steps >= self._environment.problem.max_steps))
        return Moved(reward=earned, terminated=terminated, truncated=truncated, outcomes={"earned": earned})

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        for one, is_kept in zip(self._made, rows, strict=True):
            if not is_kept:
                one.close()
        self._made = [one for one, is_kept in zip(self._made, rows, strict=True) if is_kept]
        self._seen = [seen for seen, is_kept in zip(self._seen, rows, strict=True) if is_kept]
        self._steps = self._steps[rows]

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        each = zip(self._made, self._seen, rows, strict=True)
        self._seen = [self._begun(one) if is_new else seen for one, seen, is_new in each]
        self._steps = np.where(rows, 0, self._steps)

    def _begun(self, one: gymnasium.Env[Any, Any]) -> NDArray[Any]:
        seen, _ = one.reset(seed=int(self._rng.integers(2**31)))
        return self._state_of(seen)

    def _state_of(self, seen: Any) -> NDArray[Any]:
        space = self._environment.seen
        if isinstance(space, spaces.Discrete):
            places: NDArray[Any] = np.eye(int(space.n), dtype=np.float32)
            one_hot: NDArray[Any] = places[int(seen) - int(space.start)]
            return one_hot
        state: NDArray[Any] = np.asarray(seen)
        flat: NDArray[Any] = state.reshape(-1) if state.ndim < 2 else state
        return flat


def _context(space: spaces.Space[Any]) -> dict[str, Any]:
    """The fields of what is seen."""
    if isinstance(space, spaces.Discrete):
        return {"seen": {"type": "category", "values": [str(i) for i in range(int(space.n))]}}
    if not isinstance(space, spaces.Box):
        raise BadSetting(f"its observations are {space}; expected a Box or Discrete: wrap it so that they are.")
    if len(space.shape) < 2:
        return {f"o{i}": "number" for i in range(max(1, *space.shape) if space.shape else 1)}
    dtype = "uint8" if space.dtype == np.uint8 else "float32"
    return {"seen": {"type": "tensor", "shape": list(space.shape), "dtype": dtype}}


def _actions(space: spaces.Space[Any]) -> ActionSpec:
    """Labels, or numbers with bounds."""
    if isinstance(space, spaces.Discrete):
        return ActionSpec(kind="discrete", labels=tuple(str(i) for i in range(int(space.n))))
    if not isinstance(space, spaces.Box) or not space.is_bounded():
        raise BadSetting(f"its actions are {space}; expected Discrete, or a Box with bounds: wrap it so that they are.")
    bounds = zip(space.low.reshape(-1), space.high.reshape(-1), strict=True)
    return ActionSpec(
        kind="continuous", box=tuple(BoxPart(name=f"a{i}", low=float(b), high=float(t)) for i, (b, t) in enumerate(bounds))
    )


def _shaped(action: NDArray[Any], space: spaces.Space[Any]) -> NDArray[Any]:
    """The numbers as Gymnasium wants them."""
    return np.asarray(action, dtype=space.dtype).reshape(space.shape)
