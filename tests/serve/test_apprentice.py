"""An apprentice: the program's first choice is carried out, and what the policy would have done is written beside it."""

import json

import pytest

from front_page import CONTEXT, front_page
from policyloop.core.errors import DecisionConflict
from policyloop.core.wire import DecideRequest
from served import MemoryLog, decider_of, some_model

TITLE = "m" * 32


@pytest.fixture
def log():
    return MemoryLog()


@pytest.fixture
def decider(log):
    return decider_of(some_model(), name=TITLE, log=log)


def ask(**changes):
    return DecideRequest(**({"context": CONTEXT} | changes))


def test_the_first_action_is_taken_whatever_the_policy_thinks_of_it(decider):
    taken = {decider.decide(ask(decision_id=f"d{i}"), acting="apprentice").answer.action for i in range(50)}

    assert taken == {"calm"}


def test_the_first_of_those_that_may_be_taken_is(decider):
    assert decider.decide(ask(exclude=["calm"]), acting="apprentice").answer.action == "bold"


def test_the_log_says_truly_that_there_was_no_choice_and_what_the_policy_would_have_done(decider, log):
    decider.decide(ask(decision_id="watched"), acting="apprentice")
    decider.decide(ask(decision_id="decided"))

    watched, decided = log.events
    assert (watched.policy, watched.propensity, watched.propensity_kind) == ("baseline", 1.0, "point")
    assert (watched.probabilities(), watched.is_fallback, watched.action_source) == ([1.0, 0.0, 0.0], True, "expert")
    assert json.loads(watched.shadow) == {"policy": TITLE, "pmf": decided.probabilities()}


def test_where_nobody_acts_the_policy_is_not_asked(decider, log):
    answer = decider.decide(ask(), acting="nobody").answer

    assert (answer.action, answer.fallback, log.events[0].shadow) == ("calm", True, None)
    assert decider.counts() == {"not_acting": 1}


def test_a_retry_gets_the_same_answer_and_another_context_is_a_conflict(decider, log):
    first = decider.decide(ask(decision_id="d"), acting="apprentice")
    again = decider.decide(ask(decision_id="d"), acting="apprentice")

    assert again.is_repeat
    assert again.answer == first.answer
    assert len(log.events) == 1
    with pytest.raises(DecisionConflict):
        decider.decide(ask(decision_id="d", context=CONTEXT | {"hour": 10}), acting="apprentice")


@pytest.mark.parametrize("acting", ["apprentice", "nobody"])
def test_the_first_action_is_taken_too_while_the_log_cannot_be_written(acting, log):
    decider = decider_of(some_model(), spec=front_page(baseline="uniform"), log=log)

    answers = [decider.decide_unlogged(ask(exclude=["calm"]), acting=acting).answer for _ in range(30)]

    assert {answer.action for answer in answers} == {"bold"}
    assert {(answer.fallback, answer.logged) for answer in answers} == {(True, False)}
    assert log.events == []
