"""Tune and plan where callers bring the actions along, in sets of several sizes."""

import pytest

from market import MARKET, Market
from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.registry.recipes import read_recipe
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.challenges.planning import plan, twin_maker
from policyloop.run.challenges.tuned import recipe_changes
from policyloop.run.challenges.tuning import tune
from policyloop.run.refresh import refresh
from policyloop.simulate.gate.play import GateSettings, play


@pytest.fixture
def market(deployment):
    """A loop with a champion that explores a lot, and 700 buyers who were offered three or five things each."""
    deployment.registry.apply(read_spec({**MARKET, "explore": {"name": "epsilon_greedy", "epsilon": 0.2, "floor": 0.2}}))
    opened = Market(deployment)
    opened.visit(100)
    joined(deployment)
    refresh(deployment, "market")
    opened.visit(350, n_candidates=3)
    opened.visit(350, n_candidates=5)
    joined(deployment)
    yield opened
    opened.log.close()


def joined(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("market").spec)


def test_a_recipe_is_found_and_the_twin_is_played(market, deployment):
    spec = deployment.registry.standing("market").spec

    found = tune(deployment, "market", n_attempts=6, seed=0)
    planned = plan(deployment, "market", lift=0.05, runs=2, events=2000)

    assert all(attempt.failure is None for attempt in found.searched.attempts)
    assert list(found.importance) == ["purse"]
    assert found.winner.value.value > found.present.value
    assert read_recipe(recipe_changes(spec, found.winner.attempt.spec), spec).actions == spec.actions
    assert planned.chosen.true_lift == pytest.approx(0.05)
    assert planned.mean_reward > 0.5
    assert planned.pace is None  # all within a second


def test_no_candidate_is_taken_that_was_not_offered(market, deployment):
    make = twin_maker(deployment, "market", lift=0.05, canary=0.5)

    result = play(GateSettings(world="twin", lift=0.05, canary=0.5, runs=3, events=3000), make=make)

    assert result.frozen == 0.0  # the log check looks at each propensity
    assert result.true_lift == pytest.approx(0.05)
