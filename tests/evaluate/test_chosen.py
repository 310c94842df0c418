"""A chosen policy beside its history: estimates where the history allows them, the reason where it does not."""

import json
from dataclasses import replace

import numpy as np
import pytest

from chain import played, uphill, values
from gearbox import ACTIONS as GEARBOX
from gearbox import driven
from policyloop.core.loop import ActionSpec, BoxPart
from policyloop.evaluate.choice import Choice, choose
from policyloop.evaluate.chosen import held_against_history, target_of
from policyloop.evaluate.history import facts_of
from small_histories import curve_of, history_of

LABELS = ActionSpec(kind="discrete", labels=("left", "right"))
NUMBERS = ActionSpec(kind="continuous", box=(BoxPart(name="force", low=-1, high=1),))


class Rightwards:
    """Prefers the label `right`, or the number .5, in every state, and expects so much of it."""

    def __init__(self, expects=np.nan):
        self.expects = expects

    def scores(self, state):
        return np.tile([0.0, 1.0], (len(state), 1))

    def act(self, state):
        return np.full((len(state), 1), 0.5, dtype=np.float32)

    def value(self, state, action):
        return np.full(len(state), self.expects)


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


def test_two_models_of_the_return_that_disagree_are_told_and_close_ones_are_not():
    history = played(uphill(0.5), n=300, seed=7)
    said, report = held_against_history(a_choice(history), Rightwards(), history, actions=LABELS, floor=0.2)
    fqe = report.estimates["fqe"].estimate.value

    def kinds(expects):
        choice, _ = held_against_history(a_choice(history), Rightwards(expects), history, actions=LABELS, floor=0.2)
        return [doubt.kind for doubt in choice.doubts if doubt.kind == "models_disagree"]

    assert kinds(3 * fqe) == ["models_disagree"]
    assert kinds(fqe) == kinds(np.nan) == []
    assert said.numbers["estimate_own"] is None


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


def test_of_wide_states_fqe_alone_is_asked_and_that_is_said():
    wide = history_of(list(np.random.default_rng(0).normal(size=(30, 2, 80))), [[0, 0]] * 30, [[1.0, 2.0]] * 30)

    choice, report = held_against_history(a_choice(wide), Rightwards(), wide, actions=LABELS, floor=0.1)

    assert report is not None
    assert report.estimates.keys() == {"fqe"}
    assert "Of states or actions so wide only fqe was asked, which is an opinion; nothing was weighed." in choice.sentences


def test_wide_and_long_episodes_are_not_estimated_and_that_is_said():
    wide = history_of(list(np.random.default_rng(0).normal(size=(6, 3_000, 80))), [[0] * 3_000] * 6, [[1.0] * 3_000] * 6)

    choice, report = held_against_history(a_choice(wide), Rightwards(), wide, actions=LABELS, floor=0.1)

    assert report is None
    assert choice.sentences[-1].endswith("80 numbers of a state, 2 labels and 3,000 steps an episode would take minutes.")


def test_fqe_has_an_interval_that_knows_its_model_and_stands_beside_the_historys_own():
    history = played(uphill(0.5), n=80, seed=3)

    choice, _ = held_against_history(a_choice(history), Rightwards(), history, actions=LABELS, floor=0.2)

    low, high = choice.numbers["estimate_fqe_low"], choice.numbers["estimate_fqe_high"]
    assert low < choice.numbers["estimate_fqe"] < high
    assert low < values(uphill(0.9))[0] < high
    assert choice.numbers["estimate_history_low"] < choice.numbers["estimate_history"] < choice.numbers["estimate_history_high"]
    (told,) = (sentence for sentence in choice.sentences if sentence.startswith("By fqe"))
    assert "95 % sure between" in told


def test_of_many_episodes_some_are_looked_at_whole_and_how_many_is_said():
    history = played(uphill(0.5), n=250, seed=4)

    choice, report = held_against_history(a_choice(history), Rightwards(), history, actions=LABELS, floor=0.2)

    assert report is not None
    assert report.history.estimate.n == choice.numbers["estimate_episodes"] == 100
    (told,) = (sentence for sentence in choice.sentences if "held-out episodes were looked at" in sentence)
    assert told.startswith("To stay within seconds, 100 of 250 held-out episodes were looked at, spread evenly: ")


def test_without_held_out_episodes_the_choice_stays_as_it_is():
    history = played(uphill(0.5), n=30, seed=2)
    choice = a_choice(history)
    nothing = history.where(np.zeros(len(history), dtype=bool))

    assert held_against_history(choice, Rightwards(), nothing, actions=LABELS, floor=0.1) == (choice, None)


class AlwaysHigh:
    """The highest gear, and half of the throttle."""

    def act(self, state):
        return np.tile(np.float32([2, 0.5]), (len(state), 1))

    def value(self, state, action):
        return np.full(len(state), np.nan)


def test_labels_beside_numbers_are_evaluated_as_numbers():
    history = driven(100, seed=4)
    rewards = 1.0 * (history.action[:, 0] == 2) + history.action_value[:, 0]
    history = replace(history, reward=rewards.astype(np.float32))

    choice, report = held_against_history(a_choice(history), AlwaysHigh(), history, actions=GEARBOX, floor=0.0)

    assert report is not None
    assert choice.numbers["estimate_fqe"] == pytest.approx(1.5 / (1 - 0.5), rel=0.05)  # 1.5 a step for ever, halved each time
    assert any("never varies" in sentence for sentence in choice.sentences)
