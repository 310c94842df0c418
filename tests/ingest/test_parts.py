"""Actions that are numbers, as callers send them: in decide, in track and as what was really done."""

import math
from dataclasses import replace

import msgspec
import pytest

from cart import STATE, cart, checks, engine
from front_page import CONTEXT, NOW_US, front_page
from policyloop.core.density import Density
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import ENDED, EXECUTED
from policyloop.core.expression import Expression
from policyloop.core.loop import EpisodeSpec, LimitSpec
from policyloop.core.wire import DecideRequest, OutcomeRequest, TrackedDecision
from policyloop.ingest.decisions import ask
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import outcome
from policyloop.ingest.parts import Parts, named_parts, parts_of

CART, ENGINE = checks(), checks(engine())


def parts(sent, spec=None):
    return parts_of(sent, (spec or cart()).actions, [], where="$.values")


def faults_of(sent, spec=None):
    faults: list[Fault] = []
    assert parts_of(sent, (spec or cart()).actions, faults, where="$.values") is None
    return [f"{fault.where} {fault.message}" for fault in faults]


def faults_raised(make):
    with pytest.raises(Invalid) as caught:
        make()
    return [f"{fault.where} {fault.message}" for fault in caught.value.faults]


def tracked(over=CART, **row):
    defaults = {"loop": "cart", "context": STATE, "values": {"force": 0.5}, "episode_id": "e1", "step": 3}
    decision, to_log = imported_decision(TrackedDecision(**{**defaults, **row}), over, received_at=NOW_US)
    assert to_log is None
    return decision


def test_numbers_come_by_name_or_in_order():
    assert parts({"force": 1}) == parts([1.0]) == Parts([], [1.0])


def test_labelled_parts_come_first_in_a_list():
    by_name = parts({"brake": 2, "gear": "high", "throttle": 0.5}, engine())

    assert by_name == parts(["high", 0.5, 2], engine()) == Parts([1], [0.5, 2.0])
    assert named_parts(by_name.choices, by_name.values, engine().actions) == {"gear": "high", "throttle": 0.5, "brake": 2.0}


def test_every_fault_of_an_action_is_told():
    assert faults_of(["middle", math.nan, 5], engine()) == [
        "$.values[0] no label is named 'middle'; known: high, low.",
        "$.values[1] is nan; expected a number from 0 to 1, the bounds of throttle.",
        "$.values[2] is 5; expected a number from 0 to 4, the bounds of brake.",
    ]
    assert faults_of({"gear": 1, "throttel": 0.2}, engine()) == [
        "$.values.throttel no part of the action is named 'throttel'; did you mean 'throttle'?",
        "$.values.throttle is missing; expected a number from 0 to 1.",
        "$.values.brake is missing; expected a number from 0 to 4.",
    ]
    assert faults_of({"force": True}) == ["$.values.force is true; expected a number from -1 to 1, the bounds of force."]
    assert faults_of([0.1, 0.2]) == ["$.values has 2 entries; expected force (a number from -1 to 1)."]
    assert faults_of("fast") == ["$.values is 'fast'; expected force (a number from -1 to 1)."]


def test_a_request_says_its_episode():
    faults = faults_raised(lambda: ask(DecideRequest(context=STATE), CART))

    assert faults == [
        "$.episode_id is missing; expected the id of the episode, the same for all its steps, such as that of the run or "
        "of the game."
    ]
    assert ask(DecideRequest(context=STATE), checks(cart(episodes=None))).previous is None


def test_a_request_says_its_step_where_limits_hold_from_step_to_step():
    limited = checks(cart(limits=(LimitSpec(name="force", max_change=0.1),)))

    (fault,) = faults_raised(lambda: ask(DecideRequest(context=STATE, episode_id="e1"), limited))

    assert fault.startswith("$.step is missing; expected the place of the decision in its episode, from 0")
    assert ask(DecideRequest(context=STATE, episode_id="e1"), CART)


def test_nothing_is_masked_or_ranked_among_numbers():
    request = DecideRequest(context=STATE, episode_id="e1", mask=[True], n=2, action_set="s", previous={"force": 3})

    assert [fault.split(" ")[0] for fault in faults_raised(lambda: ask(request, CART))] == [
        "$.mask",
        "$.previous.force",
        "$.action_set",
        "$.n",
    ]


@pytest.mark.parametrize(
    ("checks", "told"),
    [
        (CART, "numbers: force (a number from -1 to 1); expected limits in its spec."),
        (
            ENGINE,
            "labels with numbers beside them: gear (one of 'low', 'high'), throttle (a number from 0 to 1), brake (a number "
            "from 0 to 4); expected no mask: leave labels out in the spec, and limit numbers there.",
        ),
    ],
    ids=["numbers", "labels beside numbers"],
)
@pytest.mark.parametrize("masked", [{"mask": [True, False]}, {"exclude": ["low"]}], ids=["mask", "exclude"])
def test_a_mask_over_numbers_is_refused_with_the_way_out(checks, told, masked):
    request = DecideRequest(context=STATE, episode_id="e1", step=0, **masked)

    (fault,) = faults_raised(lambda: ask(request, checks))

    assert fault == f"$.{next(iter(masked))} is sent, but this loop's actions are {told}"


def test_what_was_done_before_is_read_by_name_or_in_order():
    for previous in ({"force": 0.25}, [0.25]):
        asked = ask(DecideRequest(context=STATE, episode_id="e1", previous=previous), CART)

        assert asked.previous == Parts([], [0.25])


def test_a_tracked_decision_keeps_its_numbers_and_their_density():
    decision = tracked(propensity=0.5, propensity_kind="density", action_source="random", policy="lqr")

    assert (decision.action, decision.action_value, decision.pmf) == ([], [0.5], None)
    assert (decision.propensity, decision.propensity_kind, decision.action_source) == (0.5, "density", "random")
    assert (decision.policy, decision.episode_id, decision.step) == ("imported:lqr", "e1", 3)


def test_an_expert_s_action_is_a_point():
    decision = tracked(propensity_kind="point", action_source="expert")

    assert (decision.propensity, decision.propensity_kind, decision.action_source) == (1.0, "point", "expert")


def test_a_mixture_of_points_and_even_draws_says_mass_or_density():
    assert tracked(propensity=0.5, propensity_kind="mixed", action_source="expert").propensity == 0.5
    assert tracked(propensity=2.5, propensity_kind="density").propensity == 2.5  # a density may exceed 1


def test_the_whole_density_has_the_propensity():
    density = Density(family="point", loc=[0.5], low=[-1.0], high=[1.0], floor=0.5)

    decision = tracked(density=density.to_json())

    assert (decision.propensity, decision.propensity_kind) == (0.5, "mixed")
    assert Density.from_json(decision.density) == density


def test_labels_and_numbers_are_kept_apart():
    row = {"loop": "engine", "values": ["high", 0.5, 2], "propensity": 0.1, "propensity_kind": "density"}
    decision = tracked(ENGINE, **row)

    assert (decision.action, decision.action_value, decision.pmf) == ([1], [0.5, 2.0], None)


def test_every_fault_of_a_tracked_decision_is_told():
    row = {"values": {"force": 7}, "episode_id": None, "step": None, "action": 0, "propensity": -1.0}

    faults = faults_raised(lambda: tracked(**row, propensity_kind="density"))

    assert [fault.split(";")[0] for fault in faults] == [
        "$.episode_id is missing",
        "$.step is missing",
        "$.action is sent, but this loop's actions are numbers",
        "$.values.force is 7",
    ]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({}, "$.propensity_kind is 'probability', but this loop's actions are numbers; expected density, mixed, point, "),
        ({"propensity_kind": "density"}, "$.propensity is missing; expected the density, above 0, that the numbers really had"),
        ({"propensity_kind": "mixed", "propensity": 0.0}, "$.propensity is 0.0; expected the density, above 0"),
        ({"propensity_kind": "point", "propensity": 0.5}, "$.propensity is 0.5 of a point; expected 1"),
        ({"density": {"family": "bell"}}, "$.density is no density: "),
        ({"density": {"family": "normal", "low": [-1], "high": [1]}}, "$.density has 0 numbers in loc; expected 1."),
        ({"density": {"family": "uniform", "low": [0.6], "high": [1]}}, "$.density gives these values 0.0; expected"),
        (
            {"density": {"family": "uniform", "low": [-1], "high": [1]}, "propensity": 1.0},
            "$.propensity is 1.0, but the density",
        ),
        (
            {"density": {"family": "uniform", "low": [-1], "high": [1]}, "propensity_kind": "point"},
            "$.propensity_kind is 'point'",
        ),
        ({"values": None, "propensity_kind": "unknown"}, "$.values are missing; expected force (a number from -1 to 1)."),
    ],
)
def test_a_chance_that_cannot_be_true_is_refused(row, said):
    (fault,) = faults_raised(lambda: tracked(**row))

    assert fault.startswith(said)


def test_an_unknown_chance_is_taken():
    assert math.isnan(tracked(propensity_kind="unknown").propensity)


def test_what_a_person_did_instead_is_kept_as_values():
    def executed(value, over):
        report = OutcomeRequest(decision_id="d1", outcomes={}, executed=value)
        return outcome(report, over, received_at=NOW_US).event

    assert executed({"force": 0.25}, CART).executed == "[0.25]"
    assert executed([0.25], CART).values == {EXECUTED: None}
    kept = msgspec.json.decode(executed({"gear": "low", "throttle": 1, "brake": 0}, ENGINE).executed)
    assert kept == {"action": [0], "action_value": [1.0, 0.0]}
    assert faults_raised(lambda: executed({"force": 2}, CART)) == [
        "$.executed.force is 2; expected a number from -1 to 1, the bounds of force."
    ]


def ended(over=CART, **report):
    return outcome(OutcomeRequest(decision_id="d1", outcomes={}, **report), over, received_at=NOW_US)


def test_an_end_keeps_terminated_and_truncated_apart():
    stopped = ended(terminated=True, next_context={"x": 9, "v": 0}).event
    cut_off = ended(truncated=True, terminated=False, next_context={"x": 1, "v": 0}).event

    assert (stopped.values, stopped.terminated, stopped.truncated) == ({ENDED: None}, True, None)
    assert (cut_off.values, cut_off.terminated, cut_off.truncated) == ({ENDED: None}, False, True)
    assert stopped.next_context == '{"x":9.0,"v":0.0}'


def test_an_episode_cannot_end_in_both_ways_nor_in_a_context_that_does_not_fit():
    faults = faults_raised(lambda: ended(terminated=True, truncated=True, next_context={"x": "far"}))

    assert [fault.split(";")[0] for fault in faults] == [
        "$.next_context.x is 'far'",
        "$.next_context.v is missing",
        "$.truncated is true together with terminated",
    ]


def test_an_episode_cut_off_without_its_last_context_is_warned_about():
    assert ended(truncated=True).warnings == [
        "$.next_context: is missing; expected the context that the episode was cut off in: it says what the last action led to."
    ]
    assert ended(terminated=True).warnings == []
    assert ended(checks(cart(episodes=None)), truncated=True).warnings == []


def test_a_terminated_episode_needs_its_last_context_where_the_reward_does():
    reward = replace(cart().reward, expression=Expression.parse("next.x", ["next.x"]))

    told = (
        "$.next_context: is missing; expected the context that the episode ended in: the reward needs it (`next.`), and "
        "without it the last action is left out, and the step before it terminates."
    )
    assert ended(checks(cart(reward=reward)), terminated=True).warnings == [told]


def test_labels_in_episodes_need_an_episode_and_no_values():
    over = checks(front_page(episodes=EpisodeSpec()))
    row = TrackedDecision(loop="front-page", context=CONTEXT, values=[0.5], propensity_kind="mixed")

    faults = faults_raised(lambda: imported_decision(row, over, received_at=NOW_US))

    assert [fault.split(" ")[0] for fault in faults] == [
        "$.episode_id",
        "$.step",
        "$.values",
        "$.propensity_kind",
        "$.action",
    ]


def test_a_number_that_no_state_can_hold_is_refused_wherever_a_context_comes_in():
    far = {**STATE, next(iter(STATE)): 1e39}
    end = OutcomeRequest(decision_id="d1", outcomes={}, terminated=True, next_context=far)

    for faults in (
        faults_raised(lambda: ask(DecideRequest(context=far, episode_id="e1", step=0), CART)),
        faults_raised(lambda: tracked(context=far, propensity_kind="unknown")),
        faults_raised(lambda: outcome(end, CART, received_at=NOW_US)),
    ):
        assert len(faults) == 1
        assert "is 1e+39; expected at most 3.4e+38 either way" in faults[0]
