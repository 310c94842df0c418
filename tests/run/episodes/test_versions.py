"""A line of versions: the cold start first, then each model, with what it expects of one fixed episode and how it played."""

import numpy as np
import pytest

from histories import a_history, a_row, the_last
from policyloop.core.clock import SystemClock
from policyloop.core.errors import NothingToDo, UnknownLoop
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.ingest.checks import checks_of
from policyloop.join.hours import join_loop
from policyloop.lake.bulk import bring_history
from policyloop.log.writer import LogWriter
from policyloop.policy.policies.network import load
from policyloop.run.by_hand import join_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.rollout import Plan, loop_for, roll_out
from policyloop.run.episodes.versions import PlayedBy, versions_of
from policyloop.simulate.by_hand import Table
from policyloop.simulate.environment import open_environment
from policyloop.simulate.environments.tetris import DOWN, NONE
from shop import SHOP
from small_network import model_of, network_for
from some_events import T0

WALK = read_spec(
    {
        "loop": "walk",
        "context": {"x": {"type": "number", "min": -50, "max": 50}},
        "actions": {"labels": ["stay", "go"]},
        "episodes": {"discount": 0.9},
        "outcomes": {"paid": {"type": "number", "min": 0, "max": 9}},
        "reward": {"expression": "paid", "range": [0, 9], "window": "10m"},
        "learner": {"name": "dqn", "goes_on": True},
        "train": {"every": "200 episodes", "split": 0.01},  # nearly all is held out
    }
)
GRID = {"width": 4, "height": 3, "pits": []}


def a_step(step, *, episode, x, paid, **fields):
    given = {"action": [1], "action_value": [], "propensity": 0.5, "propensity_kind": "probability", "action_source": "policy"}
    row = a_row(step, episode=episode, outcomes={"paid": paid}, **given, **fields)
    return row | {"context": {"x": x}}


def an_end(step, *, episode):
    return the_last(step, episode=episode) | {"context": {"x": 0.0}}


def slow():
    """Episode a: two steps at 1 and 5, which paid 2 and 4. Episode b: one step at 3, which paid 0."""
    return [
        a_step(0, episode="a", x=1.0, paid=2.0),
        a_step(1, episode="a", x=5.0, paid=4.0, terminated=True),
        an_end(2, episode="a"),
        a_step(0, episode="b", x=3.0, paid=0.0, truncated=True),
        an_end(1, episode="b"),
    ]


def quick():
    """Episode c: three steps at 0, 2 and 4, which paid 9 each."""
    steps = [a_step(i, episode="c", x=2.0 * i, paid=9.0, terminated=i == 2) for i in range(3)]
    return [*steps, an_end(3, episode="c")]


def line(*, gain):
    """Scores x and 4 - x, in units of `gain`: at 1 and 5 the best is 3 and 5."""
    weights = {"critic0.0.w": [[1.0, -1.0]], "critic0.0.b": [0.0, 4.0], "state.mean": [0.0], "state.scale": [1.0]}
    settings = {
        "head": "scores", "n_layers": 1, "n_critics": 1, "layer_norm": False, "trunk": [], "state_shape": [1],
        "dtype": "float32", "center": [], "half": [], "reward_scale": gain, "log_std": [-5.0, 2.0],
    }  # fmt: skip
    return load(settings, {name: np.array(values, dtype=np.float32) for name, values in weights.items()})


@pytest.fixture
def walk(deployment):
    """Two histories of others, and two models that nobody has seen play."""
    deployment.registry.apply(WALK)
    for i, (policy, rows) in enumerate((("slow", slow()), ("quick", quick()))):
        history, at = a_history(rows, spec=WALK), T0 + i * 3_600_000_000
        lake, records = deployment.lake, deployment.records
        bring_history(lake, records, WALK, history, policy=policy, salt=bytes(32), salt_id="s", now_us=at)
    join_loop(deployment.lake, deployment.records, WALK, watermark=T0 + 7_200_000_000)
    models = [deployment.registry.publish(*model_of(WALK, line(gain=gain))) for gain in (1.0, 10.0)]
    return deployment, models


def test_the_cold_start_is_all_that_no_model_played(walk):
    deployment, _ = walk

    versions, _ = versions_of(deployment, "walk")

    cold = [version for version in versions if version.number == 0]
    assert [(version.policy, version.state, version.max_q) for version in cold] == [
        ("imported:quick", "cold start", None),
        ("imported:slow", "cold start", None),
    ]
    assert [version.played for version in cold] == [
        PlayedBy(n_episodes=1, mean_length=3.0, mean_return=27.0, return_stderr=0.0),
        PlayedBy(n_episodes=2, mean_length=1.5, mean_return=3.0, return_stderr=pytest.approx(3.0)),  # of 6 and 0
    ]


def test_models_follow_in_the_order_in_which_they_were_made_and_expect_the_mean_of_their_best(walk):
    deployment, models = walk

    versions, fixed = versions_of(deployment, "walk", episode_id="a")

    later = versions[2:]
    assert fixed.states.tolist() == [[1.0], [5.0]]
    assert [(version.number, version.policy, version.played) for version in later] == [
        (1, models[0], None),
        (2, models[1], None),
    ]
    assert [version.max_q for version in later] == pytest.approx([4.0, 40.0])
    assert {version.n_learned_from for version in later} == {100}


def test_all_versions_are_asked_about_the_earliest_episode_that_is_held_out(walk):
    deployment, _ = walk

    versions, fixed = versions_of(deployment, "walk")

    assert fixed.episode_id == "a"  # b began after it, and c an hour later
    assert fixed.states.tolist() == [[1.0], [5.0]]
    assert versions[-2].max_q == pytest.approx(4.0)


def test_an_episode_that_is_not_there_is_named(walk):
    deployment, _ = walk

    with pytest.raises(NothingToDo, match="loop 'walk' has no episode 'z' that is over"):
        versions_of(deployment, "walk", episode_id="z")


def test_a_loop_without_episodes_has_no_line(deployment):
    deployment.registry.apply(read_spec(SHOP))

    with pytest.raises(NothingToDo, match="loop 'shop' has no episodes, so its models are no line"):
        versions_of(deployment, "shop")
    with pytest.raises(UnknownLoop, match="shp"):
        versions_of(deployment, "shp")


def test_before_anybody_played_a_line_is_empty(deployment):
    deployment.registry.apply(WALK)

    assert versions_of(deployment, "walk") == ([], None)


def test_a_version_is_told_with_the_episodes_that_it_played(tmp_path):
    with open_deployment(Home(tmp_path / "data")) as deployment:
        spec, _ = loop_for(deployment, open_environment("gridworld", GRID), None)
        model = deployment.registry.publish(*model_of(spec, network_for(spec)))
        how = {"environment": "gridworld", "settings": GRID, "n_episodes": 6}
        told = [roll_out(deployment, Plan(policy=policy, seed=3, **how)) for policy in ("random", model)]
        join_by_hand(deployment, spec)

        versions, _ = versions_of(deployment, spec.loop)

    assert [(version.number, version.policy) for version in versions] == [(0, "imported:random"), (1, model)]
    for version, one in zip(versions, told, strict=True):
        assert version.played == PlayedBy(
            n_episodes=6,
            mean_length=pytest.approx(one.mean_steps),
            mean_return=pytest.approx(one.mean_return),
            return_stderr=pytest.approx(one.return_stderr),
        )


def test_a_person_who_plays_is_in_the_line(deployment):
    tetris = open_environment("tetris", {"rows": 6, "columns": 6})
    spec, _ = loop_for(deployment, tetris, None)
    log = LogWriter(deployment.home.log, clock=deployment.clock)
    checks = checks_of(spec, salt=deployment.registry.salt)
    table = Table(tetris, checks, append=lambda record: log.wait(log.append(record)), clock=SystemClock())
    keys = iter([DOWN, NONE, NONE])
    lost = table.play("lost", lambda state, earned: DOWN, rng=np.random.default_rng(0))
    left = table.play("left", lambda state, earned: next(keys, None), rng=np.random.default_rng(0))
    log.close()
    join_by_hand(deployment, spec)

    (person,), _ = versions_of(deployment, "tetris")

    assert (person.number, person.policy, person.state) == (0, "imported:human", "by hand")
    assert person.played == PlayedBy(
        n_episodes=2, mean_length=(lost.n_steps + left.n_steps) / 2, mean_return=-0.5, return_stderr=pytest.approx(0.5)
    )
