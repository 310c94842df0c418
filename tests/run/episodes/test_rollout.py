"""Rollouts of a deployment: the log gets every event once, and how many processes played changes nothing."""

import hashlib
from collections import Counter

import numpy as np
import pytest
import safetensors.numpy

from policyloop.core.errors import BadSetting, UnknownLoop, UnknownName
from policyloop.core.event import Decision
from policyloop.core.settings import Home
from policyloop.core.state import StateEncoder
from policyloop.log.folder import segments
from policyloop.log.replay import read_segment
from policyloop.policy.policies.network import random_network
from policyloop.run.by_hand import join_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.rollout import Plan, loop_for, roll_out
from policyloop.run.episodes.transitions import transitions_of
from policyloop.simulate.environment import open_environment
from small_models import a_manifest

GRID = {"width": 4, "height": 3, "pits": []}


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(tmp_path / "data")) as opened:
        yield opened


def plan(**changes):
    given = {"environment": "gridworld", "settings": GRID, "policy": "history", "n_episodes": 12, "seed": 3}
    return Plan(**(given | changes))


def logged(deployment):
    return [record.event() for file in segments(deployment.home.log) for record in read_segment(file).records]


def test_what_was_played_is_in_the_log(deployment):
    told = roll_out(deployment, plan())

    events = logged(deployment)
    decisions = [event for event in events if isinstance(event, Decision)]
    assert told.n_events == len(events) == 2 * len(decisions)
    assert len({d.decision_id for d in decisions}) == told.n_steps == sum(one.n_steps for one in told.by_source.values())
    assert len({d.episode_id for d in decisions}) == told.n_episodes == 12
    assert told.n_terminated + told.n_truncated == 12


def test_what_was_played_can_be_learned_from_at_once(deployment):
    told = roll_out(deployment, plan())
    spec = deployment.registry.standing("gridworld").spec

    assert join_by_hand(deployment, spec)

    transitions, _ = transitions_of(deployment, spec)
    assert transitions.n_episodes == 12
    assert len(transitions) == told.n_steps
    assert transitions.returns.mean() == pytest.approx(told.mean_return)
    assert (int(transitions.terminated.sum()), int(transitions.truncated.sum())) == (told.n_terminated, told.n_truncated)


def test_the_environment_makes_its_own_loop_once(deployment):
    environment = open_environment("gridworld", GRID)

    spec, is_new = loop_for(deployment, environment, None)
    again, is_new_again = loop_for(deployment, environment, None)

    assert (is_new, is_new_again) == (True, False)
    assert spec.digest == again.digest
    assert spec.loop == "gridworld"


def test_processes_change_nothing(deployment, tmp_path):
    alone = roll_out(deployment, plan(n_episodes=20))
    with open_deployment(Home(tmp_path / "other")) as other:
        together = roll_out(other, plan(n_episodes=20, n_workers=2))
        there = Counter((e.decision_id, tuple(e.action)) for e in logged(other) if isinstance(e, Decision))

    assert together == alone
    assert there == Counter((e.decision_id, tuple(e.action)) for e in logged(deployment) if isinstance(e, Decision))


def test_playing_it_again_says_the_same_with_the_same_ids(deployment):
    first = roll_out(deployment, plan())
    again = roll_out(deployment, plan())

    counts = Counter(event.decision_id for event in logged(deployment) if isinstance(event, Decision))
    assert first == again
    assert set(counts.values()) == {2}


def test_without_a_model_the_champion_is_the_baseline(deployment):
    told = roll_out(deployment, plan(policy="champion", n_episodes=2))

    assert told.policy == "baseline"
    assert told.run == "gridworld-baseline-s3"


def a_model(deployment, spec):
    """A network that nobody trained, published as a training run would."""
    encoder = StateEncoder.of(spec.context.values())
    network = random_network(head="tanh_gaussian", state_shape=encoder.shape, n_outputs=1, rng=np.random.default_rng(5))
    settings, arrays = network.save()
    tensors = safetensors.numpy.save(arrays)
    manifest = a_manifest(
        loop=spec.loop,
        spec=spec.digest,
        recipe=spec.recipe,
        policy="network",
        settings=settings,
        features={"kind": "state", **encoder.to_json()},
        labels=["force"],
        explorer={"name": "gaussian", "floor": 0.02, "settings": {"scale": 0.1}, "reward_span": 13.0},
        tensors=hashlib.sha256(tensors).hexdigest(),
    )
    return deployment.registry.publish(manifest, tensors)


def test_a_model_decides_by_the_first_digits_of_its_id(deployment):
    short = {"max_steps": 40}
    spec, _ = loop_for(deployment, open_environment("cartpole", short), None)
    model = a_model(deployment, spec)

    told = roll_out(deployment, plan(environment="cartpole", settings=short, policy=model[:8], random_fraction=0.5))

    decisions = [event for event in logged(deployment) if isinstance(event, Decision)]
    assert told.policy == model
    assert {d.policy for d in decisions} == {model}
    assert {d.density["floor"] for d in decisions} == {0.5}
    assert set(told.by_source) == {"policy", "random"}


def test_a_progress_bar_hears_of_every_episode(deployment):
    heard = []

    roll_out(deployment, plan(n_episodes=10), on_episodes=heard.append)

    assert heard == [8, 2]


def test_an_unknown_policy_suggests_what_there_is(deployment):
    with pytest.raises(UnknownName, match="no policy is named 'expret'; did you mean 'expert'"):
        roll_out(deployment, plan(policy="expret"))


def test_a_loop_that_is_not_there_is_not_made_under_another_name(deployment):
    with pytest.raises(UnknownLoop, match="gridwrld") as refused:
        roll_out(deployment, plan(loop="gridwrld"))

    assert "gridwrld.yaml, into this folder" in refused.value.help


@pytest.mark.parametrize(
    ("changes", "told"),
    [({"n_episodes": 0}, "--episodes"), ({"random_fraction": 1.5}, "--random-fraction"), ({"n_workers": 0}, "--workers")],
)
def test_numbers_of_no_use_are_refused(changes, told):
    with pytest.raises(BadSetting, match=told):
        plan(**changes)
