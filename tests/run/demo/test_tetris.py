"""The Tetris demo: its test of significance is one, a tiny plan plays it from end to end, the whole one holds its claim."""

import json
import os
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest
from matplotlib.figure import Figure

from policyloop.cli.watching import Watching
from policyloop.core.settings import Home
from policyloop.run.demo import tetris
from policyloop.run.demo.tetris_plot import draw, draw_line
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.versions import Version
from policyloop.run.questions.asking import ask

PNG = b"\x89PNG\r\n\x1a\n"
TINY = tetris.Board(
    name="tiny",
    rows=6,
    columns=8,
    cold_games=40,
    n_versions=2,
    games=16,
    updates=20,
    learner={"name": "dqn", "goes_on": True, "checkpoint_every": 10, "channels": [], "width": 16, "depth": 1, "replay": 4000},
)


def test_the_p_value_is_the_share_of_all_deals_that_differ_as_much():
    cold, last = np.array([0.0, 1.0, 0.0, 0.0]), np.array([2.0, 1.0, 1.0, 0.0])
    both = np.concatenate([cold, last])
    exact = np.mean([both[list(chosen)].sum() >= last.sum() for chosen in combinations(range(8), 4)])

    p = tetris.p_value(cold, last, seed=3)

    assert abs(p - exact) < 4 * np.sqrt(exact * (1 - exact) / 20_000) + 1e-4


def test_a_difference_in_the_other_direction_or_none_is_never_significant():
    few, many = np.zeros(50), np.ones(50)

    assert tetris.p_value(many, few, seed=1) == pytest.approx(1.0)
    assert tetris.p_value(few, few, seed=1) == pytest.approx(1.0)
    assert tetris.p_value(few, many, seed=1) == pytest.approx(1 / 20_001)


def test_among_equals_small_p_values_are_as_rare_as_they_say():
    rng = np.random.default_rng(5)

    p = [tetris.p_value(*rng.poisson(0.3, size=(2, 40)).astype(float), seed=i) for i in range(100)]

    assert np.mean(np.array(p) <= 0.1) < 0.1 + 4 * np.sqrt(0.1 * 0.9 / 100)


def test_the_picture_has_no_p_value_of_rows_where_nobody_cleared_one():
    nobody = line_of(last=tetris.Exam(lines=0.0, pieces=20.0, steps=90.0))
    somebody = line_of(last=tetris.Exam(lines=0.2, pieces=20.0, steps=90.0))

    titles = {title_of_rows(nobody), title_of_rows(somebody)}

    assert titles == {"no row was cleared", "rows cleared in a game  (p = 0.3)"}


def line_of(*, last):
    """A line of one version, after random play that cleared nothing."""
    none = tetris.Exam(lines=0.0, pieces=10.0, steps=50.0)
    score = {
        "games": 3,
        "steps": 50.0,
        "score": 0.0,
        "pieces": 10.0,
        "steps_stderr": 1.0,
        "score_stderr": 0.0,
        "pieces_stderr": 1.0,
    }
    version = {"state": "live", "parent": None, "n_learned_from": 1, "created_at": 1, "played": None}
    return tetris.Line(
        loop="try-full",
        rows=20,
        columns=15,
        n_versions=1,
        cold_start=none,
        first=last,
        last=last,
        p_lines=0.3,
        p_pieces=0.0001,
        versions=tuple(Version(number=i, policy=str(i), max_q=q, **version) for i, q in enumerate([None, 0.5])),
        scores=tuple(tetris.Score(policy=str(i), **score) for i in range(2)),
        seconds=1.0,
    )


def title_of_rows(line):
    """What stands over the first panel of a board."""
    panels = Figure().subplots(1, 4)
    draw_line(panels, line, 10)
    return panels[0].get_title(loc="left")


def test_a_tiny_line_is_played_learned_looked_back_at_and_examined(tmp_path):
    pytest.importorskip("jax", reason="needs the extra rl")
    plan = tetris.Plan(tag="try", boards=(TINY,), exam_games=10, seed=1)

    with Watching() as watch:
        found = tetris.play(plan, tmp_path / "demo", watch=watch)

    line = found.lines["tiny"]
    assert (line.loop, line.n_versions, found.exam_games) == ("try-tiny", 2, 10)
    assert [(version.number, version.state) for version in line.versions] == [(0, "cold start"), (1, "replaced"), (2, "live")]
    assert [version.played.n_episodes for version in line.versions] == [40, 16, 16]
    assert line.versions[2].parent == line.versions[1].policy
    assert line.versions[1].max_q != line.versions[2].max_q
    assert [score.policy for score in line.scores] == [version.policy for version in line.versions]
    assert all(0 < score.pieces < score.steps for score in line.scores)
    assert [score.steps for score in line.scores] == pytest.approx([version.played.mean_length for version in line.versions])
    assert draw(found, tmp_path / "tetris.png").read_bytes().startswith(PNG)
    with open_deployment(Home(tmp_path / "demo" / "policyloop-data")) as deployment:
        n_games = [row for batch in ask(deployment, "SELECT count(*) AS n FROM episodes") for row in batch.to_pylist()]
        assert n_games == [{"n": 72}]  # no game of the exam is in the log
        models = [version.policy for version in line.versions[1:]]
        assert all(deployment.registry.load("try-tiny", model).loaded() for model in models)  # every version is kept
        deployment.registry.roll_back_by_person("try-tiny", why="a test")
        assert deployment.registry.standing("try-tiny").champion == models[0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_the_last_version_clears_more_lines_on_the_small_board_and_places_more_pieces_on_the_full_one(tmp_path, seed):
    pytest.importorskip("jax", reason="needs the extra rl")
    command = [sys.executable, "-m", "policyloop", "demo", "tetris", "--seed", str(seed), "--out", "played", "--json"]

    done = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=1800)

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    small, full = told["small"], told["full"]
    assert (small["columns"], full["rows"], full["columns"]) == (8, 20, 15)
    assert small["last"]["lines"] > small["cold_start"]["lines"]
    assert full["last"]["pieces"] > full["cold_start"]["pieces"]
    assert small["p_lines"] < 0.01
    assert full["p_pieces"] < 0.01
    assert (tmp_path / told["picture"]).read_bytes().startswith(PNG)
