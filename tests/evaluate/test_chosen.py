"""A chosen policy beside its history: estimates where the history allows them, the reason where it does not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from chain import played, uphill, values
from policyloop.core.loop import ActionSpec, BoxPart
from policyloop.evaluate.choice import Choice, choose
from policyloop.evaluate.chosen import held_against_history, target_of
from policyloop.evaluate.history import facts_of
from small_histories import curve_of, history_of

LABELS = ActionSpec(kind="discrete", labels=("left", "right"))
NUMBERS = ActionSpec(kind="continuous", box=(BoxPart(name="force", low=-1, high=1),))


class Rightwards:
    """Prefers the label `right`, or the number .5, in every state."""

    def scores(self, state):
        return np.tile([0.0, 1.0], (len(state), 1))

    def act(self, state):
        return np.full((len(state), 1), 0.5, dtype=np.float32)


def a_choice(history):
    facts = facts_of(history, history, highest_reward=1.0)
    return choose(curve_of([1.0, 2, 3, 4, 5]), history=facts)


def test_labels_are_taken_by_the_best_score_and_the_floor_is_shared():
    history = played(uphill(0.5), n=5, seed=1)
    target = target_of(Rightwards(), history, actions=LABELS, floor=0.2)

    assert target.pmf is not None
    np.testing.assert_allclose(target.pmf[0], [0.1, 0.9])


def test_the_record_tells_what_the_policy_would_have_returned_beside_the_history():
    history = played(uphill(0.5), n=300, seed=7)
    choice, report = held_against_history(a_choice(history), Rightwards(), history, actions=LABELS, floor=0.2)

    assert report is not None
    assert any(sentence.startswith("The history returned ") for sentence in choice.sentences)
    assert any(sentence.startswith("By dr the policy returns ") for sentence in choice.sentences)
    assert choice.numbers["estimate_fqe"] == pytest.approx(values(uphill(0.9))[0], rel=0.3)
    assert choice.numbers["estimate_history"] == pytest.approx(values(uphill(0.5))[0], rel=0.5)
    assert Choice.from_json(json.loads(json.dumps(choice.to_json(), allow_nan=False))) == choice


def test_a_policy_of_numbers_that_never_varies_has_no_overlap_and_the_choice_says_so():
    history = history_of([[0, 1]] * 30, [[0, 0]] * 30, [[1.0, 2.0]] * 30, kind="density")
    numbers = np.random.default_rng(0).uniform(-1, 1, (60, 1)).astype(np.float32)
    history = replace(history, action=np.empty((60, 0), dtype=np.int32), action_value=numbers, pmf=None)

    choice, report = held_against_history(a_choice(history), Rightwards(), history, actions=NUMBERS, floor=0.0)

    assert report is not None
    assert not report.has_overlap
    assert [doubt.kind for doubt in choice.doubts] == ["no_overlap"]
    assert "never varies and actions are numbers" in choice.sentences[-1]
    assert choice.is_made


def test_wide_states_are_not_estimated_and_that_is_said():
    wide = history_of([np.zeros((2, 80))] * 30, [[0, 0]] * 30, [[1.0, 2.0]] * 30)

    choice, report = held_against_history(a_choice(wide), Rightwards(), wide, actions=LABELS, floor=0.1)

    assert report is None
    assert choice.sentences[-1].endswith("states have more than 64 numbers.")


def test_without_held_out_episodes_the_choice_stays_as_it_is():
    history = played(uphill(0.5), n=30, seed=2)
    choice = a_choice(history)
    nothing = history.where(np.zeros(len(history), dtype=bool))

    assert held_against_history(choice, Rightwards(), nothing, actions=LABELS, floor=0.1) == (choice, None)
