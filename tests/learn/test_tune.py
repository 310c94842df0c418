"""The search for a recipe: it tries the loop's own first, goes where those before did well, and outlives failures."""

import numpy as np
import pytest

from planted import planted
from policyloop.core.clock import SystemClock
from policyloop.core.errors import BadSetting, NothingToDo, UnknownName
from policyloop.core.estimate import Estimate
from policyloop.core.loop import ExploreSpec, PluginSpec
from policyloop.learn.tune import FLOORS, learnable, learned, recipe_of, search

FIELDS = ["device", "campaign", "city", "referrer", "theme"]


def measured(value):
    return Estimate("dr", value, 0.01, 100, 100.0)


def found_by(measure, spec=None, **changes):
    given = {"by_importance": FIELDS, "n_trials": 40, "seed": 3, "clock": SystemClock()}
    return search(spec or planted(), measure, **(given | changes))


def likes_boosted_and_one_field(spec):
    """Highest for boosted trees on the most important field alone, with a floor of .05."""
    score = (spec.learner.name == "boosted") - 0.1 * len(learned(spec)) - abs(np.log(spec.explore.floor / 0.05))
    return measured(score)


def test_the_first_trial_is_the_loops_own_recipe():
    found = found_by(likes_boosted_and_one_field, n_trials=3)

    assert [trial.number for trial in found.trials] == [0, 1, 2, 3]
    assert found.trials[0].spec == planted()


def test_it_finds_what_the_measure_likes_best():
    best = found_by(likes_boosted_and_one_field).ranked[0]

    assert best.spec.learner.name == "boosted"
    assert learned(best.spec) == ["device"]
    assert 0.03 < best.spec.explore.floor < 0.08


def test_equal_seeds_try_equal_recipes_and_others_do_not():
    first, again = (found_by(likes_boosted_and_one_field, n_trials=12) for _ in range(2))
    other = found_by(likes_boosted_and_one_field, n_trials=12, seed=4)

    digests = [[trial.spec.digest for trial in found.trials] for found in (first, again, other)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_parts_that_are_not_searched_stay_as_they_are():
    spec = planted(explore={"name": "softmax", "temperature": 0.07, "floor": 0.11})

    found = found_by(likes_boosted_and_one_field, spec, parts=("learner",), n_trials=8)

    assert all(trial.spec.explore == spec.explore and learned(trial.spec) == learned(spec) for trial in found.trials)
    assert {trial.spec.learner.name for trial in found.trials} == {"linear", "boosted"}


def test_explorers_are_only_tried_with_learners_that_serve_them():
    tried = {(t.spec.learner.name, t.spec.explore.name) for t in found_by(likes_boosted_and_one_field, n_trials=60).trials}

    assert ("boosted", "linucb") not in tried
    assert ("boosted", "bootstrap") not in tried
    assert "vw" not in {name for pair in tried for name in pair}


def test_a_floor_below_the_usual_is_only_tried_where_the_loop_has_it():
    usual = found_by(lambda spec: measured(-spec.explore.floor))
    low = found_by(lambda spec: measured(-spec.explore.floor), planted(explore={"name": "greedy", "floor": 0.001}))

    assert min(trial.spec.explore.floor for trial in usual.trials[1:]) >= FLOORS.low
    assert min(trial.spec.explore.floor for trial in low.trials[1:]) < FLOORS.low / 2


def test_a_recipe_that_fails_is_told_and_the_search_goes_on():
    def fails(spec):
        if spec.learner.name == "boosted":
            raise NothingToDo("no trees today")
        if spec.explore.name == "greedy":
            raise RuntimeError("a fault of somebody's plug-in")
        return measured(float("nan") if spec.explore.name in ("softmax", "squarecb", "thompson") else 1.0)

    found = found_by(fails)

    reasons = {trial.failure for trial in found.trials if trial.failure}
    assert reasons == {"no trees today", "RuntimeError: a fault of somebody's plug-in", "its value is nan"}
    assert all(trial.score is not None and trial.failure is None for trial in found.ranked)
    assert len(found.trials) == 41


def test_a_recipe_is_measured_once_however_often_it_is_tried():
    asked = []

    def counting(spec):
        asked.append(spec.digest)
        return measured(1.0)

    found = found_by(counting, planted(context={"device": {"type": "boolean"}}), parts=("learner",), by_importance=["device"])

    assert len(found.trials) == 41
    assert len(asked) == len(set(asked)) == len(found.ranked) < 10


def test_an_interrupt_keeps_what_was_tried():
    asked = []

    def interrupted(spec):
        asked.append(spec)
        if len(asked) == 4:
            raise KeyboardInterrupt
        return measured(float(len(asked)))

    found = found_by(interrupted)

    assert found.is_stopped
    assert [trial.number for trial in found.trials] == [0, 1, 2]
    assert found.ranked[0].number == 2


def test_a_recipe_says_what_is_learned_from_and_leaves_the_rest_logged():
    spec = planted(subject="theme")

    made = recipe_of(spec, learner=PluginSpec(name="boosted"), explore=ExploreSpec(), fields=["device"])

    assert learnable(spec) == ["campaign", "city", "referrer", "device"]
    assert learned(made) == ["device"]
    assert list(made.context) == list(spec.context)
    assert made.recipe != spec.recipe


def test_a_part_that_there_is_not_and_no_trials_at_all_are_refused():
    with pytest.raises(UnknownName, match="no part of a recipe is named 'feature'; did you mean 'features'"):
        found_by(likes_boosted_and_one_field, parts=("feature",))
    with pytest.raises(BadSetting, match="trials is 0; expected a whole number of 1 or more"):
        found_by(likes_boosted_and_one_field, n_trials=0)
