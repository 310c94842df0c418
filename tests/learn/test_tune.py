"""The search for a recipe: it tries the loop's own first, goes where those before did well, and outlives failures."""

from dataclasses import replace

import numpy as np
import pytest

from planted import planted
from policyloop.core.clock import SystemClock
from policyloop.core.errors import BadSetting, NothingToDo, UnknownName
from policyloop.core.estimate import Estimate
from policyloop.core.loop import ExploreSpec, PluginSpec
from policyloop.learn.tune import FLOORS, learned, recipe_of, search

FIELDS = ["device", "campaign", "city", "referrer", "theme"]


def measured(value):
    return Estimate("dr", value, 0.01, 100, 100.0)


def found_by(measure, spec=None, **changes):
    given = {"by_importance": FIELDS, "n_attempts": 40, "seed": 3, "clock": SystemClock()}
    return search(spec or planted(), measure, **(given | changes))


def likes_boosted_and_one_field(spec):
    """Highest for boosted trees on the most important field alone, with a floor of .05."""
    worth = (spec.learner.name == "boosted") - 0.1 * len(learned(spec)) - abs(np.log(spec.explore.floor / 0.05))
    return measured(worth)


def test_the_first_attempt_is_the_loops_own_recipe():
    found = found_by(likes_boosted_and_one_field, n_attempts=3)

    assert [attempt.number for attempt in found.attempts] == [0, 1, 2, 3]
    assert found.attempts[0].spec == planted()


def test_it_finds_what_the_measure_likes_best():
    best = found_by(likes_boosted_and_one_field).ranked[0]

    assert best.spec.learner.name == "boosted"
    assert learned(best.spec) == ["device"]
    assert 0.03 < best.spec.explore.floor < 0.08


def test_equal_seeds_try_equal_recipes_and_others_do_not():
    first, again = (found_by(likes_boosted_and_one_field, n_attempts=12) for _ in range(2))
    other = found_by(likes_boosted_and_one_field, n_attempts=12, seed=4)

    digests = [[attempt.spec.digest for attempt in found.attempts] for found in (first, again, other)]
    assert digests[0] == digests[1]
    assert digests[0] != digests[2]


def test_parts_that_are_not_searched_stay_as_they_are():
    spec = planted(explore={"name": "softmax", "temperature": 0.07, "floor": 0.11})

    found = found_by(likes_boosted_and_one_field, spec, parts=("learner",), n_attempts=8)

    assert all(attempt.spec.explore == spec.explore and learned(attempt.spec) == learned(spec) for attempt in found.attempts)
    assert {attempt.spec.learner.name for attempt in found.attempts} == {"linear", "boosted"}


def test_explorers_are_only_tried_with_learners_that_serve_them():
    tried = {(t.spec.learner.name, t.spec.explore.name) for t in found_by(likes_boosted_and_one_field, n_attempts=60).attempts}

    assert ("boosted", "linucb") not in tried
    assert ("boosted", "bootstrap") not in tried
    assert "vw" not in {name for pair in tried for name in pair}


def test_a_floor_below_the_usual_is_only_tried_where_the_loop_has_it():
    usual = found_by(lambda spec: measured(-spec.explore.floor))
    low = found_by(lambda spec: measured(-spec.explore.floor), planted(explore={"name": "greedy", "floor": 0.001}))

    assert min(attempt.spec.explore.floor for attempt in usual.attempts[1:]) >= FLOORS.low
    assert min(attempt.spec.explore.floor for attempt in low.attempts[1:]) < FLOORS.low / 2


def test_a_recipe_that_fails_is_told_and_the_search_goes_on():
    def fails(spec):
        if spec.learner.name == "boosted":
            raise NothingToDo("no trees today")
        if spec.explore.name == "greedy":
            raise RuntimeError("a fault of somebody's plug-in")
        return measured(float("nan") if spec.explore.name in ("softmax", "squarecb", "thompson") else 1.0)

    found = found_by(fails)

    reasons = {attempt.failure for attempt in found.attempts if attempt.failure}
    assert reasons == {"no trees today", "RuntimeError: a fault of somebody's plug-in", "its value is nan"}
    assert all(attempt.estimate is not None and attempt.failure is None for attempt in found.ranked)
    assert len(found.attempts) == 41


def test_a_recipe_is_measured_once_however_often_it_is_tried():
    asked = []

    def counting(spec):
        asked.append(spec.digest)
        return measured(1.0)

    found = found_by(counting, planted(context={"device": {"type": "boolean"}}), parts=("learner",), by_importance=["device"])

    assert len(found.attempts) == 41
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
    assert [attempt.number for attempt in found.attempts] == [0, 1, 2]
    assert found.ranked[0].number == 2


def test_a_recipe_says_what_is_learned_from_and_leaves_the_rest_logged():
    spec = planted(subject="theme")

    made = recipe_of(spec, learner=PluginSpec(name="boosted"), explore=ExploreSpec(), fields=["device"])

    assert learned(spec) == ["campaign", "city", "referrer", "device"]
    assert learned(made) == ["device"]
    assert list(made.context) == list(spec.context)
    assert made.recipe != spec.recipe


def test_a_part_that_there_is_not_and_no_attempts_at_all_are_refused():
    with pytest.raises(UnknownName, match="no part of a recipe is named 'feature'; did you mean 'features'"):
        found_by(likes_boosted_and_one_field, parts=("feature",))
    with pytest.raises(BadSetting, match="trials is 0; expected a whole number of 1 or more"):
        found_by(likes_boosted_and_one_field, n_attempts=0)


def test_a_field_that_a_person_left_out_stays_out():
    spec = planted()
    left_out = replace(spec, context={**spec.context, "city": replace(spec.context["city"], learn=False)})

    assert "city" not in learned(left_out)
    assert "city" in learned(spec)
