"""A rollout: episodes of an environment, decided by somebody, with the events that production would have written.

Question answered: what does this policy earn here, and what would the log say? `play` is a pure function of a part that
says everything, so parts go to other processes or machines, and how many of those there are changes nothing.
Letters: n episodes of a part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core import model_file
from policyloop.core.clock import SystemClock
from policyloop.core.errors import EnvironmentFailed, Fault, Invalid
from policyloop.core.event import Logged
from policyloop.core.loop import ActionSpec, LoopSpec
from policyloop.core.model_file import ModelFile
from policyloop.ingest.checks import checks_of
from policyloop.policy import scored
from policyloop.serve.decider import Decider
from policyloop.serve.live import Live, live_of
from policyloop.simulate.actor import RANDOM, Actor, Sometimes, Uniform
from policyloop.simulate.drivers import Deciding, Driver, Moment, Report, Tracking, Turn
from policyloop.simulate.environment import Environment, Moved, actor_of, contexts_of, open_environment
from policyloop.simulate.history import History
from policyloop.simulate.remote import Remote

NO_TIME_LIMIT_S = 60.0  # what a model may take for a decision: nobody waits, and a busy machine must not change what is played


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """So many episodes of a rollout, and all that playing them needs."""

    environment: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    loop: str
    run: str  # before the ids of its episodes
    first: int  # number of the first episode
    n: int
    seed: int
    random_fraction: float | None = None  # None: what the loop's own explorer does; an actor or a server: none
    # a model file: the loop's spec, and the model where one decides; against a server the spec alone, or empty where no
    # numbers are drawn here
    file: bytes = b""
    salt: bytes = b""  # the deployment's key of the draw
    actor: str | None = None  # of the environment's own; None: the file decides
    url: str | None = None  # a server decides


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """What came of a part."""

    records: list[Logged]  # in order; none of what a server wrote
    returns: list[float]  # per episode
    lengths: list[int]
    n_terminated: int
    n_steps: Mapping[str, int]  # by action source
    rewards: Mapping[str, float]  # by action source, the sum


def play(part: Part) -> Played:
    """Play the episodes of a part to their ends.

    Raises:
        Invalid: the loop is about something else than the environment.
        EnvironmentFailed: an environment of somebody else's raised, or answered something else than it should.
        NothingToDo: the server that is to decide is away, or refuses what is asked.
    """
    environment = open_environment(part.environment, part.settings)
    rng = np.random.default_rng([part.seed, part.first])
    records: list[Logged] = []
    if part.url is not None:
        actions, fraction = environment.problem.actions, part.random_fraction or 0.0
        spec = model_file.unpack(part.file).spec if part.file else None
        if spec is not None:
            check_fits(spec, environment)
        remote = Remote(part.url, part.loop, actions, spec=spec, random_fraction=fraction, rng=rng)
        try:
            return _Table(environment, remote, part, rng, spec).played(records)
        finally:
            remote.close()
    file = model_file.unpack(part.file)
    return _Table(environment, _driver(environment, part, file, records, rng), part, rng, file.spec).played(records)


class _Table:
    """Episodes of one part while they are played. Without the loop's spec every outcome is reported."""

    def __init__(
        self, environment: Environment, driver: Driver, part: Part, rng: np.random.Generator, spec: LoopSpec | None
    ) -> None:
        self._environment, self._driver = environment, driver
        self._reported = frozenset(environment.problem.outcomes if spec is None else spec.outcomes)
        self._episodes = environment.start(part.n, rng=rng)
        self._names = [f"{part.run}-{part.first + i}" for i in range(part.n)]
        self._place = np.arange(part.n)
        self._returns, self._lengths = np.zeros(part.n), np.zeros(part.n, dtype=np.int64)
        self._n_terminated = 0
        self._n_steps: Counter[str] = Counter()
        self._rewards: Counter[str] = Counter()

    def played(self, records: list[Logged]) -> Played:
        """Play on until the last episode has ended."""
        step, is_box = 0, bool(self._environment.problem.actions.box)
        while len(self._place):
            moment = self._moment(step)
            turns = self._driver.act(moment)
            action = np.array([turn.action for turn in turns], dtype=np.float64 if is_box else np.int64)
            moved = self._moved(action)
            self._driver.hear(self._reports(turns, moved))
            self._count(turns, moved)
            step += 1
        return Played(
            records=records,
            returns=self._returns.tolist(),
            lengths=self._lengths.tolist(),
            n_terminated=self._n_terminated,
            n_steps=dict(self._n_steps),
            rewards=dict(self._rewards),
        )

    def _moved(self, action: NDArray[Any]) -> Moved:
        try:
            return self._episodes.step(action)
        except EnvironmentFailed as error:
            name = self._names[self._place[error.row]]
            raise EnvironmentFailed(f"episode '{name}', {error.message}", row=error.row) from error

    def _moment(self, step: int) -> Moment:
        state = self._episodes.state
        contexts = contexts_of(self._environment.columns(state))
        return Moment(state=state, contexts=contexts, episodes=[self._names[place] for place in self._place], step=step)

    def _reports(self, turns: Sequence[Turn], moved: Moved) -> list[Report]:
        """Outcomes of a step, and ends with the context that each ended in; nothing where there is nothing to tell."""
        is_over = moved.terminated | moved.truncated
        ended = np.flatnonzero(is_over).tolist()
        last = dict(zip(ended, contexts_of(self._environment.columns(self._episodes.state[is_over])), strict=True))
        seen = {name: values.tolist() for name, values in moved.outcomes.items() if name in self._reported}
        return [
            Report(
                decision_id=turn.decision_id,
                outcome_id=f"{turn.decision_id}-seen",
                final=True,
                outcomes={name: values[row] for name, values in seen.items()},
                terminated=True if moved.terminated[row] else None,
                truncated=True if moved.truncated[row] else None,
                next_context=last.get(row),
            )
            for row, turn in enumerate(turns)
            if seen or row in last
        ]

    def _count(self, turns: Sequence[Turn], moved: Moved) -> None:
        self._returns[self._place] += moved.reward
        self._lengths[self._place] += 1
        for turn, reward in zip(turns, moved.reward.tolist(), strict=True):
            self._n_steps[turn.source] += 1
            self._rewards[turn.source] += reward
        self._n_terminated += int(moved.terminated.sum())
        goes_on: NDArray[np.bool_] = ~(moved.terminated | moved.truncated)
        if not goes_on.all():
            self._episodes.keep(goes_on)
            self._place = self._place[goes_on]


def played_of(history: History) -> Played:
    """What came of a history, counted as a part is."""
    spoken = {RANDOM: history.is_random, history.other_source: ~history.is_random}
    return Played(
        records=[],
        returns=history.returns.tolist(),
        lengths=history.lengths.tolist(),
        n_terminated=int(history.terminated.sum()),
        n_steps={source: int(rows.sum()) for source, rows in spoken.items() if rows.any()},
        rewards={source: float(history.reward[rows].sum()) for source, rows in spoken.items() if rows.any()},
    )


def check_fits(spec: LoopSpec, environment: Environment) -> None:
    """Hold a loop against an environment.

    Raises:
        Invalid: the loop's context, actions or outcomes are not those of the environment.
    """
    problem = environment.problem
    faults = []
    if set(spec.context) != set(problem.context):
        told = f"of loop '{spec.loop}' are {_listed(spec.context)}; those of environment '{problem.name}' are"
        faults.append(Fault("$.context", f"{told} {_listed(problem.context)}. Expected the same fields."))
    if (spec.labels, spec.actions.box) != (problem.actions.labels, problem.actions.box):
        told = f"of loop '{spec.loop}' are {_actions_told(spec.actions)}; those of environment '{problem.name}' are"
        faults.append(
            Fault("$.actions", f"{told} {_actions_told(problem.actions)}. Expected the same, by name, bounds and order.")
        )
    if spec.outcomes:  # without any, its reward is made of contexts and actions alone
        faults += [
            Fault(
                f"$.outcomes.{name}",
                f"of environment '{problem.name}' is not declared by loop '{spec.loop}'. Add under `outcomes:` "
                f"{name}: {_declaration(problem.outcomes[name])}",
            )
            for name in sorted(set(problem.outcomes) - set(spec.outcomes))
        ]
    if faults:
        raise Invalid(faults, subject="the loop")


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


def _actions_told(actions: ActionSpec) -> str:
    return _listed([*actions.labels, *(f"{part.name} from {part.low:g} to {part.high:g}" for part in actions.box)])


def _declaration(outcome: Any) -> str:
    """As a line of a loop file."""
    if not isinstance(outcome, Mapping):
        return str(outcome)
    return "{" + ", ".join(f"{key}: {value}" for key, value in outcome.items()) + "}"


def with_fraction(actor: Actor, environment: Environment, fraction: float | None) -> Actor:
    """The actor, with a share of random steps beside its own."""
    return Sometimes(Uniform(environment.problem.actions), actor, fraction=fraction) if fraction else actor


def _driver(environment: Environment, part: Part, file: ModelFile, records: list[Logged], rng: np.random.Generator) -> Driver:
    """Who decides, in this process."""
    clock = SystemClock()
    check_fits(file.spec, environment)
    if part.actor is not None:
        actor = with_fraction(actor_of(environment, part.actor), environment, part.random_fraction)
        checks = checks_of(file.spec, salt=part.salt)
        return Tracking(actor, checks, name=part.actor, append=records.append, clock=clock, rng=rng)

    def append(record: Logged) -> int:
        records.append(record)
        return len(records)

    return Deciding(Decider(_live(file, part), clock=clock, append=append), append=append, clock=clock)


def _live(file: ModelFile, part: Part) -> Live:
    """The model, or the baseline, with the share of random steps as its floor."""
    spec, floor = file.spec, part.random_fraction
    if floor is not None:
        spec = replace(spec, explore=replace(spec.explore, floor=floor))
    if file.manifest is None or file.model is None:
        return live_of(spec, salt=part.salt, budget_s=NO_TIME_LIMIT_S)
    policy = scored.load(file.manifest, file.tensors)
    served = policy if floor is None else policy.with_floor(floor)
    return live_of(spec, salt=part.salt, policy=served, name=file.model, budget_s=NO_TIME_LIMIT_S)
