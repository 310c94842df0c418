"""The Tetris demo: a line of versions, from random play to one that clears rows, on a small board and on the full one.

Question answered: does a policy get better by playing, round after round? Each line begins with random play, the cold start.
Then a version is trained on all that was played so far, going on from the one before; a person's word puts it live; and it
plays some games more, mostly as it thinks best, which the log keeps. Every version stays. At the end random play, the first
version and the last one play games that nobody learns from, and a permutation test says how sure the difference is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.loop import LoopSpec
from policyloop.core.model import short
from policyloop.core.settings import Home
from policyloop.policy.predicted_states import network_of
from policyloop.run.apply import apply_spec
from policyloop.run.by_hand import join_by_hand, train_by_hand
from policyloop.run.demo.deployment import DemoFailed, write_project
from policyloop.run.demo.watched import Watch, watched
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.run.episodes import rollout
from policyloop.run.episodes.rollout import CHAMPION, roll_out
from policyloop.run.episodes.versions import Version, versions_of
from policyloop.run.questions.asking import ask
from policyloop.simulate.actor import RANDOM, Actor, certain_of
from policyloop.simulate.environment import Environment, actor_of, open_environment
from policyloop.simulate.history import play as play_history

ENVIRONMENT = "tetris"
SCORES = """
SELECT e.policy, m.created_at, count(*) AS games, avg(e.length) AS steps, avg(g.score) AS score, avg(g.pieces) AS pieces,
    coalesce(stddev_samp(e.length) / sqrt(count(*)), 0) AS steps_stderr,
    coalesce(stddev_samp(g.score) / sqrt(count(*)), 0) AS score_stderr,
    coalesce(stddev_samp(g.pieces) / sqrt(count(*)), 0) AS pieces_stderr
FROM episodes e
JOIN (
    SELECT t.episode_id, sum(o.value) FILTER (WHERE o.name = 'lines') AS score,
        sum(o.value) FILTER (WHERE o.name = 'placed') AS pieces
    FROM transitions t JOIN outcomes o USING (loop, decision_id) GROUP BY t.episode_id
) g USING (episode_id)
LEFT JOIN models m ON m.model = e.policy
GROUP BY e.policy, m.created_at ORDER BY m.created_at NULLS FIRST
"""
_WHY = "a game: playing is the quickest way to see what it is worth"
_EXAM_SEED = 900_000  # far from those of the games that are learned from
_SHUFFLES = 20_000
_SHUFFLES_AT_ONCE = 2_000
_LEARNER = {
    "name": "dqn",
    "goes_on": True,
    "checkpoint_every": 1000,
    "channels": [],  # convolutions see no more here, and take thirty times as long on a CPU
    "width": 256,
    "depth": 2,
    "batch": 128,
    "learning_rate": 0.0005,
    "target_rate": 0.01,
    "replay": 50_000,  # more than is played: with room of one size, nothing is compiled again from version to version
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board, and how its line is trained."""

    name: str
    rows: int
    columns: int
    cold_games: int  # of random play, before the first version
    n_versions: int
    games: int  # of each version, after it was trained
    updates: int  # of a training
    learner: Mapping[str, Any] = field(default_factory=lambda: _LEARNER)

    @property
    def settings(self) -> dict[str, Any]:
        """Of the environment."""
        return {"rows": self.rows, "columns": self.columns}

    @property
    def typed(self) -> str:
        """The same on the command line."""
        return f"--set rows={self.rows} --set columns={self.columns}"


# more updates of as many games expect more and earn less
SMALL = Board(name="small", rows=12, columns=8, cold_games=300, n_versions=7, games=96, updates=2000)
FULL = Board(name="full", rows=20, columns=15, cold_games=120, n_versions=4, games=32, updates=2000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long the demo is."""

    tag: str = "tetris"  # before the names of its lines
    boards: tuple[Board, ...] = (SMALL, FULL)
    exam_games: int = 500
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """Games that nobody learns from."""

    lines: float  # mean of a game
    pieces: float
    steps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """What the log says of one version: how long its games were, and what they scored; means of a game."""

    policy: str
    games: int
    steps: float
    score: float  # rows cleared
    pieces: float  # placed
    steps_stderr: float
    score_stderr: float
    pieces_stderr: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What was found on one board."""

    loop: str
    rows: int
    columns: int
    n_versions: int
    cold_start: Exam
    first: Exam  # the version that was learned from random play alone
    last: Exam
    p_lines: float  # one-sided: that the last version clears no more than the cold start
    p_pieces: float
    versions: tuple[Version, ...]
    scores: tuple[Score, ...]  # the cold start first
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the demo found."""

    lines: Mapping[str, Line]  # by the name of the board
    exam_games: int
    seconds: float


def play(plan: Plan, folder: Path, *, watch: Watch) -> Found:
    """Play the demo in a folder; its deployment stays there to be looked at.

    Raises:
        DemoFailed: another process works in the folder.
    """
    began_s = time.monotonic()
    specs = [write_project(folder, _document(plan, board)) for board in plan.boards]
    lines = {}
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        for i, (board, spec) in enumerate(zip(plan.boards, specs, strict=True)):
            apply_spec(deployment, spec)
            lines[board.name] = _line(deployment, board, spec, plan, watch, seed=plan.seed + 1000 * i)
    return Found(lines=lines, exam_games=plan.exam_games, seconds=time.monotonic() - began_s)


def p_value(cold: NDArray[np.float64], last: NDArray[np.float64], *, seed: int) -> float:
    """One-sided permutation test of the means: how often labels dealt at random make a difference as large as the one found.

    Args:
        cold, last: (n,) and (m,) a number of each game.
        seed: of the shuffles.
    """
    rng, both = np.random.default_rng(seed), np.concatenate([cold, last])
    found = last.sum()
    n_as_large = 0
    for _ in range(_SHUFFLES // _SHUFFLES_AT_ONCE):
        dealt = rng.permuted(np.broadcast_to(both, (_SHUFFLES_AT_ONCE, len(both))), axis=1)[:, : len(last)]
        n_as_large += int((dealt.sum(axis=1) >= found - 1e-9).sum())
    return (1 + n_as_large) / (1 + _SHUFFLES)


def _document(plan: Plan, board: Board) -> dict[str, Any]:
    """The loop file of a line; its tag is in the name."""
    return open_environment(ENVIRONMENT, board.settings).problem.loop_file() | {
        "loop": f"{plan.tag}-{board.name}",
        "learner": {**board.learner, "updates": board.updates},
        "explore": {"name": "greedy", "floor": 0.1},
        "train": {"every": f"{board.games} episodes", "split": 0.9},
    }


def _line(deployment: Deployment, board: Board, spec: LoopSpec, plan: Plan, watch: Watch, *, seed: int) -> Line:
    """Cold start, versions, exam."""
    began_s = time.monotonic()
    _played(deployment, board, spec, watch, what="Cold start: random play", policy=RANDOM, n=board.cold_games, seed=seed)
    models = []
    for number in range(1, board.n_versions + 1):
        models.append(_trained(deployment, board, spec, watch, number=number))
        what = f"Version {number} plays"
        _played(deployment, board, spec, watch, what=what, policy=CHAMPION, n=board.games, seed=seed + number)
    join_by_hand(deployment, spec)
    versions, scores = _looked_back(deployment, spec, watch)
    exams = _examined(deployment, board, spec, plan, watch, models=[models[0], models[-1]], seed=_EXAM_SEED + seed)
    p = {name: p_value(exams[0][name], exams[2][name], seed=seed) for name in ("lines", "pieces")}
    cold, first, last = (Exam(**{name: float(numbers.mean()) for name, numbers in exam.items()}) for exam in exams)
    watch.say(
        f"lines a game: {cold.lines:.3f} -> {last.lines:.3f} (p = {p['lines']:.2g}); "
        f"pieces: {cold.pieces:.1f} -> {last.pieces:.1f} (p = {p['pieces']:.2g})."
    )
    return Line(
        loop=spec.loop,
        rows=board.rows,
        columns=board.columns,
        n_versions=len(models),
        cold_start=cold,
        first=first,
        last=last,
        p_lines=p["lines"],
        p_pieces=p["pieces"],
        versions=tuple(versions),
        scores=tuple(scores),
        seconds=time.monotonic() - began_s,
    )


def _played(
    deployment: Deployment, board: Board, spec: LoopSpec, watch: Watch, *, what: str, policy: str, n: int, seed: int
) -> None:
    """Games that the log keeps."""
    watch.stage(
        f"{what} ({board.rows} x {board.columns})",
        f"policyloop rollout {ENVIRONMENT} --loop {spec.loop} {board.typed} --policy {policy} --episodes {n} --seed {seed}",
        n,
    )
    how = rollout.Plan(environment=ENVIRONMENT, settings=board.settings, loop=spec.loop, policy=policy, n_episodes=n, seed=seed)
    played = roll_out(deployment, how, on_episodes=watch.advance)
    watch.say(f"{played.n_steps:,} steps, {played.mean_steps:.1f} a game; mean return {played.mean_return:.3f}.")


def _trained(deployment: Deployment, board: Board, spec: LoopSpec, watch: Watch, *, number: int) -> str:
    """The next version, live by a person's word: it was chosen without having played."""
    watch.stage(f"Version {number} learns ({board.rows} x {board.columns})", f"policyloop train {spec.loop}", board.updates)
    trained = train_by_hand(deployment, spec, on_checkpoint=watched(watch))
    if trained is None:
        raise DemoFailed("another process holds the worker's lease; expected a folder that nobody else uses.")
    watch.say(trained.sentence)
    watch.stage(
        f"Version {number} goes live: the demo agrees, unseen as it is",
        f'policyloop promote {spec.loop} {short(trained.model)} --unseen --why "{_WHY}"',
        1,
    )
    deployment.registry.promote_by_person(spec.loop, trained.model, why=_WHY, is_unseen_fine=True)
    watch.advance(1)
    watch.say(f"`policyloop rollback {spec.loop}` would take it back, and every version is kept.")
    return trained.model


def _looked_back(deployment: Deployment, spec: LoopSpec, watch: Watch) -> tuple[list[Version], list[Score]]:
    """All versions: what they expect of the held-out episode, and what the log says of their games."""
    watch.stage("Looking back at all versions", f"policyloop line {spec.loop}", 2)
    versions, fixed = versions_of(deployment, spec.loop)
    watch.advance(1)
    rows = [row for batch in ask(deployment, SCORES, loop=spec.loop) for row in batch.to_pylist()]
    watch.advance(1)
    expected = ", ".join("-" if version.max_q is None else f"{version.max_q:.3f}" for version in versions)
    watch.say(f"mean max Q on the held-out episode {fixed.episode_id if fixed else '-'}, version by version: {expected}.")
    return versions, [Score(**{name: value for name, value in row.items() if name != "created_at"}) for row in rows]


def _examined(
    deployment: Deployment, board: Board, spec: LoopSpec, plan: Plan, watch: Watch, *, models: list[str], seed: int
) -> list[dict[str, NDArray[np.float64]]]:
    """Random play and some models, without exploring, on the same fresh seed; none of it is in the log."""
    environment = open_environment(ENVIRONMENT, board.settings)
    n = plan.exam_games
    watch.stage(f"The exam: {n} games each of random play, version 1 and the last, in no log", "", n * (1 + len(models)))
    networks = [network_of(deployment.registry.load(spec.loop, model).loaded()) for model in models]
    actors = [certain_of(network, environment.problem.actions) for network in networks if network is not None]
    assert len(actors) == len(models), "dqn makes networks"
    return [_exam(environment, actor, n, seed, watch) for actor in (actor_of(environment, RANDOM), *actors)]


def _exam(environment: Environment, actor: Actor, n: int, seed: int, watch: Watch) -> dict[str, NDArray[np.float64]]:
    """Lines, pieces and steps of each game."""
    games = play_history(environment, actor, n_episodes=n, seed=seed, on_step=watch.advance)
    told = {"lines": games.outcomes["lines"], "pieces": games.outcomes["placed"], "steps": np.ones(len(games))}
    return {name: np.bincount(games.episode, weights=values, minlength=n).astype(float) for name, values in told.items()}
