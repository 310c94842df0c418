"""Planning: the numbers are those of the gate played in the loop's twin, and what cannot be reached is said plainly."""

import math
from contextlib import contextmanager

import numpy as np
import pytest

from planted import deploy, examples, planted
from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.core.settings import Home
from policyloop.gate.verdict import Call
from policyloop.run.challenges.pace import steady
from policyloop.run.challenges.planned import Plan, outlook_of
from policyloop.run.challenges.planning import CANARIES, plan, twin_maker
from policyloop.run.deployment import open_deployment
from policyloop.run.refresh import refresh
from policyloop.simulate.gate.play import GateSettings, Run, play


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A data folder with 600 examples and a champion."""
    folder = tmp_path_factory.mktemp("planned") / "home"
    deploy(folder, examples(600, seed=1))
    with open_deployment(Home(folder)) as deployment:
        refresh(deployment, "front-page")
    return Home(folder)


@pytest.fixture
def deployment(home):
    with open_deployment(home) as opened:
        yield opened


def test_a_plan_is_the_gate_played_in_the_twin(deployment):
    found = plan(deployment, "front-page", lift=0.1, canary=0.2, runs=6, events=4000, per_day=1000)

    direct = play(
        GateSettings(world="twin", lift=0.1, canary=0.2, runs=6, events=4000),
        make=twin_maker(deployment, "front-page", lift=0.1, canary=0.2),
    )
    assert found.chosen.promoted == direct.promoted
    assert found.chosen.until(0.5) == direct.median_events
    assert (found.chosen.promoted_low, found.chosen.promoted_high) == (direct.promoted_low, direct.promoted_high)
    assert [one.canary for one in found.outlooks] == list(CANARIES)


@contextmanager
def gated(deployment, **gate):
    """The loop with another gate, for as long as a test needs it."""
    deployment.registry.apply(planted(gate=gate))
    try:
        yield
    finally:
        deployment.registry.apply(planted())


def test_a_plan_goes_by_the_loops_own_rule(deployment):
    found = {}
    for rule in ("point", "proven-better", "strict"):
        challenge = {"name": "proven-better", "alpha": 1e-6} if rule == "strict" else rule
        with gated(deployment, challenge=challenge):
            found[rule] = plan(deployment, "front-page", lift=0.1, canary=0.2, runs=6, events=4000)

    assert found["point"].chosen.until(0.5) < found["proven-better"].chosen.until(0.5) < found["strict"].chosen.until(0.5)
    assert found["strict"].sentences()[1] == "The rule is the loop's own, proven-better with alpha 1e-06."
    assert not any("rule" in told for told in found["proven-better"].sentences())


def test_a_hold_out_leaves_less_to_the_challenge(deployment):
    with gated(deployment, hold_out=0.4):
        held = plan(deployment, "front-page", lift=0.1, canary=0.1, runs=8, events=4000)
        world = twin_maker(deployment, "front-page", lift=0.1, canary=0.1)(np.random.default_rng(0))
        events = world.events(2000)
    whole = plan(deployment, "front-page", lift=0.1, canary=0.1, runs=8, events=4000)

    assert world.shares == pytest.approx((0.54, 0.06))
    even = 0.54 * events.champion_pmf + 0.06 * events.challenger_pmf + 0.4 / 3  # the baseline is an even chance
    np.testing.assert_allclose(events.pmf, even)
    assert "The baseline keeps its hold-out of 40 %; a canary is a share of the rest." in held.sentences()
    assert sum(min(n, 4500) for n in held.chosen.decisions) != sum(min(n, 4500) for n in whole.chosen.decisions)


def test_a_larger_canary_finds_it_no_later(deployment):
    found = plan(deployment, "front-page", lift=0.1, runs=8, events=4000)

    halves = [one.until(0.5) for one in found.outlooks]
    assert halves[0] >= halves[2] >= halves[4]
    assert halves[4] < halves[0]
    assert found.canary == 0.1  # as the loop has it


def test_the_floor_may_be_another_one(deployment):
    low, high = (plan(deployment, "front-page", lift=0.1, runs=2, events=1000, floor=floor) for floor in (0.02, 0.4))

    assert (low.floor, high.floor) == (0.02, 0.4)
    assert low.mean_reward > high.mean_reward  # exploring costs


def test_imported_decisions_do_not_tell_the_pace(deployment):
    found = plan(deployment, "front-page", lift=0.1, runs=2, events=1000)

    assert found.pace is None
    assert found.days(1000) is None
    assert any("say how many there are a day (`--per-day`)" in told for told in found.sentences())


def test_too_few_examples_say_how_many_are_needed(tmp_path):
    deploy(tmp_path / "home", examples(80, seed=1))

    with (
        open_deployment(Home(tmp_path / "home")) as deployment,
        pytest.raises(NothingToDo, match="80 examples; a plan needs 300"),
    ):
        plan(deployment, "front-page", lift=0.1)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"lift": 0.0}, "lift is 0; expected a number above 0"),
        ({"canary": 0.6}, "canary is 0.6; expected a share above 0 and at most 0.5"),
        ({"power": 1.0}, "power is 1; expected a share above 0 and below 1"),
        ({"floor": 0.0}, "floor is 0; expected a number above 0 and at most 1"),
        ({"per_day": 0.0}, "per_day is 0; expected a number above 0"),
        ({"runs": 0}, "runs is 0; expected a whole number of 1 or more"),
    ],
)
def test_numbers_outside_their_range_are_refused(deployment, wrong, told):
    with pytest.raises(BadSetting, match=told):
        plan(deployment, "front-page", **({"lift": 0.1, "events": 1000} | wrong))


def an_outlook(canary, decisions, *, runs=10, lift=0.02):
    ends = [Run(Call.PROMOTE, n, lift, Call.PROMOTE) for n in decisions]
    return outlook_of(canary, ends + [Run(Call.INCONCLUSIVE, 9999, lift, Call.PROMOTE)] * (runs - len(decisions)))


def a_plan(*outlooks, **changes):
    given = {
        "spec": planted(),
        "lift": 0.02,
        "floor": 0.1,
        "canary": outlooks[0].canary,
        "power": 0.8,
        "events": 9999,
        "pace": steady(2400),
        "from_us": 0,
        "mean_reward": 0.5,
        "n_examples": 700,
        "outlooks": outlooks,
    }
    return Plan(**(given | changes))


def test_quantiles_are_those_of_the_runs():
    one = an_outlook(0.1, [4000, 1000, 3000, 2000, 5000, 6000, 7000, 8000])

    assert one.promoted == 0.8
    assert [one.until(share) for share in (0.1, 0.5, 0.75, 0.8)] == [1000, 5000, 8000, 8000]
    assert math.isinf(one.until(0.9))


def test_days_count_the_shadow_the_decisions_and_two_windows():
    found = a_plan(an_outlook(0.1, range(1000, 9000, 1000)))

    assert found.days(2200) == pytest.approx((200 + 2200) / 2400 + 2 * 600 / 86_400)


def test_it_says_that_a_larger_canary_helps_where_it_does():
    told = a_plan(an_outlook(0.1, [1000, 2000]), an_outlook(0.2, [1000] * 7), an_outlook(0.5, [1000] * 9)).sentences()

    assert "is found within 9,999 decisions in 20 % of 10 challenges" in told[1]
    assert "A larger canary helps: with 50 %, 80 % are proven after 1,000 decisions (0.5 days)" in told[-1]


def test_it_says_what_helps_where_no_canary_does():
    told = a_plan(an_outlook(0.1, []), an_outlook(0.5, [1000])).sentences()

    assert told[-1].startswith("No canary up to 50 % reaches it. What helps: more decisions (`--events`), a higher floor")


def test_it_says_when_the_lift_is_not_possible():
    found = a_plan(an_outlook(0.1, [1000] * 9, lift=0.31), lift=0.5)

    assert "A lift of +0.5 is not possible there" in found.sentences()[0]
