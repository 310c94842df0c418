"""Choosing a checkpoint by curves: the peak of a run that overfits, a word on one that underfits, else the last."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from policyloop.core.estimate import Estimate
from policyloop.evaluate.choice import Choice, choose, newest
from policyloop.evaluate.choice_of_run import choose_run
from policyloop.evaluate.history import Doubt, facts_of
from small_histories import curve_of, history_of

RISING = [10.0, 30, 60, 80, 90, 95, 97, 98]
OVERFIT = [10.0, 30, 60, 80, 90, 70, 50, 30]


def a_history(value=40.0, n=40, n_held_out=10, highest=100.0):
    """Episodes of one step that return about `value`."""

    def episodes(many):
        return history_of([[0]] * many, [[0]] * many, [[value + i % 3 - 1] for i in range(many)])

    return facts_of(episodes(n), episodes(n_held_out), highest_reward=highest)


def test_a_run_that_rises_and_levels_off_gives_its_last_checkpoint():
    choice = choose(curve_of(RISING), history=a_history())

    assert (choice.n_updates, choice.rule, choice.is_made) == (8000, "last", True)
    assert "the last checkpoint is taken, after 8,000 updates, where it is 98" in choice.sentences[0]


def test_a_run_that_overfits_gives_its_peak_and_says_from_where_to_where_it_fell():
    choice = choose(curve_of(OVERFIT), history=a_history())

    assert choice.rule == "peak"
    assert choice.n_updates in (4000, 5000)
    assert "rose from 10 to 80 after 4,000 updates and fell to 30 after 8,000: the run overfits" in choice.sentences[0]


def test_a_fall_on_held_out_episodes_alone_is_overfitting_too():
    choice = choose(curve_of(RISING, held_out_q_mean=OVERFIT), history=a_history())

    assert choice.rule == "peak"
    assert "on held-out episodes rose" in choice.sentences[0]


def test_a_run_whose_td_error_stays_high_is_told_to_take_more_capacity_or_steps():
    choice = choose(curve_of(RISING, td_error=[2500.0] * 8), history=a_history())

    assert choice.is_underfitting
    assert any("underfits; try more capacity (width, depth) or more steps" in s and "51.3 %" in s for s in choice.sentences)


def test_a_run_whose_conservative_term_stays_high_is_told_so():
    choice = choose(curve_of(RISING, conservative=[50.0] * 8), history=a_history())

    assert any("conservative term still has 51.3 % of the expected return's size" in sentence for sentence in choice.sentences)


def test_a_run_that_says_nothing_of_what_it_expects_gives_its_last_checkpoint_and_that_is_said():
    choice = choose([{"n_updates": 100 * i, "loss": 1.0} for i in range(1, 6)], history=a_history())

    assert (choice.n_updates, choice.rule, choice.is_made) == (500, "last", True)
    assert choice.sentences[0].startswith("The run says nothing of the returns that it expects")


def test_a_run_that_diverges_is_cut_off_before_it_does():
    choice = choose(curve_of([10.0, 30, 60, 80, math.inf, math.nan, 1, 2]), history=a_history())

    assert choice.n_updates == 4000
    assert "The run diverged: after 5,000 updates a number is not finite" in choice.sentences[0]


def test_an_expectation_that_no_return_can_reach_is_no_ground_for_a_choice():
    """Rewards of at most 100 at a discount of a half: no return is above 200."""
    choice = choose(curve_of([10.0, 30, 60, 80, 201, 900, 4000, 9000]), history=a_history())

    assert choice.n_updates == 4000
    assert "the expected return is 201, and no return can be above 200" in choice.sentences[0]


def test_a_run_that_was_never_sound_gives_no_checkpoint():
    choice = choose(curve_of([math.nan] * 5), history=a_history())

    assert (choice.n_updates, choice.rule, choice.is_made) == (None, "none", False)


def spread(q_mean, apart, **others):
    """A curve whose checkpoints tell how far apart the rows are of which they expect most and least."""
    low, high = ([q + sign * half / 2 for q, half in zip(q_mean, apart, strict=True)] for sign in (-1, 1))
    return curve_of(q_mean, q_min=low, q_max=high, **others)


def test_a_collapsed_expectation_is_left_out_however_small_its_error():
    collapsed = curve_of([20.0, 30, 0.1, 0.0, 0.0, 0.0], td_error=[40.0, 50, 1e-4, 1e-6, 1e-6, 1e-6])
    choice = choose(collapsed, history=a_history())

    assert choice.n_updates == 2000
    assert "has collapsed: 0 on average, where the history's own returns were 39.9" in choice.sentences[0]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shift", [0.0, 1000.0, -1000.0, -40.0])
def test_what_tells_no_two_steps_apart_has_collapsed_whatever_sign_or_level_rewards_have(sign, shift):
    """The returns of the history lie between 39 and 41, and usually .8 apart; a tenth of that is .08."""
    q_mean = [shift + sign * q for q in (20.0, 30, 5, 0, 0, 0)]
    choice = choose(spread(q_mean, [9.0, 9, 9, 0.07, 0, 0]), history=a_history(value=shift + sign * 40.0, highest=2000.0))

    assert choice.n_updates in (2000, 3000)
    assert f"has collapsed: {shift:.3g} on average, where the history's own returns were" in choice.sentences[0]
    assert "and no two steps differ by more than 0, where those usually differ by 0.8" in choice.sentences[0]


@pytest.mark.parametrize(
    "q_mean", [[-5.0, -20, -28, -31], [-95.0, -70, -45, -31], [-60.0, -30, -12, -8.5], [-3.0, -7, -8, -8.5]]
)
def test_costs_far_below_those_of_the_history_are_a_better_policy_and_no_lack(q_mean):
    """A tenth of the cost is what learning is for, and nobody may call it collapsed or under way."""
    choice = choose(spread(q_mean, [20.0] * 4), history=a_history(value=-100.0))

    assert (choice.n_updates, choice.is_made, choice.is_underfitting) == (4000, True, False)
    assert not any("hardly begun" in told or "underfits" in told for told in choice.sentences)


def test_of_one_checkpoint_of_costs_nobody_knows_whether_it_is_on_its_way():
    costs, returns = (choose(curve_of([sign * 17.0]), history=a_history(value=sign * 100.0)) for sign in (-1, 1))

    assert not costs.is_underfitting
    assert returns.is_underfitting
    assert any("has come to 17 % of the history's own returns: the run underfits" in told for told in returns.sentences)


@pytest.mark.parametrize("shift", [1000.0, -1000.0, -40.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_run_that_is_still_on_its_way_says_so_at_any_level_of_rewards(sign, shift):
    history = a_history(value=shift + sign * 40.0, highest=2000.0)
    moving, levelled = (
        choose(spread([shift + sign * q for q in curve], [9.0] * 4), history=history)
        for curve in ([4.0, 8, 12, 16], [4.0, 26, 29, 29.3])
    )

    assert moving.is_underfitting
    assert not levelled.is_underfitting
    assert any("still moves" in told or "still grows" in told for told in moving.sentences)


def test_a_run_at_another_level_of_rewards_says_from_where_to_where_it_has_moved():
    choice = choose(curve_of([1004.0, 1008, 1012, 1016]), history=a_history(value=1040.0, highest=2000.0))

    told = "The expected return has moved from 1004 to 1016, 33.4 % of the way to the history's own returns, 1040"
    assert choice.sentences[1].startswith(told)


def test_of_runs_on_costs_the_better_one_is_taken_and_not_the_one_nearest_the_history():
    good, poor = spread([-5.0, -20, -28, -31], [20.0] * 4), spread([-20.0, -60, -85, -90], [20.0] * 4)

    assert choose_run({"good": good, "poor": poor}, history=a_history(value=-100.0)).run == "good"


def test_a_run_that_is_still_on_its_way_to_the_returns_of_the_history_underfits():
    short = choose(curve_of([4.0, 8, 12, 16]), history=a_history())
    costs = choose(curve_of([-4.0, -8, -12, -16]), history=a_history(value=-40.0))
    levelled = choose(curve_of([4.0, 8, 12, 12.1]), history=a_history())

    for choice in (short, costs):
        assert (choice.n_updates, choice.is_made, choice.is_underfitting) == (4000, True, True)
        assert choice.sentences[1].startswith("The expected return has come to 40 % of the history's own returns, and still")
        assert choice.sentences[1].endswith("the run underfits; try more capacity (width, depth) or more steps.")
    assert not levelled.is_underfitting


@pytest.mark.parametrize("short", [[0.5], [0.5, 0.9], [0.5, 1.0, 1.5, 2.0]])
def test_a_run_that_has_hardly_begun_is_told_to_go_on_and_not_that_it_collapsed(short):
    choice = choose(curve_of(short), history=a_history())

    assert choice.n_updates is None
    told = f"is {short[-1]:.3g} on average, where the history's own returns were 39.96: the run has hardly begun"
    assert told in choice.sentences[-1]
    assert choice.sentences[-1].endswith("Give it more steps (learner.updates).")
    assert not any("collapsed" in sentence for sentence in choice.sentences)


def test_too_little_history_supports_no_choice_and_says_so_first():
    choice = choose(curve_of(RISING), history=a_history(n=3))

    assert not choice.is_made
    assert choice.n_updates == 8000
    assert choice.sentences[0] == "The history cannot support a choice."
    assert "There are 3 episodes to learn from" in choice.sentences[1]


def test_a_lack_of_overlap_is_told_and_leaves_the_choice_to_the_curves():
    told = "Nothing can be weighed: the policy never varies."
    doubt = Doubt(kind="no_overlap", sentence=told, is_blocking=False)
    choice = choose(curve_of(RISING), history=a_history(), doubts=[doubt])

    assert choice.is_made
    assert choice.sentences[0] == told


def test_two_checkpoints_are_too_few_to_see_a_shape():
    choice = choose(curve_of([1.0, 50.0]), history=a_history())

    assert "The run has 2 checkpoints, and 4 are the fewest" in choice.sentences[0]


def test_fitted_values_overrule_curves_where_they_leave_no_doubt():
    fitted = {4000: Estimate("fqe", 90.0, 1.0, 10, 10), 8000: Estimate("fqe", 50.0, 1.0, 10, 10)}
    choice = choose(curve_of(RISING), history=a_history(), fitted=fitted)

    assert (choice.n_updates, choice.rule) == (4000, "fitted")
    assert any("Fitted values overrule the curves" in sentence for sentence in choice.sentences)


def test_fitted_values_within_their_noise_leave_the_choice_as_it_is():
    fitted = {4000: Estimate("fqe", 90.0, 30.0, 10, 10), 8000: Estimate("fqe", 50.0, 30.0, 10, 10)}
    choice = choose(curve_of(RISING), history=a_history(), fitted=fitted)

    assert (choice.n_updates, choice.rule) == (8000, "last")


def test_fitted_values_of_a_collapsed_checkpoint_do_not_count():
    fitted = {3000: Estimate("fqe", 900.0, 1.0, 10, 10), 2000: Estimate("fqe", 50.0, 1.0, 10, 10)}
    choice = choose(curve_of([20.0, 30, 0.0, 0.0]), history=a_history(), fitted=fitted)

    assert choice.n_updates == 2000


def test_the_record_goes_through_json_and_comes_back_the_same():
    choice = choose(curve_of(OVERFIT, td_error=[2500.0] * 8), history=a_history(n=3))

    assert Choice.from_json(json.loads(json.dumps(choice.to_json(), allow_nan=False))) == choice


def test_the_smallest_td_error_does_not_win_when_it_is_that_of_a_collapsed_expectation():
    """The known mistake: tuning on the TD error alone takes the run that expects nothing of anything."""
    learned = curve_of(RISING, td_error=[60.0] * 8, q_min=[0.0] * 8, q_max=[120.0] * 8)
    collapsed = curve_of([0.0] * 8, td_error=[1e-6] * 8, q_min=[-0.01] * 8, q_max=[0.01] * 8)
    chosen = choose_run({"learned": learned, "collapsed": collapsed}, history=a_history())

    assert chosen.run == "learned"
    assert chosen.choices["collapsed"].n_updates is None
    assert any(
        "Run collapsed ends with the smallest TD error, 1e-06 beside 60; that is no ground" in s for s in chosen.sentences
    )


def test_of_runs_with_fitted_values_the_one_with_the_best_lower_end_is_taken():
    fitted = {"wide": {8000: Estimate("fqe", 90.0, 30.0, 10, 10)}, "deep": {8000: Estimate("fqe", 80.0, 1.0, 10, 10)}}
    chosen = choose_run({"wide": curve_of(RISING), "deep": curve_of(RISING)}, history=a_history(), fitted=fitted)

    assert chosen.run == "deep"
    assert chosen.choice == chosen.choices["deep"]


def test_a_run_that_underfits_is_taken_only_where_there_is_no_other():
    high = curve_of([2 * q for q in RISING], td_error=[1e5] * 8)
    sound = curve_of(RISING, td_error=[9.0] * 8)

    assert choose_run({"high": high, "sound": sound}, history=a_history()).run == "sound"
    assert choose_run({"high": high}, history=a_history()).run == "high"


def test_no_run_is_taken_where_none_is_sound():
    chosen = choose_run({"a": curve_of([math.nan] * 4)}, history=a_history())

    assert (chosen.run, chosen.choice) == (None, None)
    assert json.loads(json.dumps(chosen.to_json()))["run"] is None


@pytest.mark.parametrize("scale", [0.01, 1.0, 1000.0])
def test_a_choice_does_not_depend_on_the_unit_of_reward(scale):
    choice = choose(
        curve_of([scale * q for q in OVERFIT]), history=replace(a_history(value=40.0 * scale), largest_value=math.inf)
    )

    assert choice.rule == "peak"


def test_the_newest_of_a_line_is_its_last_checkpoint_whatever_the_curve_looks_like():
    for q_mean in (RISING, OVERFIT, [0.0] * 8):  # a game of which nothing is expected yet is no collapse
        choice = newest(curve_of(q_mean), history=a_history())

        assert (choice.n_updates, choice.rule, choice.is_made) == (8000, "last", True)
    assert "What a version of a line is worth shows when it plays" in choice.sentences[0]


def test_the_newest_of_a_line_comes_before_the_run_broke_down():
    choice = newest(curve_of([10.0, 30.0, math.inf, 30.0]), history=a_history())

    assert choice.n_updates == 2000
    assert newest(curve_of([math.nan]), history=a_history()).place is None


def test_what_a_history_cannot_support_is_said_of_the_newest_and_forbids_nothing():
    thin = a_history(n=3, n_held_out=1)

    assert not choose(curve_of(RISING), history=thin).is_made
    choice = newest(curve_of(RISING), history=thin)

    assert choice.is_made
    assert choice.doubts
    assert not any(doubt.is_blocking for doubt in choice.doubts)
