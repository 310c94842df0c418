"""The cart-pole demo: from what a clumsy controller logged to a better one that decides, without trying anything in between.

Question answered: does the whole road work, and what does it bring? History, import, query, training, an offline choice, ONNX,
serving, a challenge that is proven by whole episodes, and the comparison. Nothing that learns or chooses sees the simulator;
only the episodes that are played over HTTP at the end do.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from policyloop.core.errors import NothingToDo
from policyloop.core.model import short
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.core.spec_template import template_of
from policyloop.gate.ramp import SERVED, State
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.reading import Reading
from policyloop.learn.offline import length_of
from policyloop.policy.predicted_states import network_of
from policyloop.run.apply import apply_spec
from policyloop.run.by_hand import join_by_hand, train_by_hand
from policyloop.run.challenges.gate_state import gate_state
from policyloop.run.demo.deployment import SETTINGS, DemoFailed, running, write_project
from policyloop.run.demo.watched import Watch, watched
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.run.episodes import challenging, rollout, training_records
from policyloop.run.episodes.histories import bring_in
from policyloop.run.episodes.rollout import RolledOut, roll_out, write_history
from policyloop.run.episodes.tuning import tune_offline
from policyloop.run.model_out import write_model
from policyloop.run.questions.asking import ask
from policyloop.simulate.actor import certain_of
from policyloop.simulate.environment import Environment, actor_of, open_environment
from policyloop.simulate.film import shot_of, write_film
from policyloop.simulate.history import History
from policyloop.simulate.history import play as play_history

ENVIRONMENT = "cartpole"
QUERY = "SELECT action_source, count(*) AS steps, avg(reward) AS mean_reward FROM transitions GROUP BY action_source ORDER BY 1"
_EXPERTS = 100  # episodes
_CHOSEN = 20  # episodes over HTTP
_AT_ONCE = 8  # episodes that a challenge is played in, side by side, before anybody looks again
_MOST_PLAYED = 400  # episodes of a challenge
_PATIENCE_S = 10.0  # for the worker to take up what was played
_MOST_IDLE = 6  # looks in a row that find nothing new
_LOOK_EVERY_S = 0.2
_WORKERS = 1  # its threads keep a server of two processes busy
# The better half is proven sooner when it plays half of the episodes; a simulator does not mind.
_GATE = {"canary": 0.5, "ramp": 0.5}
_EXPLORE = {"name": "greedy", "floor": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long the demo is."""

    episodes: int = 2000  # of the history
    tune: int = 0  # further settings of the learner that are tried
    random_fraction: float = 0.25  # of the last rollout
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Episodes of one player."""

    n_episodes: int
    mean_return: float
    mean_steps: float
    share_full_length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the demo found."""

    players: Mapping[str, Player]  # `history`, `expert`, `chosen`, and `chosen_with_random`
    random_fraction: float  # of the steps of the last
    by_source: Mapping[str, rollout.BySource]  # of the last rollout: what the policy's own and the random steps brought
    loop: str
    model: str  # digest of the chosen
    choice: tuple[str, ...]  # why it was chosen, in sentences
    challenge: tuple[str, ...]  # its moves, in sentences
    n_queried: int  # rows of the first query
    seconds: float


def play(plan: Plan, folder: Path, *, watch: Watch) -> Comparison:
    """Play the demo in a folder; its deployment stays there to be looked at.

    Raises:
        DemoFailed: the processes did not start or end as they should, or the challenge was not won.
        NothingToDo: no checkpoint could be chosen.
    """
    began_s = time.monotonic()
    environment = open_environment(ENVIRONMENT)
    spec = write_project(folder, environment.problem.loop_file() | {"gate": _GATE, "explore": _EXPLORE}, settings=SETTINGS)
    players = {"history": _simulated(plan, folder, watch)}
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        apply_spec(deployment, spec)
        _imported(deployment, folder / "history.parquet", plan, watch)
        n_queried = _queried(deployment, watch)
        if plan.tune:
            _tuned(deployment, folder, spec.loop, plan, watch)
        model, choice = _trained(deployment, spec.loop, watch)
        _exported(deployment, spec.loop, model, folder, watch)
    with running(folder) as url:
        moves = _challenged(folder, spec.loop, model, url, plan, watch)
        players["expert"] = _expert(environment, plan, watch)
        chosen = _over_http(url, spec.loop, plan, watch, fraction=None)
        mixed = _over_http(url, spec.loop, plan, watch, fraction=plan.random_fraction)
    _filmed(environment, folder, spec.loop, model, plan, watch)
    players |= {"chosen": _player(chosen), "chosen_with_random": _player(mixed)}
    return Comparison(
        players=players,
        random_fraction=plan.random_fraction,
        by_source=mixed.by_source,
        loop=spec.loop,
        model=model,
        choice=choice,
        challenge=tuple(moves),
        n_queried=n_queried,
        seconds=time.monotonic() - began_s,
    )


def _simulated(plan: Plan, folder: Path, watch: Watch) -> Player:
    """The history: a regulator that does something random on every second step."""
    file = folder / "history.parquet"
    watch.stage(
        "Simulating the history",
        f"policyloop rollout {ENVIRONMENT} --policy history --episodes {plan.episodes} --table {file.name}",
        plan.episodes,
    )
    how = rollout.Plan(environment=ENVIRONMENT, policy="history", n_episodes=plan.episodes, seed=plan.seed)
    played = write_history(how, file, on_episodes=watch.advance)
    watch.say(f"{played.n_steps:,} steps, {played.share_full_length:.0%} of the episodes to the end.")
    return _player(played)


def _imported(deployment: Deployment, file: Path, plan: Plan, watch: Watch) -> None:
    (spec,) = (standing.spec for standing in deployment.registry.standings().values())
    watch.stage("Bringing it in", f"policyloop import history {file.name} --loop {spec.loop}", 3)
    prepared = prepare(file, spec, Reading())
    watch.advance(1)
    brought = bring_in(deployment, spec, prepared.history)
    watch.advance(1)
    join_by_hand(deployment, spec)
    watch.advance(1)
    watch.say(
        f"{brought.n_episodes:,} episodes, {brought.n_decisions:,} decisions; bringing them in again would change nothing."
    )


def _queried(deployment: Deployment, watch: Watch) -> int:
    watch.stage("Asking the tables", f'policyloop sql "{QUERY}"', 1)
    rows = [row for batch in ask(deployment, QUERY) for row in batch.to_pylist()]
    watch.advance(1)
    told = (f"{row['action_source']}: {row['steps']:,} steps, {row['mean_reward']:.2f} each" for row in rows)
    watch.say("; ".join(told) + ".")
    return len(rows)


def _tuned(deployment: Deployment, folder: Path, loop: str, plan: Plan, watch: Watch) -> None:
    """Try other settings, and make those hold that the history speaks for."""
    watch.stage("Trying other settings", f"policyloop tune {loop} --trials {plan.tune}", plan.tune + 1)
    found = tune_offline(deployment, loop, n_attempts=plan.tune, seed=plan.seed, on_attempt=lambda attempt: watch.advance(1))
    if found.winner is None or found.winner.number == 0:
        watch.say("None of them was better than the loop's own.")
        return
    learner = {"name": found.spec.learner.name, **found.winner.settings}
    spec = read_spec({**to_mapping(found.spec), "learner": learner})
    (folder / f"{loop}.yaml").write_text(template_of(spec), encoding="utf-8")
    apply_spec(deployment, spec)
    watch.say(f"attempt {found.winner.number} is taken: {dict(found.winner.settings)}.")


def _trained(deployment: Deployment, loop: str, watch: Watch) -> tuple[str, tuple[str, ...]]:
    """The model that was chosen, and why."""
    spec = deployment.registry.standing(loop).spec
    watch.stage("Learning, and choosing a checkpoint", f"policyloop train {loop}", length_of(spec).updates)
    trained = train_by_hand(deployment, spec, on_checkpoint=watched(watch))
    if trained is None:
        raise DemoFailed("another process holds the worker's lease; expected a folder that nobody else uses.")
    record = training_records.record_of(deployment.home, trained.model)
    sentences = tuple(record.choice["sentences"]) if record is not None else (trained.sentence,)
    watch.say(f"model {short(trained.model)} is OFFLINE-CHOSEN.")
    for sentence in sentences:
        watch.say(sentence)
    return trained.model, sentences


def _exported(deployment: Deployment, loop: str, model: str, folder: Path, watch: Watch) -> None:
    file = folder / f"{loop}.onnx"
    watch.stage("Exporting", f"policyloop export onnx {loop} {file.name} --model {short(model)}", 1)
    write_model(deployment, loop, file, file_format="onnx", name=model, is_stochastic=False)
    watch.advance(1)
    watch.say(f"{file.name}: {file.stat().st_size:,} bytes, with the scaling of the states in it.")


def _challenged(folder: Path, loop: str, model: str, url: str, plan: Plan, watch: Watch) -> list[str]:
    """Let the model challenge what decides now, and play episodes until it is proven; answers its moves.

    Raises:
        DemoFailed: it was not proven.
    """
    watch.stage("Proving it, episode by episode", f"policyloop challenge {loop} --model {short(model)}", _MOST_PLAYED)
    moves: list[str] = []
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        challenging.begin(deployment, loop, model, why="the demo asks for it")
        was, n_played, n_idle = _stand(deployment, loop), 0, 0
        while was.state != State.LIVE:
            if was.is_waiting:
                deployment.registry.challenges.approve(loop, why="the demo agrees: it is a simulator")
                moves.append(f"after {n_played} episodes a person agreed that it plays some itself")
            elif was.state in SERVED:
                _rolled(url, loop, _AT_ONCE, seed=plan.seed + 1000 + n_played)
                n_played += _AT_ONCE
                watch.advance(_AT_ONCE)
            now = _after_look(deployment, loop, was)
            if now.state != was.state:
                moves.append(f"after {n_played} episodes {was.state} -> {now.state}")
            n_idle = n_idle + 1 if now == was else 0
            is_over = now.state in (State.RETIRED, State.ROLLED_BACK) or n_idle > _MOST_IDLE
            if is_over or (n_played >= _MOST_PLAYED and now.state != State.LIVE):
                raise DemoFailed(f"it was not proven in {n_played} episodes; `policyloop gate history {loop}` tells why.")
            was = now
    watch.say("; ".join(moves) + ".")
    return moves


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where the challenge stands."""

    state: str
    is_waiting: bool
    n_served: int  # closed episodes that were taken up in this state


def _stand(deployment: Deployment, loop: str) -> _Stand:
    found = gate_state(deployment, loop).challenge
    assert found is not None, "the demo began a challenge"
    return _Stand(found.state, found.is_waiting, found.n_served)


def _after_look(deployment: Deployment, loop: str, was: _Stand) -> _Stand:
    """Where it stands when the worker has looked again: it moved, or took up some of what was played.

    Episodes that are over before all server processes know the challenger say nothing of it; then more have to be played.
    """
    until_s = time.monotonic() + _PATIENCE_S
    now = _stand(deployment, loop)
    while now == was and time.monotonic() < until_s:
        time.sleep(_LOOK_EVERY_S)
        now = _stand(deployment, loop)
    return now


def _expert(environment: Environment, plan: Plan, watch: Watch) -> Player:
    watch.stage(
        "The expert, without noise", f"policyloop rollout {ENVIRONMENT} --policy expert --episodes {_EXPERTS}", _EXPERTS
    )
    found = play_history(
        environment, actor_of(environment, "expert"), n_episodes=_EXPERTS, seed=plan.seed + 1, on_step=watch.advance
    )
    player = _player_of(found, environment)
    watch.say(f"mean return {player.mean_return:,.0f}.")
    return player


def _over_http(url: str, loop: str, plan: Plan, watch: Watch, *, fraction: float | None) -> RolledOut:
    share = "" if fraction is None else f" --random-fraction {fraction:g}"
    what = "The chosen policy, over HTTP" if fraction is None else "The same, with random steps"
    watch.stage(what, f"policyloop rollout {ENVIRONMENT} --policy {url}/v1/loops/{loop} --episodes {_CHOSEN}{share}", _CHOSEN)
    played = _rolled(url, loop, _CHOSEN, seed=plan.seed + 2, fraction=fraction, on_episodes=watch.advance)
    watch.say(f"mean return {played.mean_return:,.0f}, {played.share_full_length:.0%} of the episodes to the end.")
    return played


def _rolled(
    url: str,
    loop: str,
    n: int,
    *,
    seed: int,
    fraction: float | None = None,
    on_episodes: Callable[[int], None] | None = None,
) -> RolledOut:
    plan = rollout.Plan(
        environment=ENVIRONMENT,
        policy=url,
        loop=loop,
        n_episodes=n,
        seed=seed,
        random_fraction=fraction,
        n_workers=_WORKERS,
    )
    return roll_out(None, plan, on_episodes=on_episodes)


def _filmed(environment: Environment, folder: Path, loop: str, model: str, plan: Plan, watch: Watch) -> None:
    """One episode of the history beside one of the chosen policy."""
    file = folder / "before-and-after.gif"
    watch.stage("Filming one episode before and after", "", 1)
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        network = network_of(deployment.registry.load(loop, model).loaded())
    if network is None:
        raise NothingToDo(f"model {short(model)} is no network, so there is nothing to film.")
    actors = {"before": actor_of(environment, "history"), "after": certain_of(network, environment.problem.actions)}
    shots = [
        shot_of(play_history(environment, actor, n_episodes=1, seed=plan.seed + 3), title) for title, actor in actors.items()
    ]
    write_film(file, shots)
    watch.advance(1)
    watch.say(f"{file.name}.")


def _player(played: RolledOut) -> Player:
    return Player(
        n_episodes=played.n_episodes,
        mean_return=played.mean_return,
        mean_steps=played.mean_steps,
        share_full_length=played.share_full_length,
    )


def _player_of(history: History, environment: Environment) -> Player:
    lengths = history.lengths
    returns = np.add.reduceat(history.reward, np.cumsum([0, *lengths[:-1]]))
    return Player(
        n_episodes=len(lengths),
        mean_return=float(returns.mean()),
        mean_steps=float(lengths.mean()),
        share_full_length=float((lengths >= environment.problem.max_steps).mean()),
    )
