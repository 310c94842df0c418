"""Rollouts of a deployment: an environment is played, and the log gets what production would have written.

Question answered: who decides, with which spec and model, on how many processes, and what came of it? A rollout is cut into
parts of a few episodes; each is played by a pure function, so results and events do not depend on where that ran.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
import pyarrow.parquet as pq

from policyloop.core import model_file, plugins
from policyloop.core.errors import BadSetting, UnknownLoop, UnknownName
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, short
from policyloop.core.spec_file import read_spec
from policyloop.log.writer import LogWriter
from policyloop.run.apply import apply_spec
from policyloop.run.deployment import Deployment
from policyloop.run.edges.download import fetch, model_url
from policyloop.simulate.environment import Environment, actor_of, open_environment
from policyloop.simulate.history import play as play_history
from policyloop.simulate.remote import TIMEOUT_S, check_listens, server_and_loop
from policyloop.simulate.rollout import Part, Played, check_fits, play, played_of, with_fraction

RUNNERS = "policyloop.run.runners"
CHAMPION = "champion"
EPISODES_OF_A_PART = 8
_MAX_EPISODES = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is played."""

    environment: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    policy: str  # a model, `champion`, `baseline`, an actor of the environment's own, or a server's address
    n_episodes: int
    seed: int
    loop: str | None = None  # None: the one that the environment makes
    random_fraction: float | None = None  # [0, 1]
    n_workers: int = 1
    runner: str = "local"

    def __post_init__(self) -> None:
        if not 1 <= self.n_episodes <= _MAX_EPISODES:
            raise BadSetting(f"--episodes is {self.n_episodes}; expected 1 to {_MAX_EPISODES:,}.")
        if self.random_fraction is not None and not 0.0 <= self.random_fraction <= 1.0:
            raise BadSetting(f"--random-fraction is {self.random_fraction}; expected a share from 0 to 1.")
        if self.n_workers < 1:
            raise BadSetting(f"--workers is {self.n_workers}; expected 1 or more.")

    @property
    def is_remote(self) -> bool:
        """Whether a server decides, and writes the log itself."""
        return self.policy.startswith(("http://", "https://"))


@dataclass(frozen=True, slots=True, kw_only=True)
class BySource:
    """What one source of actions did."""

    n_steps: int
    mean_reward: float  # of a step


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledOut:
    """What came of it."""

    environment: str
    loop: str
    policy: str  # a model's digest, or the name that was given
    run: str  # before the ids of its episodes
    seed: int
    n_episodes: int
    n_steps: int
    mean_return: float
    return_stderr: float
    mean_steps: float
    share_full_length: float
    n_terminated: int
    n_truncated: int
    n_events: int  # written to the log by this process; 0 where a server wrote them
    by_source: dict[str, BySource]


class Runner(Protocol):
    """Plays parts somewhere: a plug-in of run/runners."""

    def each(self, function: Callable[[Part], Played], parts: Sequence[Part], *, n_workers: int) -> Iterator[Played]:
        """What the function gives for each part, in order, as they get ready."""
        ...


def roll_out(deployment: Deployment | None, plan: Plan, *, on_episodes: Callable[[int], None] | None = None) -> RolledOut:
    """Play, and write the log.

    Args:
        deployment: where loop, model and log are; None where a server decides.
        on_episodes: told how many more episodes have been played.

    Raises:
        Invalid: the loop is about something else than the environment.
        UnknownName: no policy of that name.
        LogUnavailable: the log cannot be written.
        NoModel: a server is to decide, and does not tell the limits of its loop.
        NothingToDo: a server is to decide, and is away or refuses what is asked.
        EnvironmentFailed: an environment of somebody else's raised, or answered something else than it should.
    """
    environment = open_environment(plan.environment, plan.settings)
    parts = parts_of(environment, plan, deployment)
    runner: Runner = plugins.load(RUNNERS, plan.runner).create()
    played: list[Played] = []
    writer = None if deployment is None or plan.is_remote else LogWriter(deployment.home.log, clock=deployment.clock)
    n_events = 0
    try:
        for one in runner.each(play, parts, n_workers=plan.n_workers):
            if writer is not None and one.records:
                n_events += len(one.records)
                writer.wait([writer.append(record) for record in one.records][-1])
                one.records.clear()
            played.append(one)
            if on_episodes is not None:
                on_episodes(len(one.returns))
    finally:
        if writer is not None:
            writer.close()
    return _summary(environment, parts[0], plan, played, n_events)


def write_history(plan: Plan, file: Path, *, on_episodes: Callable[[int], None] | None = None) -> RolledOut:
    """Play an actor of the environment's own, thousands of episodes side by side, and write a table instead of a log.

    Args:
        file: Parquet, as `policyloop import history` reads it.
        on_episodes: told how many more episodes have been played.

    Raises:
        UnknownName: the environment brings no policy of that name.
    """
    environment = open_environment(plan.environment, plan.settings)
    actor = with_fraction(actor_of(environment, plan.policy), environment, plan.random_fraction)
    history = play_history(environment, actor, n_episodes=plan.n_episodes, seed=plan.seed, on_step=on_episodes)
    run = _run_name(plan, plan.policy)
    try:
        pq.write_table(history.to_table(prefix=run), file)
    except OSError as error:
        raise BadSetting(f"--table is {file}, which cannot be written: {error.strerror or error}.") from None
    loop = str(environment.problem.loop_file()["loop"])
    part = Part(environment=plan.environment, loop=loop, run=run, first=0, n=0, seed=plan.seed, actor=plan.policy)
    return _summary(environment, part, plan, [played_of(history)], 0)


def loop_for(deployment: Deployment, environment: Environment, name: str | None) -> tuple[LoopSpec, bool]:
    """The loop's spec, and whether it was made just now because the environment's own loop was not there.

    Raises:
        UnknownLoop: a loop was named that is not there.
        Invalid: it is about something else.
    """
    standings = deployment.registry.standings()
    own = environment.problem.loop_file()
    wanted = name or str(own["loop"])
    if wanted in standings:
        spec = deployment.registry.standing(wanted).spec
        check_fits(spec, environment)
        return spec, False
    if name is not None and name != own["loop"]:
        raise UnknownLoop(
            name,
            standings,
            help=f"Without --loop the environment's own, '{own['loop']}', is made. For one named '{name}' put its loop file, "
            f"{name}.yaml, into this folder: it is applied then.",
        )
    spec = read_spec(own)
    apply_spec(deployment, spec)
    return spec, True


def parts_of(environment: Environment, plan: Plan, deployment: Deployment | None) -> list[Part]:
    """The parts of a rollout, in order."""
    common: dict[str, Any] = {
        "environment": plan.environment,
        "settings": dict(plan.settings),
        "seed": plan.seed,
        "random_fraction": plan.random_fraction,
    }
    if plan.is_remote:
        server, named = server_and_loop(plan.policy)
        check_listens(server)
        loop = plan.loop or named or str(environment.problem.loop_file()["loop"])
        is_drawn_here = bool(plan.random_fraction and environment.problem.actions.box)
        file = _limits_of(server, loop) if is_drawn_here else b""
        common |= {"url": server, "loop": loop, "file": file, "run": _run_name(plan, "remote")}
    else:
        assert deployment is not None, "only a server decides without a deployment"
        spec, _ = loop_for(deployment, environment, plan.loop)
        decides = _decides(deployment, environment, spec, plan.policy)
        name = decides.pop("name")
        common |= {**decides, "loop": spec.loop, "salt": deployment.registry.salt, "run": _run_name(plan, short(name))}
    return [
        Part(**common, first=first, n=min(EPISODES_OF_A_PART, plan.n_episodes - first))
        for first in range(0, plan.n_episodes, EPISODES_OF_A_PART)
    ]


def _limits_of(server: str, loop: str) -> bytes:
    """The spec that holds in a server's loop, as a model file without a model: random steps keep its limits, too.

    Raises:
        NoModel: the server is away, or has no such loop.
    """
    fetched = fetch(model_url(f"{server}/v1/loops/{quote(loop, safe='')}/models/latest"), None, timeout_s=TIMEOUT_S)
    assert fetched is not None, "only who has it already is told that it is the same"
    return model_file.pack(fetched.file.spec)


def _decides(deployment: Deployment, environment: Environment, spec: LoopSpec, policy: str) -> dict[str, Any]:
    """Who decides, by the name that a person gives."""
    if policy == BASELINE:
        return {"name": BASELINE, "file": model_file.pack(spec)}
    if policy in environment.actors:
        return {"name": policy, "file": model_file.pack(spec), "actor": policy}
    registry = deployment.registry
    champion = registry.standing(spec.loop).champion if policy == CHAMPION else None
    if policy == CHAMPION and champion is None:
        return {"name": BASELINE, "file": model_file.pack(spec)}
    known = [row.model for row in registry.models(spec.loop)]
    found = [model for model in known if model.startswith(champion or policy)]
    if len(found) != 1:
        raise UnknownName("policy", policy, [CHAMPION, BASELINE, *environment.actors, *map(short, known)])
    stored = registry.load(spec.loop, found[0])
    packed = model_file.pack(spec, model=found[0], manifest=stored.body, tensors=stored.tensors)
    return {"name": found[0], "file": packed}


def _run_name(plan: Plan, policy: str) -> str:
    """The same for the same rollout, so that what is played again counts once."""
    share = "" if plan.random_fraction is None else f"-f{plan.random_fraction:g}"
    return f"{plan.environment}-{policy}{share}-s{plan.seed}"


def _summary(environment: Environment, part: Part, plan: Plan, played: Sequence[Played], n_events: int) -> RolledOut:
    """Everything in numbers."""
    returns = np.array([value for one in played for value in one.returns])
    lengths = np.array([value for one in played for value in one.lengths])
    n_terminated = sum(one.n_terminated for one in played)
    steps: Counter[str] = Counter()
    rewards: Counter[str] = Counter()
    for one in played:
        steps.update(one.n_steps)
        rewards.update(one.rewards)
    e = len(returns)
    return RolledOut(
        environment=plan.environment,
        loop=part.loop,
        policy=plan.policy if part.actor or part.url else model_file.unpack(part.file).model or BASELINE,
        run=part.run,
        seed=plan.seed,
        n_episodes=e,
        n_steps=int(lengths.sum()),
        mean_return=float(returns.mean()),
        return_stderr=float(returns.std(ddof=1) / e**0.5) if e > 1 else 0.0,
        mean_steps=float(lengths.mean()),
        share_full_length=float((lengths >= environment.problem.max_steps).mean()),
        n_terminated=n_terminated,
        n_truncated=e - n_terminated,
        n_events=n_events,
        by_source={source: BySource(n_steps=n, mean_reward=rewards[source] / n) for source, n in sorted(steps.items())},
    )
