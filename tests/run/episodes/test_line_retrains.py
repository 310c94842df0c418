"""A line makes itself: `train: {every: N episodes}` is kept by the worker, from what is played to the next version."""

import time

import pytest

from policyloop.core.spec_file import read_spec
from policyloop.run import jobs
from policyloop.run.apply import apply_spec
from policyloop.run.episodes.rollout import Plan, roll_out
from policyloop.run.episodes.versions import versions_of
from policyloop.run.work import Worker
from policyloop.simulate.environment import open_environment

GRID = {"width": 4, "height": 3, "pits": []}


@pytest.fixture
def line(deployment):
    """A loop of small trees that is to learn anew every 20 episodes, and a worker."""
    learner = {"name": "fqi", "n_trees": 5, "updates": 2, "checkpoint_every": 1}
    own = open_environment("gridworld", GRID).problem.loop_file()
    apply_spec(deployment, read_spec(own | {"learner": learner, "train": {"every": "20 episodes", "split": 0.75}}))
    worker = Worker(deployment, tell=lambda level, what, facts: None, compact_every_s=3600)
    yield deployment, worker
    worker.close()


def play(deployment, policy, n, *, seed):
    roll_out(deployment, Plan(environment="gridworld", settings=GRID, policy=policy, n_episodes=n, seed=seed))


def rounds_until(worker, holds, *, within_s=120):
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "the worker did not get there"
        worker.round()
        time.sleep(0.05)


def test_every_so_many_episodes_the_worker_makes_the_next_version(line):
    deployment, worker = line
    play(deployment, "random", 50, seed=1)
    rounds_until(worker, lambda: len(deployment.registry.models("gridworld")) == 1)
    (first,) = deployment.registry.models("gridworld")
    deployment.registry.promote_by_person("gridworld", first.model, why="a test", is_unseen_fine=True)

    play(deployment, "champion", 19, seed=2)
    for _ in range(5):
        worker.round()
    waited = jobs.last(deployment.records, "gridworld")
    play(deployment, "champion", 1, seed=3)
    rounds_until(worker, lambda: len(deployment.registry.models("gridworld")) == 2)

    assert waited.reason == "50 new episodes"
    assert jobs.last(deployment.records, "gridworld").reason == "20 new episodes"
    versions, _ = versions_of(deployment, "gridworld")
    assert [(version.number, version.played and version.played.n_episodes) for version in versions] == [
        (0, 50),
        (1, 20),
        (2, None),
    ]
    assert versions[-1].state == "offline-chosen"  # it plays when a person says so, or once it is proven
    assert versions[-1].n_learned_from > versions[1].n_learned_from
