"""The promises of learners of episodes: an honest one keeps them all, and every fault is found by its promise."""

import itertools

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.learn.broken_rows import check_rows
from policyloop.policy.policies.forest_q import ForestQ, Grown
from policyloop.testing import episode_learners as contract

_CALLS = itertools.count()


class Averages:
    """Expects of a label what it brought on average, and what the better label brings next, whatever the state."""

    def __init__(self, train, held_out, *, actions, seed):
        if not actions.labels:
            raise BadSetting("learner.name is averages, which learns about labels.")
        check_rows(train, actions)
        self.train, self.held_out = train, held_out
        self.q = np.zeros(len(actions.labels))

    def next_value(self, rows):
        return np.where(rows.terminated, 0.0, self.q.max())

    def advance(self, n_updates):
        for _ in range(n_updates):
            target = self.train.reward + self.train.discount * self.next_value(self.train)
            self.q = np.array([target[self.train.action[:, 0] == k].mean() for k in range(len(self.q))])
        loss = float(self.q.sum() ** 2)
        return {"critic_loss": loss, "td_error": loss, "conservative": 0.0}

    def diagnose(self):
        told = {}
        for before, rows in (("", self.train), ("held_out_", self.held_out)):
            if len(rows):
                q = self.policy().value(rows.state, rows.action[:, 0]).astype(np.float64)
                stand = {"q_mean": q.mean(), "q_min": q.min(), "q_max": q.max(), "td_error": 0.1, "conservative": 0.0}
                told |= {f"{before}{name}": float(number) for name, number in stand.items()}
        return told

    def policy(self):
        critic = tuple(Grown.of(float(q)) for q in self.q)
        return ForestQ((critic, critic), 1.0, (2,), np.zeros(0), np.zeros(0))

    def state(self):
        return {"q": self.q.copy()}

    def resume(self, state):
        self.q = state["q"]


class DrawsFromElsewhere(Averages):
    def advance(self, n_updates):
        told = super().advance(n_updates)
        self.q = self.q + next(_CALLS)
        return told


class BeginsAnewWithEachCall(Averages):
    def advance(self, n_updates):
        self.q = np.zeros(2)
        return super().advance(n_updates)


class ForgetsWhereItStood(Averages):
    def resume(self, state):
        self.q = np.zeros(2)


class HandsOutItsOwnNumbers(Averages):
    def policy(self):
        if not hasattr(self, "shared"):
            self.shared = super().policy()
        for grown, q in zip(self.shared.critics[0], self.q, strict=True):
            grown._value = float(q)
        return self.shared


class ScalesInPlace(Averages):
    def advance(self, n_updates):
        self.train.reward[:] /= 2
        return super().advance(n_updates)


class LearnsFromAll(Averages):
    def next_value(self, rows):
        return super().next_value(rows) + self.held_out.reward.mean()


class KeepsTheErrorToItself(Averages):
    def diagnose(self):
        return {name: number for name, number in super().diagnose().items() if "td_error" not in name}


class RunsAwayInSilence(Averages):
    def diagnose(self):
        return super().diagnose() | {"conservative": float("nan")}


class MakesUpEpisodes(Averages):
    def diagnose(self):
        return {"held_out_q_mean": 0.0} | super().diagnose()


class TellsOfAnother(Averages):
    def diagnose(self):
        return super().diagnose() | {"q_mean": 0.3}


class RoundsWhatItSaves(ForestQ):
    """A policy whose file is not quite the policy."""

    def save(self):
        settings, tensors = ForestQ.save(self)
        return settings, {name: np.frombuffer(b"value 0.5", dtype=np.uint8) for name in tensors}


class LosesOnTheWay(Averages):
    def policy(self):
        made = super().policy()
        return RoundsWhatItSaves(made.critics, 1.0, (2,), made.low, made.high)


class ScoresOneLabel(Averages):
    def policy(self):
        critic = (Grown.of(float(self.q[0])),)
        return ForestQ((critic, critic), 1.0, (2,), np.zeros(0), np.zeros(0))


class TakesACutForAnEnd(Averages):
    def next_value(self, rows):
        return np.where(rows.terminated | rows.truncated, 0.0, self.q.max())


class TakesAnEndForACut(Averages):
    def next_value(self, rows):
        return np.full(len(rows), self.q.max())


class LearnsFromAnything(Averages):
    def __init__(self, train, held_out, *, actions, seed):
        super().__init__(train.where(np.zeros(len(train), bool)), held_out, actions=actions, seed=seed)
        self.train = train


class NeedsManySteps(Averages):
    def __init__(self, train, held_out, *, actions, seed):
        super().__init__(train, held_out, actions=actions, seed=seed)
        assert len(train) >= 20, "too few steps"


class RefusesEverything(Averages):
    def __init__(self, train, held_out, *, actions, seed):
        raise BadSetting("not today")


@pytest.mark.parametrize("promise", contract.PROMISES, ids=lambda promise: promise.__name__)
def test_an_honest_learner_keeps_every_promise(promise):
    promise(Averages)


@pytest.mark.parametrize(
    ("broken", "promise", "said"),
    [
        (DrawsFromElsewhere, contract.equal_arguments_and_seed_give_equal_bits, "the state differs in q; expected equal"),
        (BeginsAnewWithEachCall, contract.learning_in_pieces_is_learning_at_once, "the state differs in q"),
        (ForgetsWhereItStood, contract.what_goes_on_from_a_state_is_as_if_nothing_had_happened, "after resume it told"),
        (HandsOutItsOwnNumbers, contract.learning_does_not_change_a_policy_already_handed_out, "changed after it was"),
        (ScalesInPlace, contract.learning_does_not_change_the_history, "learning changed reward of the history"),
        (LearnsFromAll, contract.held_out_episodes_are_told_of_and_never_learned_from, "with other held-out episodes"),
        (KeepsTheErrorToItself, contract.it_tells_what_the_choice_of_a_checkpoint_reads, "does not tell held_out_td_error"),
        (RunsAwayInSilence, contract.it_tells_what_the_choice_of_a_checkpoint_reads, "conservative is nan; expected a finite"),
        (MakesUpEpisodes, contract.without_held_out_episodes_it_tells_of_the_data_alone, "although no episode was held out"),
        (TellsOfAnother, contract.what_it_tells_of_the_data_is_what_its_policy_expects, "q_mean is 0.3; by the policy"),
        (LosesOnTheWay, contract.a_policy_saved_and_loaded_answers_the_same_bits, "saved and loaded, it answers another value"),
        (ScoresOneLabel, contract.actions_lie_in_the_box_and_among_the_labels, r"shape \(8, 1\); expected \(8, 2\)"),
        (TakesACutForAnEnd, contract.after_an_end_nothing_is_expected_and_after_a_cut_what_comes, "a step is worth 1"),
        (TakesAnEndForACut, contract.after_an_end_nothing_is_expected_and_after_a_cut_what_comes, "a step is worth 2.00"),
        (LearnsFromAnything, contract.rows_that_are_broken_are_refused_by_their_number, "in row 3 was learned from"),
        (NeedsManySteps, contract.it_can_be_made_of_two_steps_in_which_nothing_happens, "too few steps"),
        (RefusesEverything, contract.equal_arguments_and_seed_give_equal_bits, "expected a learner of at least one of them"),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)  # fmt: skip
def test_a_learner_with_a_fault_is_found_out(broken, promise, said):
    with pytest.raises(AssertionError, match=said):
        promise(broken)
