"""A history too thin to learn from says so before training, with counts and rows."""

from dataclasses import replace

import numpy as np
import pytest

from gearbox import ACTIONS, driven
from made_history import MOVE, STEP, corridor, ladder
from policyloop.core.errors import Invalid
from policyloop.learn.thin import check_history


def check(history, actions=MOVE, names=("place",)):
    return check_history(history, actions=actions, loop="corridor", names=names)


def test_a_sound_history_has_neither_faults_nor_notes():
    assert check(corridor(20)) == ()
    assert check(ladder(20), STEP, ("rung",)) == ()


def test_few_episodes_and_few_steps_are_counted():
    with pytest.raises(Invalid) as refused:
        check(corridor(2, 10))

    assert "2 faults in the history of loop 'corridor'" in refused.value.message
    assert "episodes: are 2 below the split; expected at least 5" in refused.value.message
    assert "steps: are 20 below the split; expected at least 100" in refused.value.message


def test_no_episode_at_all_is_refused_too():
    nothing = corridor(5).where(np.zeros(100, dtype=bool))

    with pytest.raises(Invalid, match="are 0 below the split"):
        check(nothing)


def test_numbers_that_are_none_are_named_by_episode_and_step():
    history = corridor(20)
    history.reward[[3, 45]] = np.nan

    with pytest.raises(
        Invalid, match=r"reward: is not a finite number in 2 of 400 steps \(episode 0 step 3, episode 2 step 5\)"
    ):
        check(history)


def test_actions_outside_the_box_are_named_by_episode_and_step():
    history = corridor(20)
    history.action_value[21] = 0.3

    with pytest.raises(
        Invalid, match=r"move: is 0\.3 and the like in 1 of 400 steps \(episode 1 step 1\); expected -0\.2 to 0\.2"
    ):
        check(history)


def test_where_nothing_varies_nothing_can_be_compared():
    history = corridor(20)
    still = replace(history, action_value=np.full_like(history.action_value, 0.1), reward=np.ones_like(history.reward))

    with pytest.raises(Invalid) as refused:
        check(still)

    assert "action: is [0.1" in refused.value.message
    assert "in all 400 steps, so nothing shows what another would have brought" in refused.value.message
    assert "reward: is 1 in all 400 steps, so no action is better than another" in refused.value.message


def test_a_column_that_never_changes_is_told_and_no_fault():
    history = corridor(20)
    wider = replace(history, state=np.hstack([history.state, np.full((400, 1), 7.0, dtype=np.float32)]))

    assert check(wider, names=("place", "valve")) == ("valve never changes in 400 steps: nothing is learned about it.",)


def test_a_label_that_was_never_done_is_told():
    history = ladder(20)
    down = replace(history, action=np.zeros_like(history.action), action_value=history.state * 0)
    with pytest.raises(Invalid, match="action: is"):
        check(replace(down, action_value=np.zeros((160, 0), dtype=np.float32)), STEP, ("rung",))

    three = replace(STEP, labels=("down", "up", "jump"))
    assert check(history, three, ("rung",)) == ("jump was never done: what it brings is not known.",)


def test_missing_propensities_are_fine_to_learn_from_and_told_for_evaluation():
    history = corridor(20)
    history.propensity[:100] = np.nan

    (note,) = check(history)

    assert note.startswith("100 of 400 steps have no propensity: that is no matter to learning")


def test_a_label_beside_numbers_that_was_never_done_is_told():
    history = driven(40, seed=1)
    carefully = replace(history, action=np.minimum(history.action, 1))

    assert check(history, ACTIONS, ("slope", "load")) == ()
    assert check(carefully, ACTIONS, ("slope", "load")) == ("high was never done: what it brings is not known.",)
