"""The log check of episodes: records that contradict themselves are told with their row, and untrue draws are found by bets."""

import json
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from cart import LIMITED, SALT, STATE, Drives, Pushes, cart, engine
from policyloop.core.density import Density
from policyloop.core.event import unpack_floats
from policyloop.core.loop import ExploreSpec
from policyloop.core.wire import DecideRequest
from policyloop.gate.checks import wealth as wealths
from policyloop.gate.checks.steps import CLAIM, Step, StepLog, checked, said
from policyloop.serve.chances import Chances
from policyloop.serve.decider import Decider
from policyloop.serve.live import live_of
from served import HandClock, MemoryLog

SPEC = cart(explore=ExploreSpec(name="gaussian", floor=0.1))
MODEL = "m" * 32
NORMAL = Density(family="normal", low=[-1.0], high=[1.0], loc=[0.2], scale=[0.3], floor=0.1)
MOSTLY = Density(family="point", low=[-1.0], high=[1.0], loc=[0.2], floor=0.1)
SQUASHED = Density(family="tanh_normal", low=[-1.0], high=[1.0], loc=[0.2], scale=[0.5], center=[0.0], half=[1.0], floor=0.1)


def step(name, density=NORMAL, *, drawn=None, pmfs=(), rng=None, **changes):
    """A decision that was drawn from `drawn`, and says that it was from `density`."""
    rng = rng or np.random.default_rng(0)
    values, _ = (drawn or density).draw(rng.random(), rng.random(len(density.low)).tolist())
    values = changes.pop("values", values)
    action = [int(rng.choice(len(pmf), p=pmf)) for pmf in pmfs]
    chances = Chances(density, [list(pmf) for pmf in pmfs])
    made = Step(
        decision_id=name,
        policy=MODEL,
        spec=SPEC.digest,
        action=action,
        values=values,
        pmfs=[list(pmf) for pmf in pmfs],
        density=density,
        propensity=chances.at(action, values),
        kind=chances.kind,
    )
    return msgspec.structs.replace(made, **changes)


def factors_of(one):
    """What each alternative's stake is multiplied by."""
    before = wealths.begin(CLAIM)
    return np.exp(np.array(looked([one]).wealth.stakes) - np.array(before.stakes))


def looked(steps, log=None, spec=SPEC):
    return checked(log or StepLog(), steps, specs={spec.digest: spec}, policies=frozenset({MODEL}))


def found(steps, spec=SPEC):
    return said(looked(steps, spec=spec), is_of_numbers=True)


@pytest.mark.parametrize("density", [NORMAL, MOSTLY, SQUASHED], ids=["normal", "mostly one", "squashed"])
def test_a_true_log_raises_no_alarm(density):
    rng = np.random.default_rng(5)

    got = found([step(f"d{i}", density, rng=rng) for i in range(3000)])

    assert not got.is_alarm
    assert got.n == 3000
    assert got.reasons[1].numbers["largest_log_e"] < np.log(1000)


@pytest.mark.parametrize(
    ("density", "drawn", "told"),
    [
        (NORMAL, msgspec.structs.replace(NORMAL, scale=[0.15]), "vary about half as much as logged"),
        (NORMAL, msgspec.structs.replace(NORMAL, scale=[0.6]), "vary"),
        (NORMAL, msgspec.structs.replace(NORMAL, loc=[0.35]), "lie above what was logged"),
        (SQUASHED, msgspec.structs.replace(SQUASHED, loc=[-0.05]), "lie below what was logged"),
        (MOSTLY, MOSTLY.with_floor(0.0), "come from the floor half as often as logged"),
        (MOSTLY, MOSTLY.with_floor(0.25), "come from the floor twice as often as logged"),
    ],
)
def test_numbers_that_were_drawn_otherwise_are_found_and_how_is_said(density, drawn, told):
    rng = np.random.default_rng(6)

    got = found([step(f"d{i}", density, drawn=drawn, rng=rng) for i in range(1500)])

    (alarm,) = got.alarms
    assert alarm.name == "log-propensities"
    assert f"the numbers {told}" in alarm.sentence


@pytest.mark.parametrize("density", [NORMAL, SQUASHED], ids=["normal", "squashed"])
def test_every_bet_is_fair_where_the_log_is_true(density):
    """What a stake is multiplied by has the mean 1 under the logged density: then an alarm has the chance .001, ever."""
    x = np.linspace(-1, 1, 4001)
    chance = np.array([density.at([one]) for one in x])

    factors = np.array([factors_of(step("d", density, values=[float(one)])) for one in x])

    np.testing.assert_allclose(np.trapezoid(factors * chance[:, np.newaxis], x, axis=0), 1.0, atol=1e-4)


def test_a_bet_on_the_floor_of_a_sure_action_is_fair():
    at_place, elsewhere = (np.array(factors_of(step("d", MOSTLY, values=[one]))) for one in (0.2, 0.7))

    np.testing.assert_allclose(0.9 * at_place + 0.1 * elsewhere, 1.0)


def test_it_makes_no_difference_in_how_many_looks_a_log_is_read():
    rng = np.random.default_rng(8)
    steps = [step(f"d{i}", rng=rng) for i in range(700)]
    half = StepLog.from_mapping(json.loads(json.dumps(looked(steps[:300]).to_mapping())))

    parts, whole = looked(steps[300:], half), looked(steps)

    assert parts.contract == whole.contract
    assert parts.wealth.n == whole.wealth.n == 700
    assert parts.wealth.stakes == pytest.approx(whole.wealth.stakes)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"propensity": 0.5}, "propensity is 0.5; expected "),
        ({"propensity": -1.0}, "propensity is -1.0; expected a probability in (0, 1], or a density above 0"),
        ({"policy": "x" * 32}, "expected a model of this loop"),
        ({"spec": "gone"}, "spec is 'gone'; expected one that this loop had"),
        ({"values": [1.5], "propensity": 0.3}, "force is 1.5 between the logged limits -1 and 1; expected them in that order"),
        ({"density": NORMAL.with_floor(0.0), "propensity": None}, None),
    ],
)
def test_a_record_that_contradicts_itself_is_told_with_its_row(changes, told):
    got = found([step("d0"), step("d1", **changes)])

    if told is None:  # something else was carried out: nothing is known of its propensity
        assert not got.is_alarm
        return
    assert got.alarms[0].name == "log-contract"
    assert "row 1 (decision 'd1'): " in got.alarms[0].sentence
    assert told in got.alarms[0].sentence


def test_a_floor_that_is_not_kept_is_told_and_a_sure_action_needs_none():
    less = step("d0", NORMAL.with_floor(0.01))
    sure = step("d1", Density(family="point", low=[-1.0], high=[1.0], loc=[0.2]))

    assert "the floor of the density is 0.01; expected at least 0.1" in found([less]).alarms[0].sentence
    assert not found([sure]).is_alarm


def test_labels_beside_numbers_are_part_of_the_propensity_and_are_bet_on_too():
    rng = np.random.default_rng(9)
    true = [step(f"d{i}", pmfs=[[0.7, 0.2, 0.1]], rng=rng) for i in range(800)]
    sharper = [
        msgspec.structs.replace(one, action=[0], propensity=0.7 * NORMAL.at(one.values)) for one in true
    ]  # always the likeliest

    assert not found(true).is_alarm
    assert "come with sharper labels than logged" in found(sharper).alarms[0].sentence


def test_labels_alone_are_held_to_the_tests_of_other_loops():
    rng = np.random.default_rng(10)
    pmf = [0.6, 0.3, 0.1]
    uniform = [0.1 / 3 + 0.9 * p for p in pmf]

    def labelled(i, drawn):
        action = int(rng.choice(3, p=drawn))
        told = {"action": [action], "values": [], "pmfs": [uniform], "density": None}
        return msgspec.structs.replace(step(f"d{i}"), kind="probability", propensity=uniform[action], **told)

    true = looked([labelled(i, uniform) for i in range(2000)])
    other = looked([labelled(i, [1 / 3] * 3) for i in range(2000)])

    assert not said(true, is_of_numbers=False).is_alarm
    assert [alarm.name for alarm in said(other, is_of_numbers=False).alarms] == ["log-propensities"]


def test_the_same_id_twice_and_a_pmf_that_is_none_are_told():
    twice = found([step("d0"), step("d0")]).alarms[0].sentence
    bad = found([step("d0", pmfs=[[0.5, 0.5]], action=[0]), step("d1", pmfs=[[0.5, 0.5]])])
    wrong = msgspec.structs.replace(step("d1", pmfs=[[0.5, 0.5]]), pmfs=[[0.5, 0.7]])

    assert "decision_id came before; expected each once" in twice
    assert bad.n == 2
    assert "a pmf has the least entry 0.5 and the sum 1.2; expected" in found([wrong]).alarms[0].sentence


def test_what_another_version_remembered_is_read_anew():
    assert StepLog.from_mapping({"form": 1}) is None
    assert replace(StepLog(), until=3).to_mapping()["until"] == 3


@pytest.mark.parametrize("name", ["cart", "limited", "engine", "baseline"])
def test_what_is_served_keeps_the_contract_and_is_drawn_as_it_is_logged(name):
    spec, policy = {
        "cart": (cart(), Pushes(floor=0.1)),
        "limited": (cart(limits=LIMITED), Pushes(floor=0.1)),
        "engine": (engine(), Drives()),
        "baseline": (cart(baseline="uniform"), None),
    }[name]
    log = MemoryLog()
    live = live_of(spec, salt=SALT, policy=policy, name="baseline" if policy is None else MODEL)
    decider = Decider(live, clock=HandClock(), append=log.append)
    for i in range(900):
        decider.decide(DecideRequest(context=STATE, episode_id=f"e{i // 30}", step=i % 30, decision_id=f"{name} {i}"))

    got = found([served(event) for event in log.events], spec=spec)

    assert [alarm.sentence for alarm in got.alarms] == []
    assert got.n == 900


def served(event):
    return Step(
        decision_id=event.decision_id,
        policy=event.policy,
        spec=event.spec,
        action=event.action,
        values=event.action_value,
        pmfs=[unpack_floats(pmf) for pmf in event.pmf or []],
        density=Density.from_json(event.density),
        propensity=event.propensity,
        kind=event.propensity_kind,
    )
