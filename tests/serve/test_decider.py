"""The decider: true probabilities, a draw that replays, the same answer for the same id, and an answer in any case."""

import math

import numpy as np
import pytest

from front_page import CONTEXT, FIELDS, NOW_US, SALT, front_page
from policyloop.core.clock import iso
from policyloop.core.errors import DecisionConflict, Invalid, LogUnavailable
from policyloop.core.event import decode, encode, kind_of
from policyloop.core.loop import ActionSpec, ExploreSpec
from policyloop.core.rng import draw, keyed_uniform, salt_id
from policyloop.core.wire import DecideRequest
from policyloop.serve.answers import with_pmf
from served import Gives, HandClock, MemoryLog, decider_of, some_model

EXPLORERS = ("greedy", "epsilon_greedy", "squarecb", "thompson")


def ask(**request) -> DecideRequest:
    return DecideRequest(**{"context": CONTEXT, **request})


class Raises:
    def pmf(self, context, allowed, candidates=None):
        raise ZeroDivisionError("the model divides by zero")


def test_the_answer_says_what_was_logged():
    log = MemoryLog()

    decider = decider_of(some_model(), log=log)
    decided = decider.decide(ask(decision_id="d1", episode_id="e1", step=3, defer=True))

    (event,) = log.events
    answer = decided.answer
    assert decided.event is event
    assert decided.seq == 1
    assert (answer.decision_id, answer.decided_at) == ("d1", iso(NOW_US))
    assert (answer.action, answer.index) == (("calm", "bold", "playful")[event.action[0]], event.action[0])
    assert answer.propensity == event.propensity == event.probabilities()[event.action[0]]
    assert (answer.policy, answer.fallback, answer.logged, answer.deferred) == ("m" * 32, False, True, True)
    assert answer.split == event.split
    assert with_pmf(decided.answer, event, decider.live).pmf == event.probabilities()


def test_the_record_holds_all_that_a_replay_needs_and_survives_the_log():
    decided = decider_of(some_model()).decide(ask(decision_id="d1", occurred_at=iso(NOW_US - 5), subject="ann"))

    event = decided.event
    assert event.loop == "front-page"
    assert event.spec == front_page().digest
    assert event.context.startswith('{"hour":9,"device":"phone","price":12.5,"is_member":true,"query":null,"tags":[]')
    assert event.draw_version == 1
    assert event.salt_id == salt_id(SALT)
    assert event.occurred_at == NOW_US - 5
    assert len(event.subject) == 16
    assert decode(kind_of(event), encode(event)) == event


def test_the_action_is_drawn_from_the_logged_probabilities_by_the_keyed_hash():
    decider = decider_of(some_model())

    for i in range(200):
        event = decider.decide(ask(decision_id=f"d{i}")).event
        u = keyed_uniform(SALT, "front-page", f"d{i}", "action")
        assert event.action == [draw(event.probabilities(), u)]
        assert event.split == keyed_uniform(SALT, "front-page", f"d{i}", "split")


@pytest.mark.parametrize("explorer", EXPLORERS)
def test_actions_are_taken_as_often_as_their_logged_propensity_says(explorer):
    spec = front_page(explore=ExploreSpec(name=explorer, floor=0.3))
    decider = decider_of(some_model(explorer, floor=0.3), spec=spec)
    n = 3_000

    events = [decider.decide(ask(decision_id=f"d{i}")).event for i in range(n)]

    pmf = np.array(events[0].probabilities())
    taken = np.bincount([event.action[0] for event in events], minlength=3)
    stderr = np.sqrt(n * pmf * (1 - pmf))
    assert pmf.min() >= 0.1 - 1e-12
    assert abs(pmf.sum() - 1) < 1e-9
    assert (abs(taken - n * pmf) < 4 * stderr + 1e-9).all()


@pytest.mark.slow
@pytest.mark.parametrize("explorer", EXPLORERS)
def test_over_a_million_draws_frequencies_fit_the_logged_probabilities(explorer):
    decider = decider_of(some_model(explorer, floor=0.1), spec=front_page(explore=ExploreSpec(name=explorer, floor=0.1)))
    pmf = decider.decide(ask()).event.probabilities()
    n = 1_000_000

    taken = np.bincount([draw(pmf, keyed_uniform(SALT, "front-page", f"d{i}", "action")) for i in range(n)], minlength=3)

    expected = n * np.array(pmf)
    chi_square = float(((taken - expected) ** 2 / expected).sum())
    assert math.exp(-chi_square / 2) > 1e-3  # the tail of chi-square with two degrees of freedom


def test_masked_actions_are_never_taken_and_have_no_probability():
    decider = decider_of(some_model())

    for i in range(100):
        event = decider.decide(ask(decision_id=f"d{i}", exclude=["bold"])).event
        assert event.probabilities()[1] == 0.0
        assert event.action != [1]
        assert event.mask == [True, False, True]


def test_long_probabilities_are_logged_whole():
    labels = tuple(f"a{i}" for i in range(40))
    spec = front_page(actions=ActionSpec(kind="discrete", labels=labels), baseline="uniform")

    event = decider_of(spec=spec).decide(ask()).event

    assert isinstance(event.pmf[0], bytes)
    np.testing.assert_allclose(event.probabilities(), np.full(40, 1 / 40), rtol=1e-15)


def test_an_episode_has_one_split():
    decider = decider_of()

    splits = {decider.decide(ask(episode_id="e", step=i)).event.split for i in range(5)}

    assert len(splits) == 1


def test_without_an_id_each_decision_gets_its_own():
    decider = decider_of()

    ids = {decider.decide(ask()).answer.decision_id for _ in range(50)}

    assert len(ids) == 50
    assert all(int(made[:8] + made[9:13], 16) == NOW_US // 1000 for made in ids)


def test_without_exploration_the_most_probable_action_is_taken_and_logged_as_a_point():
    explored = decider_of(some_model()).decide(ask(decision_id="d1")).event
    best = int(np.argmax(explored.probabilities()))

    event = decider_of(some_model()).decide(ask(decision_id="d1", explore=False)).event

    assert event.action == [best]
    assert event.probabilities() == [float(i == best) for i in range(3)]
    assert (event.propensity, event.propensity_kind) == (1.0, "point")


def test_without_exploration_a_masked_action_is_still_not_taken():
    event = decider_of().decide(ask(explore=False, exclude=["calm"])).event

    assert event.action == [1]


def test_what_does_not_fit_is_refused_and_not_logged():
    log = MemoryLog()

    with pytest.raises(Invalid, match="hour"):
        decider_of(log=log).decide(ask(context={**CONTEXT, "hour": 99}))

    assert log.events == []


def test_the_same_id_and_context_get_the_same_answer_for_a_minute_even_after_a_swap():
    clock, log = HandClock(), MemoryLog()
    decider = decider_of(clock=clock, log=log)
    first = decider.decide(ask(decision_id="d1"))
    decider.assign(decider_of(some_model()).live)
    clock.sleep(59)

    again = decider.decide(ask(decision_id="d1"))

    assert again.answer == first.answer
    assert again.seq == first.seq
    assert again.is_repeat
    assert len(log.events) == 1


def test_after_a_minute_the_same_id_is_decided_again_and_draws_the_same_action():
    clock, log = HandClock(), MemoryLog()
    decider = decider_of(some_model(), clock=clock, log=log)
    first = decider.decide(ask(decision_id="d1"))
    clock.sleep(61)

    again = decider.decide(ask(decision_id="d1"))

    assert not again.is_repeat
    assert again.event.action == first.event.action
    assert again.event.probabilities() == first.event.probabilities()
    assert len(log.events) == 2


@pytest.mark.parametrize("other", [{"context": {**CONTEXT, "hour": 10}}, {"exclude": ["calm"]}, {"explore": False}])
def test_the_same_id_with_another_question_is_a_conflict(other):
    decider = decider_of()
    decider.decide(ask(decision_id="d1"))

    with pytest.raises(DecisionConflict, match="'d1' was already decided with another context"):
        decider.decide(ask(decision_id="d1", **other))


def test_an_equal_context_written_otherwise_is_the_same():
    decider = decider_of()
    first = decider.decide(ask(decision_id="d1"))
    written_otherwise = {"tags": [], **dict(reversed(CONTEXT.items()))}

    assert decider.decide(ask(decision_id="d1", context=written_otherwise)).answer == first.answer


def test_without_a_model_the_baseline_decides_and_says_so():
    log = MemoryLog()
    decider = decider_of(log=log)

    answer = decider.decide(ask()).answer

    assert (answer.policy, answer.fallback) == ("baseline", True)
    np.testing.assert_allclose(log.events[0].probabilities(), [0.98 + 0.02 / 3, 0.02 / 3, 0.02 / 3], rtol=1e-12)
    assert log.events[0].is_fallback
    assert decider.counts() == {"no_model": 1}


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        (Raises(), "raised ZeroDivisionError: the model divides by zero"),
        (Gives(0.5, 0.5), "gave 2 probabilities; expected 3, one per action."),
        (Gives(math.nan, 0.5, 0.5), "gave probabilities that sum to nan; expected 1 within 1e-09."),
        (Gives(0.5, 0.5, 0.1), "gave probabilities that sum to 1.1; expected 1 within 1e-09."),
        (Gives(math.inf, 0.0, 0.0), "gave probabilities that sum to inf; expected 1 within 1e-09."),
        (Gives(1.5, -0.5, 0.0), "gave the probability -0.5; expected 0 to 1."),
    ],
)
def test_a_broken_model_is_stood_in_for_by_the_baseline_with_its_own_probabilities(policy, reason):
    decider = decider_of(policy)

    event = decider.decide(ask()).event

    assert (event.policy, event.is_fallback) == ("baseline", True)
    assert event.probabilities()[0] == pytest.approx(0.98 + 0.02 / 3)
    assert decider.last_error() == f"model {'m' * 32} {reason}"
    assert decider.counts() == {"model_error": 1}


def test_a_model_that_ignores_the_mask_is_broken():
    decider = decider_of(Gives(0.25, 0.5, 0.25))

    assert not decider.decide(ask()).event.is_fallback
    assert decider.decide(ask(exclude=["bold"])).event.is_fallback
    assert "although it is masked" in decider.last_error()


def test_a_model_that_keeps_breaking_is_left_alone_for_a_while_and_then_tried_again():
    clock = HandClock()
    decider = decider_of(Raises(), clock=clock)
    for _ in range(20):
        decider.decide(ask())
    assert decider.counts() == {"model_error": 6, "breaker_open": 14}

    clock.sleep(11)
    decider.decide(ask())
    decider.decide(ask())

    assert decider.counts() == {"model_error": 7, "breaker_open": 15}


def test_a_new_model_starts_with_a_closed_breaker():
    decider = decider_of(Raises())
    for _ in range(20):
        decider.decide(ask())

    decider.assign(decider_of(some_model()).live)

    assert not decider.decide(ask()).event.is_fallback


def test_when_the_log_refuses_nothing_is_decided_and_a_retry_is_logged():
    log = MemoryLog()
    decider = decider_of(log=log)
    log.error = LogUnavailable("the disk is full")
    with pytest.raises(LogUnavailable):
        decider.decide(ask(decision_id="d1"))
    log.error = None

    decided = decider.decide(ask(decision_id="d1"))

    assert not decided.is_repeat
    assert len(log.events) == 1


def test_a_decision_that_did_not_become_durable_can_be_forgotten():
    log = MemoryLog()
    decider = decider_of(log=log)
    decided = decider.decide(ask(decision_id="d1"))

    decider.forget(decided.event)

    assert not decider.decide(ask(decision_id="d1")).is_repeat
    assert len(log.events) == 2


def test_unlogged_answers_come_from_the_baseline_and_say_that_nothing_was_kept():
    log = MemoryLog()
    decider = decider_of(some_model(), log=log)

    answer = decider.decide_unlogged(ask(decision_id="d1")).answer

    assert (answer.fallback, answer.logged, answer.policy) == (True, False, "baseline")
    assert log.events == []
    assert not decider.decide(ask(decision_id="d1")).is_repeat
    assert decider.counts() == {"log_unavailable": 1}


def test_the_policy_decides_on_what_is_logged():
    hidden = [field for field in FIELDS if field.name != "campaign"]
    seen = []

    class Looks:
        def pmf(self, context, allowed, candidates=None):
            seen.append(dict(context))
            return [1.0, 0.0, 0.0]

    spec = front_page(*FIELDS, subject="campaign")

    event = decider_of(Looks(), spec=spec).decide(ask(context={**CONTEXT, "campaign": "ann"})).event

    assert list(seen[0]) == [field.name for field in hidden]
    assert "ann" not in event.context
    assert "ann" not in encode(event).decode("latin-1")
