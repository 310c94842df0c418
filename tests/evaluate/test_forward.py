"""Forward validation: recipes learn what came before a cut and are judged by what came after it, by known truth."""

from dataclasses import replace

import numpy as np
import pytest

import policyloop.evaluate.forward as forward_file
from planted import examples, planted, truth_of
from policyloop.core.errors import NothingToDo
from policyloop.core.estimate import Estimate
from policyloop.core.loop import ExploreSpec
from policyloop.evaluate.compare import evidence, value_of
from policyloop.evaluate.forward import Forward, by_importance, policy_of_recipe, pooled
from policyloop.learn.tune import recipe_of

GREEDY = ExploreSpec(name="greedy", floor=0.1)


def recipe(*fields, learner=None, explore=GREEDY):
    spec = planted()
    return recipe_of(spec, learner=learner or spec.learner, explore=explore, fields=fields)


def true_value_of(policy, contexts):
    pmf = policy.probabilities_of_many(contexts, np.ones((len(contexts), 3), dtype=bool))
    return float((pmf * truth_of(contexts)).sum(axis=1).mean())


def test_nothing_that_is_learned_is_later_than_what_is_judged():
    rows = examples(600, seed=1).to_learn_from(0.8)

    first, second = Forward(rows, planted(), seed=0).stretches

    assert first.earlier.decided_at.max() < first.later.decided_at.min()
    assert second.earlier.decided_at.max() < second.later.decided_at.min()
    assert len(first.later) + len(second.later) == pytest.approx(len(rows) / 2, abs=1)
    assert len(second.earlier) == len(first.earlier) + len(first.later)


def test_the_value_is_the_true_one_of_the_policies_that_learned_earlier():
    rows = examples(6000, seed=2)
    forward = Forward(rows, planted(), seed=0)
    probe = examples(4000, seed=3).contexts

    got = forward.value(recipe("device"))

    policies = [policy_of_recipe(stretch.earlier, recipe("device"), seed=0) for stretch in forward.stretches]
    truth = np.mean([true_value_of(policy, probe) for policy in policies])
    assert truth > 0.55
    assert abs(got.value - truth) < 4 * got.stderr
    assert got.n == sum(len(stretch.later) for stretch in forward.stretches)


def test_it_is_the_value_as_served_with_floor_and_explorer():
    forward = Forward(examples(3000, seed=2), planted(), seed=0)

    by_floor = [forward.value(recipe("device", explore=replace(GREEDY, floor=floor))).value for floor in (0.0, 0.5, 1.0)]

    assert by_floor[0] > by_floor[1] > by_floor[2]
    assert by_floor[1] == pytest.approx((by_floor[0] + by_floor[2]) / 2)  # the value is linear in the probabilities


@pytest.mark.parametrize("explore", ["squarecb", "thompson", "linucb", "bootstrap", "greedy"])
def test_what_was_learned_for_one_explorer_serves_another_just_as_if_it_had_been_learned_for_it(explore):
    rows = examples(600, seed=4)
    forward = Forward(rows, planted(), seed=0)
    wanted = recipe("device", explore=ExploreSpec(name=explore, floor=0.05))
    forward.value(recipe("device", explore=ExploreSpec(name="epsilon_greedy", floor=0.3)))

    got = forward.value(wanted)

    afresh = [value_of(policy_of_recipe(s.earlier, wanted, seed=0), s.later, predicted=s.predicted) for s in forward.stretches]
    assert got.value == pytest.approx(pooled(afresh).value, abs=1e-12)


def test_another_explorer_or_floor_costs_no_training(monkeypatch):
    forward = Forward(examples(600, seed=4), planted(), seed=0)
    forward.value(recipe("device"))
    trained = []
    train = forward_file.train
    monkeypatch.setattr(forward_file, "train", lambda *args, **named: trained.append(1) or train(*args, **named))

    forward.value(recipe("device", explore=ExploreSpec(name="softmax", floor=0.2)))
    assert trained == []
    forward.value(recipe("device", "city"))
    assert len(trained) == 2  # one for each cut


def test_the_field_that_tells_is_the_most_important_and_the_others_are_near_nothing():
    forward = Forward(examples(3000, seed=5), planted(), seed=0)

    cost = by_importance(forward, [planted()])

    assert next(iter(cost)) == "device"
    assert cost["device"] > 0.02
    assert all(abs(cost[name]) < 0.005 for name in cost if name != "device")


def test_examples_without_propensity_or_by_the_fallback_are_learned_from_and_do_not_judge():
    rows = examples(800, seed=6)
    unknown, fallback = np.arange(800) % 4 == 0, np.arange(800) % 4 == 1
    rows = replace(rows, propensity=np.where(unknown, np.nan, rows.propensity), is_fallback=fallback)

    forward = Forward(rows, planted(), seed=0)

    assert sum(len(stretch.later) for stretch in forward.stretches) == pytest.approx(200, abs=2)
    assert all(len(evidence(stretch.later, split=0.0)) == len(stretch.later) for stretch in forward.stretches)
    assert np.isnan(forward.stretches[1].earlier.propensity).any()


def test_a_log_of_one_moment_cannot_be_cut():
    rows = examples(100, seed=1)

    with pytest.raises(NothingToDo, match="has no example to learn from"):
        Forward(replace(rows, decided_at=np.zeros(100, dtype=np.int64)), planted(), seed=0)


def test_means_are_pooled_by_how_many_examples_each_has():
    got = pooled([Estimate("dr", 1.0, 0.3, 100, 50.0), Estimate("dr", 4.0, 0.1, 300, 70.0)])

    assert got.value == pytest.approx((100 * 1.0 + 300 * 4.0) / 400)
    assert got.stderr == pytest.approx(np.hypot(100 * 0.3, 300 * 0.1) / 400)
    assert (got.n, got.ess) == (400, 120.0)
