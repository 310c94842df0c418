"""Numbers are weighed where both the history and the policy draw them from densities, and what never varies is refused."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.density import Density
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.choice import choose
from policyloop.evaluate.chosen import held_against_history, target_of
from policyloop.evaluate.exploring import Exploring
from policyloop.evaluate.history import facts_of
from small_histories import curve_of, history_of

TANK = """\
loop: tank
context: {level: number}
actions: {kind: continuous, box: {valve: {min: -1, max: 1}}}
episodes: {max_steps: 4}
reward: {expression: valve, range: [-1, 1]}
learner: {name: fqi}
explore: {name: gaussian, scale: 0.5, floor: 0.2}
"""
EVENLY = Density(family="uniform", low=[-1.0], high=[1.0])


class Opens:
    """Wants the valve at .4 in every state, and varies by .3 where it is asked for its own distribution."""

    def act(self, state):
        return np.full((len(state), 1), 0.4, dtype=np.float32)

    def gaussian(self, state):
        return self.act(state), np.full((len(state), 1), 0.3, dtype=np.float32)

    def value(self, state, action):
        return np.full(len(state), np.nan)


def spec_of(**changes):
    text = TANK
    for old, new in changes.values():
        text = text.replace(old, new)
    return read_spec(text)


def played(n=400, *, seed=0, kind="density"):
    """Two steps an episode, whose valve is drawn evenly and is the reward."""
    rng = np.random.default_rng(seed)
    valve = rng.uniform(-1, 1, (n, 2)).astype(np.float32)
    history = history_of(rng.normal(size=(n, 2)), [[0, 0]] * n, valve, propensity=0.5, kind=kind)
    return replace(history, action=np.empty((2 * n, 0), dtype=np.int32), action_value=valve.reshape(-1, 1), pmf=None)


def held(history, spec):
    choice = choose(curve_of([1.0, 2, 3, 4, 5]), history=facts_of(history, history, highest_reward=1.0))
    own = Exploring.of(spec)
    return held_against_history(choice, Opens(), history, actions=spec.actions, floor=spec.explore.floor, exploring=own)


def true_return():
    """By ten thousand even places of the density that the loop would draw from; the second step counts half."""
    places = np.linspace(-1, 1, 10_001)
    bell = Density(family="normal", loc=[0.4], scale=[0.5], low=[-1.0], high=[1.0], floor=0.2)
    height = np.array([bell.at([x]) for x in places])
    return 1.5 * (places * height).sum() / height.sum()


def test_a_policy_that_explores_is_weighed_against_a_history_of_densities():
    choice, report = held(played(), spec_of())

    assert report is not None
    assert report.has_overlap
    for name in ("per_decision", "weighted_per_decision", "dr", "weighted_dr"):
        one = report.estimates[name]
        assert one.low < true_return() < one.high, name
    assert report.estimates["fqe"].estimate.value == pytest.approx(true_return(), abs=0.05)
    assert any(sentence.startswith("By dr the policy returns ") for sentence in choice.sentences)


@pytest.mark.parametrize(
    "changes",
    [
        {"greedy": ("name: gaussian, scale: 0.5, floor: 0.2", "name: greedy, floor: 0")},
        {"mostly": ("name: gaussian, scale: 0.5, floor: 0.2", "name: greedy, floor: 0.1")},
        {"limits": ("episodes:", "limits: {valve: {max_change: 0.5}}\nepisodes:")},
    ],
    ids=["never varies", "varies by its floor alone", "limits hang on the step before"],
)
def test_what_does_not_draw_from_a_density_of_its_own_has_no_overlap(changes):
    choice, report = held(played(40), spec_of(**changes))

    assert report is not None
    assert not report.has_overlap
    assert "never varies and actions are numbers" in choice.sentences[-1]


@pytest.mark.parametrize("kind", ["mixed", "unknown"])
def test_a_history_without_densities_is_not_weighed(kind):
    _, report = held(played(40, kind=kind), spec_of())

    assert report is not None
    assert report.estimates.keys() == {"fqe"}


def test_the_densities_are_those_that_the_loop_would_draw_from_between_its_limits():
    spec = spec_of(limits=("episodes:", "limits: {valve: {max: 0.5}}\nepisodes:"))
    history = played(30)
    target = target_of(Opens(), history, actions=spec.actions, floor=0.2, exploring=Exploring.of(spec))

    truth = Density(family="normal", loc=[0.4], scale=[0.5], low=[-1.0], high=[0.5], floor=0.2)
    np.testing.assert_allclose(target.density, [truth.at(one) for one in history.action_value.tolist()], rtol=1e-5)
    assert target.acts.shape == target.next_acts.shape == (2, 60, 1)
    assert -1 <= target.acts.min() <= target.acts.max() <= 0.5


def test_two_draws_of_a_state_mirror_each_other():
    history = played(200)
    target = target_of(
        Opens(), history, actions=spec_of().actions, floor=1.0, exploring=replace(Exploring.of(spec_of()), floor=1.0)
    )

    np.testing.assert_allclose(target.acts[0], -target.acts[1], atol=1e-9)
    np.testing.assert_allclose(target.density, EVENLY.at([0.0]))


def test_an_own_distribution_is_drawn_from_where_the_policy_has_one():
    spec = spec_of(own=("name: gaussian, scale: 0.5, floor: 0.2", "name: own, floor: 0.1"))
    history = played(20)
    target = target_of(Opens(), history, actions=spec.actions, floor=0.1, exploring=Exploring.of(spec))

    truth = Density(family="normal", loc=[0.4], scale=[0.3], low=[-1.0], high=[1.0], floor=0.1)
    np.testing.assert_allclose(target.density, [truth.at(one) for one in history.action_value.tolist()], rtol=1e-5)
