"""Recipes: what a challenge may change, what it may not, and what becomes of the spec."""

import pytest

from policyloop.core.errors import ChallengeRefused, Invalid
from policyloop.core.spec_file import to_mapping
from policyloop.registry.recipes import read_recipe, with_recipe


def test_a_recipe_is_the_spec_with_its_keys_changed(spec):
    changed = read_recipe("learner: boosted\nexplore: {name: epsilon_greedy, epsilon: 0.1}\n", spec)

    assert (changed.learner.name, changed.explore.name, changed.explore.floor) == ("boosted", "epsilon_greedy", 0.02)
    assert (changed.context, changed.reward, changed.loop) == (spec.context, spec.reward, spec.loop)
    assert changed.recipe != spec.recipe


def test_a_list_of_fields_says_which_are_learned_from_and_callers_go_on_sending_all(spec):
    changed = read_recipe({"context": ["hour"]}, spec)

    assert {name: field.learn for name, field in changed.context.items()} == {"hour": True, "title": False}
    assert changed.recipe != spec.recipe


def test_the_reward_may_be_worked_out_otherwise_from_the_same_outcomes(spec):
    changed = read_recipe({"reward": {"expression": "clicked + dwell_s / 60", "range": [0, 2]}}, spec)

    assert (changed.reward.high, changed.reward.window_s) == (2.0, spec.reward.window_s)


def test_a_whole_loop_file_will_do_where_only_the_recipe_differs(spec):
    changed = read_recipe({**to_mapping(spec), "learner": "boosted"}, spec)

    assert changed.learner.name == "boosted"


def test_what_changed_in_the_loop_since_stays_changed(spec, spec_with):
    recipe = read_recipe("learner: boosted", spec)
    newer = spec_with(aliases=["home"], explore={"name": "squarecb", "floor": 0.02})

    both = with_recipe(newer, recipe)

    assert (both.learner.name, both.aliases) == ("boosted", ("home",))
    assert both.recipe == recipe.recipe


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("learner: linear", "the recipe is the one that loop 'front-page' has already"),
        ("explore: {name: squarecb, floor: 0.1}", "the floor is no part of a recipe. Leave it out"),
        ({"baseline": "bold"}, "the file differs from loop 'front-page' in baseline, which is no part of a recipe"),
        ({"loop": "other"}, "the file is of loop 'other'; expected one of loop 'front-page'"),
    ],
)
def test_what_is_no_challenge_is_refused(spec, recipe, told):
    source = recipe if isinstance(recipe, str) else {**to_mapping(spec), **recipe}

    with pytest.raises(ChallengeRefused, match=told):
        read_recipe(source, spec)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ("lerner: boosted", r"\$.lerner: no key of a recipe is named 'lerner'; did you mean 'learner'"),
        ("learner: boostd", r"\$.learner.name: no learner is named 'boostd'; did you mean 'boosted'"),
        ("context: [hours]", r"\$.context: no field is named 'hours'; did you mean 'hour'"),
        ("context: 3", r"\$.context: is 3; expected a list of fields"),
        (
            "reward: {window: 20m}",
            r"\$.reward.window: cannot differ in a challenge; expected one of expression, range, default",
        ),
        ("- learner", r"\$: is .*expected keys such as"),
    ],
)
def test_a_mistake_in_a_recipe_is_told_with_its_place(spec, recipe, told):
    with pytest.raises(Invalid, match=told):
        read_recipe(recipe, spec)
