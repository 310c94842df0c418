"""Any Python callable: one function of yours is an environment.

Question answered: does the loop learn in a process that I can write down as one function?

    def step(context, action, rng):
        if context is None:
            return {"temperature": rng.uniform(15, 25)}         # where an episode begins
        ...
        return {"temperature": t}, -abs(t - 21), False          # next context, what was earned, whether it terminated

`action` is the label, or the numbers by name. `rng` is a NumPy Generator. A field of the context is declared by its first
value (number, boolean); text needs a declaration of its own. It brings along: `random`.
Letters: n episodes, d numbers of a state.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting, EnvironmentFailed, Fault, Invalid
from policyloop.core.loop import ActionSpec, BoxPart, Field
from policyloop.core.named_callable import callable_of, with_line
from policyloop.core.spec_context import read_context
from policyloop.core.state import StateEncoder
from policyloop.simulate.actor import Actor, Uniform
from policyloop.simulate.environment import Columns, Moved, Problem

Context = Mapping[str, Any]
Function = Callable[..., Any]


def create(
    *,
    function: str,
    actions: Sequence[str] | Mapping[str, Sequence[float]],
    context: Mapping[str, Any] | None = None,
    max_steps: int = 1000,
    discount: float = 0.99,
    least: float = -1000.0,
    most: float = 1000.0,
) -> Called:
    """The environment.

    Args:
        function: MODULE:FUNCTION.
        actions: labels, such as `[left, right]`, or numbers with their bounds, such as `{force: [-1, 1]}`.
        context: its fields, as a loop file declares them; None: told by the first context.
        max_steps: an episode is truncated there.
        discount: [0, 1]
        least, most: bounds of what one step earns.
    """
    step = callable_of(function)
    declared = dict(context) if context is not None else _declared(_answer(step, function, np.random.default_rng(0)), function)
    faults: list[Fault] = []
    fields = read_context(declared, "context", faults)
    if faults:
        raise Invalid(faults, subject="the environment")
    return Called(
        step,
        function,
        fields,
        Problem(
            name=function.replace(":", "-").replace(".", "-").replace("_", "-").lower(),
            context=declared,
            actions=_actions(actions),
            outcomes={"earned": {"type": "number", "min": least, "max": most, "take": "last"}},
            expression="earned",
            reward_range=(least, most),
            max_steps=max_steps,
            discount=discount,
        ),
    )


class Called:
    """See the module."""

    def __init__(self, function: Function, name: str, fields: Mapping[str, Field], problem: Problem) -> None:
        self.function, self.name, self.problem = function, name, problem
        self.encoder = StateEncoder.of(fields.values())
        self._fields = fields
        self.actors: Mapping[str, Actor] = {"random": Uniform(problem.actions)}

    def start(self, n: int, *, rng: np.random.Generator) -> Calls:
        """See `Environment`."""
        return Calls(self, n, rng=rng)

    def first(self, rng: np.random.Generator) -> Context:
        """Where an episode begins."""
        context = _answer(self.function, self.name, rng)
        wrong = self.unfit(context)
        if wrong:
            raise EnvironmentFailed(f"'{self.name}' begins with {context!r}, {wrong}")
        return context

    def unfit(self, context: Context) -> str:
        """What is wrong with a context that the function answered; empty where nothing is."""
        names = list(self._fields)
        lacking = [field.name for field in self._fields.values() if context.get(field.name) is None and not field.optional]
        if lacking:
            return f"which has no {' and no '.join(map(repr, lacking))}; expected {', '.join(names)} in every context."
        try:
            is_finite = bool(np.isfinite(self.encoder.encode(context)).all())
        except (TypeError, ValueError, AssertionError, LookupError) as error:
            return f"which is no context of the fields {', '.join(names)} ({error}); expected values as they are declared."
        return "" if is_finite else "which is not all finite; expected finite numbers, within float32."

    def columns(self, state: NDArray[Any]) -> Columns:
        """See `Environment`."""
        if self.encoder.is_tensor:
            return {next(iter(self._fields)): state}
        columns: dict[str, NDArray[Any]] = {}
        at = 0
        for name, field in self._fields.items():
            width = len(field.values) if field.values else math.prod(field.shape or (1,))
            block = state[:, at : at + width]
            if field.values:
                columns[name] = np.array(field.values)[block.argmax(axis=1)]
            elif field.shape:
                columns[name] = block.reshape(-1, *field.shape)
            else:
                columns[name] = block[:, 0].astype(_KINDS.get(field.type, np.float64))
            at += width
        return columns


class Calls:
    """n episodes of it under way, one after the other."""

    def __init__(self, called: Called, n: int, *, rng: np.random.Generator) -> None:
        self._called, self._rng = called, rng
        self._contexts: list[Context] = [called.first(rng) for _ in range(n)]
        self._steps = np.zeros(n, dtype=np.int64)

    @property
    def state(self) -> NDArray[Any]:
        """See `Episodes`."""
        return self._called.encoder.encode_many(self._contexts)

    def step(self, action: NDArray[Any]) -> Moved:
        """See `Episodes`."""
        spec = self._called.problem.actions
        told = [self._one(row, _told(spec, one)) for row, one in enumerate(action)]
        self._contexts = [context for context, _, _ in told]
        earned = np.array([value for _, value, _ in told], dtype=np.float64)
        terminated = np.array([is_over for _, _, is_over in told], dtype=np.bool_)
        self._steps = self._steps + 1
        truncated = ~terminated & (self._steps >= self._called.problem.max_steps)
        return Moved(reward=earned, terminated=terminated, truncated=truncated, outcomes={"earned": earned})

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        self._contexts = [context for context, is_kept in zip(self._contexts, rows, strict=True) if is_kept]
        self._steps = self._steps[rows]

    def restart(self, rows: NDArray[np.bool_]) -> None:
        """See `Episodes`."""
        begun = zip(self._contexts, rows, strict=True)
        self._contexts = [self._called.first(self._rng) if is_new else context for context, is_new in begun]
        self._steps = np.where(rows, 0, self._steps)

    def _one(self, row: int, action: Any) -> tuple[Context, float, bool]:
        """One call, with what it answers held against what it should."""
        context, called = self._contexts[row], self._called
        try:
            answer = called.function(context, action, self._rng)
        except Exception as error:  # whatever a function of somebody else's raises is told as theirs
            raise self._failed(row, action, f"raised {with_line(error)}; expected {_EXPECTED}.") from error
        if not (isinstance(answer, tuple) and len(answer) == 3 and isinstance(answer[0], Mapping)):
            raise self._failed(row, action, f"answered {answer!r}; expected {_EXPECTED}.")
        following, earned, is_over = answer
        wrong = called.unfit(following)
        if wrong:
            raise self._failed(row, action, f"answered {following!r}, {wrong}")
        if not isinstance(earned, Real) or not math.isfinite(earned):
            raise self._failed(row, action, f"says that {earned!r} was earned; expected a finite number.")
        return following, float(earned), bool(is_over)

    def _failed(self, row: int, action: Any, what: str) -> EnvironmentFailed:
        """With what it was called with, so that one call shows it again."""
        call = f"it was called with {dict(self._contexts[row])!r} and {action!r}"
        return EnvironmentFailed(f"step {self._steps[row]}: '{self._called.name}' {what} Mend the function: {call}.", row=row)


_EXPECTED = "(next context, what was earned, whether it terminated)"
_KINDS: Mapping[str, Any] = {"boolean": np.bool_, "integer": np.int64}


def _answer(function: Function, name: str, rng: np.random.Generator) -> Context:
    """What the function says where an episode begins."""
    try:
        context = function(None, None, rng)
    except Exception as error:  # whatever a function of somebody else's raises is told as theirs
        raise EnvironmentFailed(
            f"'{name}' raised {with_line(error)} where an episode begins; expected the first context, by field, to a context "
            f"of None. Mend the function: it was called with None and None."
        ) from error
    if not isinstance(context, Mapping):
        raise EnvironmentFailed(f"'{name}' answered {context!r} to a context of None; expected the first context, by field.")
    return context


def _declared(context: Context, function: str) -> dict[str, Any]:
    """Fields by their first values."""
    declared: dict[str, Any] = {}
    for name, value in context.items():
        if isinstance(value, bool | np.bool_):
            declared[name] = "boolean"
        elif isinstance(value, Real):
            declared[name] = "number"
        else:
            raise BadSetting(
                f"'{function}' begins with {name} = {value!r}; expected a number or a boolean, or `context`, which declares it."
            )
    return declared


def _actions(actions: Sequence[str] | Mapping[str, Sequence[float]]) -> ActionSpec:
    """Labels, or numbers with their bounds."""
    if isinstance(actions, Mapping):
        if not actions or any(len(bounds) != 2 or not bounds[0] < bounds[1] for bounds in actions.values()):
            raise BadSetting(f"actions is {dict(actions)}; expected bounds for every number, such as {{force: [-1, 1]}}.")
        return ActionSpec(
            kind="continuous",
            box=tuple(BoxPart(name=name, low=float(low), high=float(high)) for name, (low, high) in actions.items()),
        )
    if isinstance(actions, str) or len(actions) < 2:
        raise BadSetting(f"actions is {actions!r}; expected two labels or more, such as [left, right].")
    return ActionSpec(kind="discrete", labels=tuple(str(label) for label in actions))


def _told(spec: ActionSpec, action: Any) -> Any:
    """The action as the function is told it."""
    if spec.labels:
        return spec.labels[int(action)]
    return {part.name: float(value) for part, value in zip(spec.box, action, strict=True)}
