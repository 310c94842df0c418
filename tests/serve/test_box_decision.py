"""Decisions that are numbers: true densities, limits that nothing leaves, a baseline where the model would have to guess."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cart import LIMITED, SALT, STATE, Drives, Pushes, cart, engine
from front_page import CONTEXT, front_page
from policyloop.core.density import Density
from policyloop.core.errors import DecisionConflict, Invalid, LogUnavailable
from policyloop.core.event import decode, encode, kind_of, unpack_floats
from policyloop.core.loop import EpisodeSpec, ExploreSpec, LimitSpec
from policyloop.core.rng import keyed_uniform
from policyloop.core.shadow import read_shadow
from policyloop.core.state import MAX_FLOAT32, StateEncoder
from policyloop.core.wire import DecideRequest
from policyloop.policy.boxed import BoxPolicy, explorer_of
from policyloop.policy.onnx_network import OnnxNetwork
from policyloop.policy.policies.network import random_network
from policyloop.serve.answers import with_pmf
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from served import Gives, HandClock, MemoryLog, traffic_of

MODEL = "m" * 32


def decider_of(policy=None, *, spec=None, log=None, clock=None, traffic=None) -> Decider:
    name = "baseline" if policy is None else MODEL
    live = live_of(spec or cart(), salt=SALT, policy=policy, name=name, traffic=traffic)
    return Decider(live, clock=clock or HandClock(), append=(log or MemoryLog()).append)


def ask(step=None, *, x=0.1, episode="e1", **request) -> DecideRequest:
    return DecideRequest(**{"context": {**STATE, "x": x}, "episode_id": episode, "step": step, **request})


def raised(make) -> str:
    with pytest.raises(Invalid) as caught:
        make()
    (fault,) = caught.value.faults
    return f"{fault.where} {fault.message}"


class Wrong:
    """A policy that answers what it is told to."""

    def __init__(self, density=None, value=0.0):
        self._density, self._value = density, value

    def density(self, context, low, high):
        if self._density is None:
            raise ZeroDivisionError("no density")
        return self._density

    def value(self, context, values):
        return self._value


def test_the_answer_says_what_was_logged():
    log = MemoryLog()
    decider = decider_of(Pushes(), log=log)

    decided = decider.decide(ask(3, decision_id="d1"))

    (event,), answer = log.events, decided.answer
    (force,) = event.action_value
    density = Density.from_json(event.density)
    assert answer.values == {"force": force}
    assert (answer.action, answer.index, answer.step) == (f'{{"force":{force}}}', 0, 3)
    assert answer.propensity == event.propensity == density.at([force])
    assert (answer.propensity_kind, event.propensity_kind) == ("density", "density")
    assert (event.policy, event.is_fallback, event.action, event.pmf) == (MODEL, False, [], None)
    assert (event.episode_id, event.step, event.draw_version) == ("e1", 3, 1)
    assert with_pmf(answer, event, decider.live).density == event.density
    assert decode(kind_of(event), encode(event)) == event


def test_the_estimate_is_of_the_action_that_is_returned():
    decided = decider_of(Pushes()).decide(ask(0))

    (force,) = decided.event.action_value
    assert decided.answer.action_value_estimate == decided.event.action_value_estimate == -abs(force + 0.1)


def test_numbers_are_drawn_by_streams_of_their_own():
    decided = decider_of(Pushes(floor=0.5)).decide(ask(0, decision_id="d1"))

    density = Density.from_json(decided.event.density)
    coin, u = (keyed_uniform(SALT, "cart", "d1", stream) for stream in ("floor", "action 0"))
    assert density.floor == 0.5
    assert density.draw(coin, [u]) == (decided.event.action_value, decided.event.action_source == "random")


def test_the_floor_is_drawn_as_often_as_it_says_and_its_actions_are_called_random():
    log = MemoryLog()
    decider = decider_of(Pushes(floor=0.3), log=log)
    for i in range(1500):
        decider.decide(ask(0, episode=f"e{i}"))

    share = sum(event.action_source == "random" for event in log.events) / 1500
    assert share == pytest.approx(0.3, abs=0.036)  # 3 standard errors
    assert {event.action_source for event in log.events} == {"random", "policy"}


def test_without_exploring_the_mode_is_done_for_sure():
    event = decider_of(Pushes(), spec=cart(limits=(LimitSpec(name="force", low=-0.05),))).decide(ask(0, explore=False)).event

    assert event.action_value == [-0.05]  # it would push with -0.1
    assert (event.propensity, event.propensity_kind, event.action_source) == (1.0, "point", "policy")
    assert Density.from_json(event.density).family == "point"


def test_a_policy_that_is_mostly_sure_has_a_mass_there():
    policy = Wrong(Density(family="point", loc=[0.25], low=[-1.0], high=[1.0], floor=0.02))

    event = decider_of(policy).decide(ask(0, decision_id="d1")).event

    assert (event.propensity, event.propensity_kind, event.action_source) == (0.98, "mixed", "policy")


@pytest.mark.parametrize(
    ("baseline", "values", "expected"),
    [("middle", {}, 0.0), ("values", {"force": 0.3}, 0.3)],
)
def test_without_a_model_the_baseline_decides(baseline, values, expected):
    spec = cart(baseline=baseline, baseline_values=values, explore=ExploreSpec(name="gaussian", floor=0.0))

    decider = decider_of(spec=spec)
    event = decider.decide(ask(0)).event

    assert event.action_value == [expected]
    assert (event.policy, event.is_fallback, event.propensity_kind) == ("baseline", True, "point")
    assert event.action_value_estimate is None
    assert decider.counts() == {"no_model": 1}


def test_the_uniform_baseline_is_even_between_the_limits():
    log = MemoryLog()
    decider = decider_of(spec=cart(baseline="uniform", limits=(LimitSpec(name="force", low=0.5),)), log=log)
    for i in range(300):
        decider.decide(ask(0, episode=f"e{i}"))

    assert {event.propensity for event in log.events} == {2.0}  # over a width of a half
    assert 0.5 <= min(event.action_value[0] for event in log.events) < 0.52


def test_labels_and_numbers_are_drawn_together():
    log = MemoryLog()
    decider = decider_of(Drives(), spec=engine(), log=log)

    answers = [decider.decide(ask(0, episode=f"e{i}")).answer for i in range(400)]

    for event, answer in zip(log.events, answers, strict=True):
        pmf, density = unpack_floats(event.pmf[0]), Density.from_json(event.density)
        assert event.propensity == pytest.approx(pmf[event.action[0]] * density.at(event.action_value))
        assert answer.values == {
            "gear": ("low", "high")[event.action[0]],
            "throttle": event.action_value[0],
            "brake": event.action_value[1],
        }
        assert event.action_value_estimate == 10.0 * event.action[0] + event.action_value[0]
    assert sum(event.action[0] for event in log.events) / 400 == pytest.approx(0.75, abs=0.065)
    assert with_pmf(answers[0], log.events[0], decider.live).pmf == {"gear": [0.25, 0.75]}


def test_the_sure_action_of_labels_and_numbers_is_a_point():
    event = decider_of(Drives(), spec=engine()).decide(ask(0, explore=False)).event

    assert (event.action, event.propensity, event.propensity_kind) == ([1], 1.0, "point")


def test_the_baseline_of_labels_and_numbers_has_values_for_both():
    floorless = ExploreSpec(name="gaussian", floor=0.0)
    named = {"gear": "high", "throttle": 0.1, "brake": 4.0}
    by_value = decider_of(spec=engine(baseline="values", baseline_values=named, explore=floorless)).decide(ask(0))
    in_the_middle = decider_of(spec=engine(explore=floorless)).decide(ask(0))

    assert by_value.answer.values == named
    assert in_the_middle.answer.values == {"gear": "low", "throttle": 0.5, "brake": 2.0}


def test_a_state_outside_the_history_is_the_baseline_s_and_is_counted():
    decider = decider_of(Pushes(reach=2.0))

    inside, outside = decider.decide(ask(0, x=1.9)), decider.decide(ask(1, x=2.1))

    assert (inside.answer.fallback, inside.answer.policy) == (False, MODEL)
    assert (outside.answer.fallback, outside.answer.policy) == (True, "baseline")
    assert decider.counts() == {"outside_history": 1}


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (Wrong(), "raised ZeroDivisionError: no density"),
        (
            Wrong(Density(family="uniform", low=[-2.0], high=[2.0])),
            "gave a density between [-2.0] and [2.0]; expected the limits",
        ),
        (
            Wrong(Density(family="normal", loc=[math.nan], scale=[1.0], low=[-1.0], high=[1.0])),
            "gave a density that has [nan] in loc; expected finite numbers.",
        ),
        (
            Wrong(Density(family="normal", loc=[0.0], scale=[0.0], low=[-1.0], high=[1.0])),
            "gave a density that has [0.0] in scale; expected numbers above 0.",
        ),
        (
            Wrong(Density(family="uniform", low=[-1.0], high=[1.0]), value=math.nan),
            "expects a return of nan; expected a finite number.",
        ),
    ],
)
def test_a_model_that_errs_has_the_baseline_stand_in(policy, said):
    decider = decider_of(policy)

    answer = decider.decide(ask(0)).answer

    assert (answer.fallback, answer.policy) == (True, "baseline")
    assert decider.counts() == {"model_error": 1}
    assert decider.last_error().startswith(f"model {MODEL} {said}")


def test_a_model_that_errs_again_and_again_is_left_alone():
    decider = decider_of(Wrong())
    for i in range(20):
        decider.decide(ask(i))

    assert decider.counts() == {"model_error": 6, "breaker_open": 14}


def test_a_bell_far_from_the_limits_comes_to_the_nearest_limit():
    policy = Pushes(scale=0.001, floor=0.0)

    event = decider_of(policy).decide(ask(0, x=900.0)).event

    assert event.action_value == [-1.0]
    assert (event.propensity, event.propensity_kind) == (1.0, "point")


def test_a_change_is_limited_from_step_to_step():
    decider = decider_of(Pushes(scale=0.01, floor=0.0), spec=cart(limits=LIMITED))

    forces = [decider.decide(ask(step, x=x)).answer.values["force"] for step, x in enumerate([0.0, -5.0, -5.0, 5.0, 5.0])]

    assert forces[1] == pytest.approx(forces[0] + 0.5)
    assert forces[2] == 0.9
    assert forces[3] == pytest.approx(0.4)
    assert forces[4] == pytest.approx(-0.1)


def test_limits_are_those_of_the_logged_density():
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED))
    first = decider.decide(ask(0)).event

    density = Density.from_json(decider.decide(ask(1)).event.density)

    (force,) = first.action_value
    assert (density.low, density.high) == ([max(force - 0.5, -0.9)], [min(force + 0.5, 0.9)])


def test_what_the_caller_says_was_done_counts_for_more_than_what_was_answered():
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED))
    decider.decide(ask(0))

    density = Density.from_json(decider.decide(ask(1, previous={"force": -0.8})).event.density)

    assert (density.low, density.high) == ([-0.9], [pytest.approx(-0.3)])


def test_a_process_that_has_not_seen_the_episode_asks_what_was_done():
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED))

    assert raised(lambda: decider.decide(ask(7))).startswith(
        "$.previous is missing, and this process has not decided step 6 of the episode; expected the values of that step"
    )
    assert decider.decide(ask(7, previous=[0.5])).answer.step == 7
    assert decider_of(Pushes()).decide(ask(7)).answer.step == 7  # no limit from step to step


def test_a_process_that_missed_a_step_does_not_take_an_earlier_one_for_it():
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED))
    decider.decide(ask(0))

    assert raised(lambda: decider.decide(ask(2))).startswith("$.previous is missing, and this process has not decided step 1 ")
    assert decider.decide(ask(1)).answer.step == 1
    assert decider.decide(ask(3, previous=[0.2])).answer.step == 3  # another process decided step 2


def test_limits_win_where_what_was_done_before_lies_outside():
    decider = decider_of(Pushes(), spec=cart(limits=(LimitSpec(name="force", high=0.5, max_change=0.1),)))

    event = decider.decide(ask(1, previous=[1.0])).event

    assert (event.action_value, event.propensity, event.propensity_kind) == ([0.5], 1.0, "point")


WILD = st.floats(-MAX_FLOAT32, MAX_FLOAT32)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(WILD, WILD), min_size=1, max_size=6), st.floats(0, 1), st.sampled_from([0.001, 0.3, 50.0]))
def test_wild_states_never_leave_the_limits(states, floor, scale):
    decider = decider_of(Pushes(scale=scale, floor=floor), spec=cart(limits=LIMITED))

    before = None
    for step, (x, v) in enumerate(states):
        answer = decider.decide(DecideRequest(context={"x": x, "v": v}, episode_id="e1", step=step)).answer
        force = answer.values["force"]
        assert -0.9 <= force <= 0.9
        assert before is None or abs(force - before) <= 0.5 + 1e-12
        assert 0.0 < answer.propensity < math.inf
        before = force


def network_of(head, explorer):
    encoder = StateEncoder.of(cart().context.values())
    network = random_network(head=head, state_shape=encoder.shape, n_outputs=1, rng=np.random.default_rng(2))
    return BoxPolicy(encoder, OnnxNetwork(network), explorer_of(explorer, {}), 0.05, ("force",))


NETWORKS = [network_of(head, explorer) for head in ("tanh", "tanh_gaussian", "gaussian") for explorer in ("gaussian", "own")]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(NETWORKS), st.lists(st.tuples(WILD, WILD), min_size=1, max_size=6), st.booleans())
def test_a_network_never_leaves_the_limits_and_where_it_has_no_number_the_baseline_stands_in(policy, states, explore):
    decider = decider_of(policy, spec=cart(limits=LIMITED))

    before = None
    for step, (x, v) in enumerate(states):
        request = DecideRequest(context={"x": x, "v": v}, episode_id="e1", step=step, explore=explore)
        event, answer = (decided := decider.decide(request)).event, decided.answer
        force = answer.values["force"]
        assert -0.9 <= force <= 0.9
        assert before is None or abs(force - before) <= 0.5 + 1e-12
        assert 0.0 < answer.propensity < math.inf
        assert event.propensity == Density.from_json(event.density).at([force])
        if event.is_fallback:
            assert (event.policy, event.action_value_estimate) == ("baseline", None)
        else:
            assert event.action_value_estimate == policy.value({"x": x, "v": v}, [force])
        before = force


def test_steps_are_counted_where_nobody_says_them():
    decider = decider_of(Pushes())

    assert [decider.decide(ask(episode=name)).answer.step for name in ("a", "a", "b", "a")] == [0, 1, 0, 2]


def test_a_step_that_does_not_rise_is_refused():
    decider = decider_of(Pushes())
    decider.decide(ask(5, decision_id="d5"))

    for step in (5, 4):
        assert raised(lambda step=step: decider.decide(ask(step))) == (
            f"$.step is {step}, and step 5 of this episode was decided already; expected 6 or more. "
            f"Send decision_id 'd5' to get that answer again, or begin a new episode."
        )
    assert decider.decide(ask(9)).answer.step == 9  # a step may be left out


def test_the_same_decision_is_answered_again_and_not_made_again():
    log, clock = MemoryLog(), HandClock()
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED), log=log, clock=clock)
    decider.decide(ask(0))
    first = decider.decide(ask(1, decision_id="d1"))

    again = decider.decide(ask(1, decision_id="d1"))
    clock.sleep(3600)
    much_later = decider.decide(ask(1, decision_id="d1"))

    assert (again.answer, again.is_repeat) == (first.answer, True)
    assert much_later.answer.values == first.answer.values  # drawn again, from the same limits
    with pytest.raises(DecisionConflict):
        decider.decide(ask(1, decision_id="d1", x=0.5))


def test_a_decision_that_nobody_was_told_of_is_no_step():
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED))
    first = decider.decide(ask(0))
    lost = decider.decide(ask(1, decision_id="d1"))

    decider.forget(lost.event)

    density = Density.from_json(decider.decide(ask(1, decision_id="another")).event.density)
    assert density.high == [min(first.event.action_value[0] + 0.5, 0.9)]


def test_a_log_that_refuses_leaves_the_step_to_be_decided():
    log = MemoryLog()
    decider = decider_of(Pushes(), log=log)
    log.error = LogUnavailable("the disk is full")
    with pytest.raises(LogUnavailable):
        decider.decide(ask(0))
    log.error = None

    assert decider.decide(ask(0)).answer.step == 0


def test_while_the_log_cannot_be_written_the_baseline_keeps_the_limits():
    decider = decider_of(Pushes(), spec=cart(limits=LIMITED, on_log_failure="serve-baseline"))
    first = decider.decide(ask(0, x=-5.0))

    decided = decider.decide_unlogged(ask(1))

    answer = decided.answer
    assert (answer.logged, answer.fallback, answer.policy) == (False, True, "baseline")
    assert abs(answer.values["force"] - first.answer.values["force"]) <= 0.5 + 1e-12
    assert decider.counts() == {"log_unavailable": 1}


def test_the_split_is_the_episode_s():
    decider = decider_of(Pushes())

    splits = {decider.decide(ask(step)).event.split for step in range(5)}

    assert splits == {keyed_uniform(SALT, "cart", "e1", "split")}


class Tells(Pushes):
    """A challenger: it pushes the other way."""

    def density(self, context, low, high):
        return super().density({"x": -context["x"]}, low, high)


def test_one_side_decides_a_whole_episode():
    log = MemoryLog()
    decider = decider_of(Pushes(), log=log, traffic=traffic_of(Tells(), share=0.5, hold_out=0.2))
    for i in range(200):
        for step in range(3):
            decider.decide(ask(step, episode=f"e{i}"))

    sides = {episode: {event.side for event in log.events if event.episode_id == episode} for episode in ("e0", "e7", "e50")}
    share = {side: sum(event.side == side for event in log.events) / 600 for side in ("champion", "challenger", "hold-out")}
    assert all(len(of_one) == 1 for of_one in sides.values())
    assert share["challenger"] == pytest.approx(0.4, abs=0.11)
    assert share["hold-out"] == pytest.approx(0.2, abs=0.09)
    for event in log.events:
        assert event.policy == {"champion": MODEL, "challenger": "c" * 32, "hold-out": "baseline"}[event.side]
        assert event.mixture == [(MODEL, 0.4), ("c" * 32, 0.4), ("baseline", 0.2)]
        assert read_shadow(event.shadow).by == "episode"
        assert event.is_fallback is False


def test_a_side_whose_model_fails_stays_the_side():
    log = MemoryLog()
    decider = decider_of(Pushes(), log=log, traffic=traffic_of(Wrong(), share=0.99))
    for i in range(3):
        decider.decide(ask(0, episode=f"e{i}"))

    assert {(event.side, event.policy, event.is_fallback) for event in log.events} == {("challenger", "baseline", True)}


def test_a_challenger_that_shadows_is_asked_and_does_not_decide():
    log = MemoryLog()
    decider = decider_of(Pushes(), log=log, traffic=traffic_of(Tells(), state="shadow"))

    decider.decide(ask(0))

    (event,) = log.events
    shadow = read_shadow(event.shadow)
    assert (event.policy, event.side, event.mixture) == (MODEL, None, None)
    assert (shadow.policy, shadow.state) == ("c" * 32, "shadow")
    assert Density.from_json(shadow.density).loc == [0.1]


def test_a_challenger_that_advises_is_told_beside_what_is_done():
    log = MemoryLog()
    alone, advised = (decider_of(Pushes(), log=log, traffic=one) for one in (None, traffic_of(Pushes(), state="advisory")))

    before, after = (decider.decide(ask(0, decision_id="d1")) for decider in (alone, advised))

    advice, shadow = after.answer.advice, read_shadow(after.event.shadow)
    (mode,) = Pushes().density({**STATE, "x": 0.1}, [-1.0], [1.0]).mode()
    assert (before.answer.advice, after.answer.values) == (msgspec.UNSET, before.answer.values)
    assert (advice.model, advice.values, advice.action) == ("c" * 32, {"force": mode}, f'{{"force":{mode}}}')
    assert (shadow.state, shadow.advice, shadow.advice_value) == ("advisory", [mode], advice.action_value_estimate)
    assert (after.event.policy, after.event.side, after.event.mixture) == (MODEL, None, None)


def test_advice_keeps_the_limits_and_a_challenger_that_errs_gives_none():
    limited = cart(limits=(LimitSpec(name="force", low=-0.05, high=0.05),))

    held = decider_of(Pushes(), spec=limited, traffic=traffic_of(Pushes(), state="advisory")).decide(ask(0)).answer
    wrong = decider_of(Pushes(), traffic=traffic_of(Wrong(), state="advisory")).decide(ask(0)).answer

    assert held.advice.values == {"force": -0.05}  # it would push with -0.1
    assert (wrong.advice, wrong.fallback) == (msgspec.UNSET, False)


def test_a_shadow_that_errs_says_why():
    decider = decider_of(Pushes(), traffic=traffic_of(Wrong(), state="shadow"))

    decided = decider.decide(ask(0))

    assert read_shadow(decided.event.shadow).error == "model_error"
    assert decided.answer.fallback is False


def test_a_loop_without_episodes_may_decide_numbers_too():
    decider = decider_of(Pushes(), spec=cart(episodes=None))

    answer = decider.decide(DecideRequest(context=STATE)).answer

    assert answer.values is not msgspec.UNSET
    assert answer.step is msgspec.UNSET


def test_labels_in_episodes_are_put_in_order_too_and_fall_back_outside_the_history():
    policy = Gives(0.5, 0.25, 0.25)
    policy.is_within_history = lambda context: context["price"] < 20
    spec = replace(front_page(), episodes=EpisodeSpec())
    decider = Decider(live_of(spec, salt=SALT, policy=policy, name=MODEL), clock=HandClock(), append=MemoryLog().append)

    first = decider.decide(DecideRequest(context=CONTEXT, episode_id="e1"))
    second = decider.decide(DecideRequest(context={**CONTEXT, "price": 21.0}, episode_id="e1"))

    assert (first.answer.step, first.answer.fallback, second.answer.step, second.answer.fallback) == (0, False, 1, True)
    assert decider.counts() == {"outside_history": 1}
    assert raised(lambda: decider.decide(DecideRequest(context=CONTEXT, episode_id="e1", step=1))).startswith("$.step is 1")
