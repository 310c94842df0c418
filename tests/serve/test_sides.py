"""Decisions that more than one model may make: what is drawn, what is logged, and that all of it can be made again."""

import json
import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from front_page import CONTEXT, FIELDS, front_page
from market import MARKET, offer
from policyloop.core.event import decode, encode, kind_of
from policyloop.core.loop import ExploreSpec
from policyloop.core.shadow import read_shadow
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.serve.answers import with_pmf
from served import Gives, HandClock, MemoryLog, decider_of, some_model, traffic_of

CHAMPION, CHALLENGER = "m" * 32, "c" * 32


def ask(**request) -> DecideRequest:
    return DecideRequest(**{"context": CONTEXT, **request})


def test_in_shadow_the_challenger_is_asked_and_the_champion_decides_as_if_alone():
    log, alone = MemoryLog(), MemoryLog()
    decider = decider_of(some_model(), log=log, traffic=traffic_of(some_model(seed=1), state="shadow"))
    for i in range(50):
        decider.decide(ask(decision_id=f"d{i}"))
        decider_of(some_model(), log=alone).decide(ask(decision_id=f"d{i}"))

    assert [msgspec.structs.replace(event, shadow=None) for event in log.events] == alone.events
    its = decider_of(some_model(seed=1)).decide(ask()).event.probabilities()
    assert json.loads(log.events[0].shadow) == {
        "policy": CHALLENGER,
        "pmf": its,
        "us": 0.0,
        "champion_us": 0.0,
        "challenge": "7",
        "state": "shadow",
    }


def test_advice_is_the_challengers_likeliest_action_and_only_while_it_advises():
    challenger = Gives(0.2, 0.3, 0.5)

    advised, shadowed = (
        decider_of(some_model(), traffic=traffic_of(challenger, state=state)).decide(ask()) for state in ("advisory", "shadow")
    )

    assert (advised.answer.advice.model, advised.answer.advice.action) == (CHALLENGER, front_page().labels[2])
    assert advised.answer.advice.values is msgspec.UNSET
    assert shadowed.answer.advice is msgspec.UNSET
    assert read_shadow(advised.event.shadow).advice == [2.0]


def test_a_challenger_is_not_asked_where_it_has_not_learned():
    challenger = Gives(0.1, 0.3, 0.6)
    challenger.is_within_history = lambda context: context["price"] < 20

    decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(challenger, share=0.5))
    inside, outside = (decider.decide(ask(context={**CONTEXT, "price": price})).event for price in (19.0, 21.0))

    assert read_shadow(inside.shadow).error is None
    assert read_shadow(outside.shadow).error == "is not asked, since the state is none that it has learned from"
    assert (outside.policy, outside.probabilities()) == (CHAMPION, pytest.approx([0.7, 0.2, 0.1]))


def test_a_canary_is_drawn_from_the_mixture_that_is_logged_and_names_whose_decision_it_was():
    decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(Gives(0.1, 0.3, 0.6), share=0.5, hold_out=0.2))

    decided = decider.decide(ask(decision_id="d1"))

    event, answer = decided.event, decided.answer
    held = 0.2 * np.array([0.98 + 0.02 / 3, 0.02 / 3, 0.02 / 3])  # the baseline's, with the floor
    np.testing.assert_allclose(event.probabilities() - held, [0.32, 0.2, 0.28], rtol=1e-12)
    assert event.mixture == [(CHAMPION, 0.4), (CHALLENGER, 0.4), ("baseline", 0.2)]
    assert event.policy == {"champion": CHAMPION, "challenger": CHALLENGER, "hold-out": "baseline"}[event.side]
    assert event.propensity == event.probabilities()[event.action[0]]
    assert read_shadow(event.shadow).champion == [0.7, 0.2, 0.1]
    assert (answer.policy, answer.fallback, answer.propensity) == (event.policy, False, event.propensity)
    assert with_pmf(answer, event, decider.live).pmf == event.probabilities()


def test_the_record_survives_the_log():
    decider = decider_of(some_model(), traffic=traffic_of(some_model(seed=1), hold_out=0.1))

    event = decider.decide(ask(subject="ann")).event

    assert decode(kind_of(event), encode(event)) == event


@pytest.mark.parametrize("n", [5_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_over_many_decisions_sides_and_actions_come_as_often_as_share_times_probability(n):
    pmfs = {"champion": (0.7, 0.2, 0.1), "challenger": (0.1, 0.3, 0.6), "hold-out": (0.98 + 0.02 / 3, 0.02 / 3, 0.02 / 3)}
    shares = {"champion": 0.81, "challenger": 0.09, "hold-out": 0.1}
    log = MemoryLog()
    traffic = traffic_of(Gives(*pmfs["challenger"]), share=0.1, hold_out=0.1)
    decider = decider_of(Gives(*pmfs["champion"]), log=log, traffic=traffic)
    for i in range(n):
        decider.decide(ask(decision_id=f"d{i}"))

    cells = [(side, action) for side in pmfs for action in range(3)]
    seen = [sum(e.side == side and e.action == [action] for e in log.events) for side, action in cells]

    expected = [n * shares[side] * pmfs[side][action] for side, action in cells]
    assert chisquare(seen, expected).pvalue > 1e-3


@settings(max_examples=60, deadline=None)
@given(
    floor=st.floats(0.01, 0.6),
    share=st.floats(0.01, 0.99),
    hold_out=st.sampled_from([0.0, 0.05, 0.5]),
    seed=st.integers(0, 5),
    exclude=st.sampled_from([None, ["calm"], ["bold"], ["calm", "playful"]]),
)
def test_whatever_is_mixed_the_log_has_probabilities_with_the_floor_for_all_that_may_be_taken(
    floor, share, hold_out, seed, exclude
):
    spec = front_page(explore=ExploreSpec(floor=floor))
    models = some_model(floor=floor), some_model("epsilon_greedy", floor=floor, seed=seed)
    decider = decider_of(models[0], spec=spec, traffic=traffic_of(models[1], share=share, hold_out=hold_out))

    event = decider.decide(ask(exclude=exclude)).event

    allowed = event.mask or [True] * 3
    pmf = event.probabilities()
    assert abs(sum(pmf) - 1) <= 1e-9
    assert min(p for p, may in zip(pmf, allowed, strict=True) if may) >= floor / sum(allowed) * (1 - 1e-9)
    assert all(p == 0 for p, may in zip(pmf, allowed, strict=True) if not may)
    assert abs(sum(share for _, share in event.mixture) - 1) <= 1e-12


def test_a_hold_out_alone_is_the_baselines_own_decision_and_no_fallback():
    log = MemoryLog()
    decider = decider_of(some_model(), log=log, traffic=traffic_of(hold_out=0.5))

    for i in range(200):
        decider.decide(ask(decision_id=f"d{i}"))

    held = [event for event in log.events if event.side == "hold-out"]
    assert 70 < len(held) < 130
    assert {(event.policy, event.is_fallback, event.propensity_kind) for event in held} == {("baseline", False, "probability")}
    assert {event.policy for event in log.events if event.side == "champion"} == {CHAMPION}
    assert decider.counts() == {}


class TestSticky:
    """One subject stays on one side for the length of a state."""

    def decided(self, *, log=None, **traffic):
        spec = front_page(*FIELDS, subject="campaign")
        beside = traffic_of(Gives(0.1, 0.3, 0.6), is_sticky=True, **traffic)
        return decider_of(Gives(0.7, 0.2, 0.1), spec=spec, traffic=beside, log=log)

    def sides(self, decider, *, n=60, times=4):
        return [
            {decider.decide(ask(context={**CONTEXT, "campaign": f"person {i}"})).event.side for _ in range(times)}
            for i in range(n)
        ]

    def test_each_subject_has_one_side_and_draws_from_that_sides_probabilities(self):
        log = MemoryLog()

        sides = self.sides(self.decided(log=log, share=0.5, hold_out=0.2))

        assert all(len(of_one) == 1 for of_one in sides)
        assert {side for of_one in sides for side in of_one} == {"champion", "challenger", "hold-out"}
        own = {"champion": [0.7, 0.2, 0.1], "challenger": [0.1, 0.3, 0.6]}
        assert all(event.probabilities() == own[event.side] for event in log.events if event.side != "hold-out")
        assert {read_shadow(event.shadow).by for event in log.events} == {"subject"}

    def test_the_next_state_draws_anew_but_for_those_held_out(self):
        canary, ramp = (self.sides(self.decided(state=state, share=0.5, hold_out=0.2)) for state in ("canary", "ramp"))

        assert canary != ramp
        assert [side == {"hold-out"} for side in canary] == [side == {"hold-out"} for side in ramp]

    def test_a_decision_about_nobody_is_drawn_by_itself(self):
        decider = self.decided(share=0.5)

        events = [decider.decide(ask(decision_id=f"d{i}")).event for i in range(100)]

        assert {event.side for event in events} == {"champion", "challenger"}
        for event in events:
            np.testing.assert_allclose(event.probabilities(), [0.4, 0.25, 0.35], rtol=1e-12)

    def test_where_nobody_has_to_stay_a_subject_changes_sides(self):
        beside = traffic_of(Gives(0.1, 0.3, 0.6), share=0.5)
        decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=beside)

        assert {decider.decide(ask(subject="ann")).event.side for _ in range(60)} == {"champion", "challenger"}


def test_an_episode_has_one_side():
    decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(Gives(0.1, 0.3, 0.6), share=0.5))

    events = [[decider.decide(ask(episode_id=f"e{i}", step=s)).event for s in range(5)] for i in range(30)]

    assert all(len({event.side for event in of_one}) == 1 for of_one in events)
    assert {of_one[0].side for of_one in events} == {"champion", "challenger"}
    assert {read_shadow(event.shadow).by for of_one in events for event in of_one} == {"episode"}


def test_without_exploration_the_side_comes_first_and_its_most_probable_action_is_taken():
    decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(Gives(0.1, 0.3, 0.6), share=0.5))

    events = [decider.decide(ask(explore=False)).event for _ in range(60)]

    assert {(event.side, event.action[0]) for event in events} == {("champion", 0), ("challenger", 2)}
    assert {(event.propensity, event.propensity_kind) for event in events} == {(1.0, "point")}
    assert {read_shadow(event.shadow).champion == [0.7, 0.2, 0.1] for event in events} == {True}


class TestBrokenChallenger:
    """It costs its own share and nothing else."""

    @pytest.mark.parametrize(
        ("policy", "reason"),
        [
            (Gives(0.5, 0.5), "gave 2 probabilities; expected 3, one per action."),
            (Gives(math.nan, 0.5, 0.5), "gave probabilities that sum to nan; expected 1 within 1e-09."),
        ],
    )
    def test_the_champion_has_its_share_and_the_shadow_says_why(self, policy, reason):
        decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(policy, hold_out=0.2))

        event = decider.decide(ask()).event

        assert event.mixture == [(CHAMPION, 0.8), ("baseline", 0.2)]
        shadow = read_shadow(event.shadow)
        assert (shadow.policy, shadow.error, shadow.pmf) == (CHALLENGER, reason, None)
        assert event.probabilities()[1] == pytest.approx(0.8 * 0.2 + 0.2 * 0.02 / 3)
        assert not event.is_fallback
        assert decider.last_error() == f"model {CHALLENGER} {reason}"

    def test_without_a_hold_out_the_champion_is_alone(self):
        event = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(Gives())).decide(ask()).event

        assert (event.policy, event.mixture, event.side) == (CHAMPION, None, None)
        assert event.probabilities() == [0.7, 0.2, 0.1]

    def test_it_is_left_alone_for_a_while_and_then_tried_again(self):
        clock, log = HandClock(), MemoryLog()
        decider = decider_of(Gives(0.7, 0.2, 0.1), clock=clock, log=log, traffic=traffic_of(Gives()))
        for _ in range(8):
            decider.decide(ask())
        clock.sleep(11)
        decider.decide(ask())

        errors = [read_shadow(event.shadow).error for event in log.events]
        assert errors[:6] == [errors[0]] * 6
        assert errors[6:8] == ["is left alone for a while after too many errors or slow answers"] * 2
        assert errors[8] == errors[0]
        assert decider.counts() == {}


def test_where_the_champion_breaks_the_baseline_stands_in_and_nobody_is_mixed():
    decider = decider_of(Gives(0.5, 0.5), traffic=traffic_of(Gives(0.1, 0.3, 0.6), hold_out=0.2))

    event = decider.decide(ask()).event

    assert (event.policy, event.is_fallback, event.mixture, event.side, event.shadow) == ("baseline", True, None, None, None)


def test_unlogged_decisions_know_of_no_challenge():
    decider = decider_of(some_model(), traffic=traffic_of(some_model(seed=1), hold_out=0.2))

    event = decider.decide_unlogged(ask()).event

    assert (event.policy, event.is_fallback, event.mixture) == ("baseline", True, None)


def test_an_apprentice_watches_alone():
    decider = decider_of(Gives(0.7, 0.2, 0.1), traffic=traffic_of(Gives(0.1, 0.3, 0.6), hold_out=0.2))

    event = decider.decide(ask(), acting="apprentice").event

    assert (event.mixture, event.side) == (None, None)
    assert json.loads(event.shadow) == {"policy": CHAMPION, "pmf": [0.7, 0.2, 0.1]}


def test_rankings_of_candidates_are_mixed_over_their_own_sets():
    rising, falling = Spread(1), Spread(-1)
    decider = decider_of(rising, spec=read_spec(MARKET), traffic=traffic_of(falling, share=0.5))
    few, many = offer(random.Random(1), 3), offer(random.Random(2), 40)

    short, long = (decider.decide(DecideRequest(context={"purse": "small"}, actions=offered, n=3)) for offered in (few, many))

    np.testing.assert_allclose(short.event.probabilities(), [1 / 3, 1 / 3, 1 / 3], rtol=1e-12)
    assert len(set(short.answer.ranking)) == 3
    shadow = read_shadow(long.event.shadow)
    assert shadow.probabilities == falling.pmf(None, [True] * 40)
    assert shadow.champion_probabilities == rising.pmf(None, [True] * 40)
    assert len(long.event.shadow) < 1_200


class Spread:
    """A policy over any number of candidates whose probabilities rise or fall with the place."""

    def __init__(self, step):
        self._step = step

    def pmf(self, context, allowed, candidates=None):
        weights = list(range(1, len(allowed) + 1))[:: self._step]
        return [weight / sum(weights) for weight in weights]


def test_the_same_id_gets_the_same_answer_when_a_challenge_begins():
    decider = decider_of(some_model())
    first = decider.decide(ask(decision_id="d1"))
    decider.assign(decider_of(some_model(), traffic=traffic_of(some_model(seed=1))).live)

    assert decider.decide(ask(decision_id="d1")).answer == first.answer
