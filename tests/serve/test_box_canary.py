"""The canary over numbers, and the change-over: a network that cannot answer everywhere between any limits does not get in."""

import dataclasses
import hashlib
import itertools
import math
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from cart import LIMITED, SALT, STATE, Pushes, cart, checks
from policyloop.core.density import Density
from policyloop.core.errors import BadModel
from policyloop.core.loop import ExploreSpec, LoopSpec
from policyloop.core.model import Manifest
from policyloop.core.state import MAX_FLOAT32, StateEncoder
from policyloop.core.wire import DecideRequest
from policyloop.policy import scored
from policyloop.policy.policies.network import random_network
from policyloop.policy.support import support_tensors
from policyloop.serve import canary
from policyloop.serve.hot_swap import HotSwap
from served import HandClock, MemoryLog

HISTORY = np.random.default_rng(0).uniform(-1, 1, size=(100, 2)).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class Stored:
    """A model as a source gives it."""

    ready: Any
    labels: tuple[str, ...] = ("force",)

    def loaded(self):
        return self.ready


@dataclasses.dataclass(frozen=True)
class Standing:
    spec: LoopSpec
    champion: str | None = "good"
    is_paused: bool = False
    trial: None = None


class Shelf:
    """One loop, whose models lie in memory."""

    def __init__(self, spec, **models):
        self._spec, self._models = spec, models
        self.champion = "good"

    def version(self):
        return self.champion

    def standings(self):
        return {"cart": Standing(self._spec, self.champion)}

    def load(self, loop, model):
        return self._models[model]


def network_policy(*, labels=("force",), history=HISTORY, seed=5):
    """A random network over the cart, loaded as the server loads it."""
    encoder = StateEncoder.of(list(cart().context.values()))
    network = random_network(
        head="tanh_gaussian", state_shape=encoder.shape, n_outputs=len(labels), rng=np.random.default_rng(seed)
    )
    kept, tensors = network.save()
    data = safetensors.numpy.save({**tensors, **({} if history is None else support_tensors(history))})
    manifest = Manifest(
        loop="cart",
        spec="s",
        recipe="r",
        parent=None,
        policy="network",
        settings=kept,
        features={"kind": "state", **encoder.to_json()},
        labels=list(labels),
        explorer={"name": "own", "floor": 0.0, "settings": {}, "reward_span": 13.0},
        learner={"name": "cql"},
        snapshot={},
        trained_until=0,
        n_examples=100,
        seed=1,
        code="0",
        tensors=hashlib.sha256(data).hexdigest(),
        progress={},
    )
    return scored.load(manifest, data)


def swap_of(spec=None, **models):
    refused: list[tuple[str, str, str]] = []
    shelf = Shelf(spec or cart(limits=LIMITED), **{"good": Stored(network_policy()), **models})
    swap = HotSwap(shelf, salt=SALT, clock=HandClock(), append=MemoryLog().append, on_refused=lambda *why: refused.append(why))
    swap.look()
    return swap, shelf, refused


def refusal(policy, spec=None):
    with pytest.raises(BadModel) as caught:
        canary.check(policy, checks(spec), clock=HandClock(), budget_s=0.05)
    return str(caught.value)


def test_good_policies_pass():
    canary.check(Pushes(), checks(), clock=HandClock(), budget_s=0.05)
    canary.check(network_policy().with_floor(0.02), checks(cart(limits=LIMITED)), clock=HandClock(), budget_s=0.05)


class Answers:
    """A policy whose density is a function of its arguments."""

    def __init__(self, answer, value=0.0):
        self.density, self._value = answer, value

    def value(self, context, values):
        return self._value


def bell(context, low, high, **changes):
    return Density(**{"family": "normal", "loc": [0.0], "scale": [0.2], "low": low, "high": high, "floor": 0.02, **changes})


@pytest.mark.parametrize(
    ("answer", "value", "said"),
    [
        (lambda c, low, high: bell(c, [-1.0], [1.0]), 0.0, "the model gave a density between [-1.0] and [1.0]; expected the"),
        (
            lambda c, low, high: bell(c, low, high, floor=0.01),
            0.0,
            "gave a density with the floor 0.01; expected at least 0.02",
        ),
        (lambda c, low, high: bell(c, low, high, loc=[0.0, 1.0]), 0.0, "gave a density that has 2 numbers in loc; expected 1."),
        (lambda c, low, high: bell(c, low, high, loc=[c["x"] * 1e300]), 0.0, "in loc; expected finite numbers."),
        (lambda c, low, high: 1 / 0, 0.0, "the model raised ZeroDivisionError: division by zero; expected a density."),
        (bell, math.inf, "expects a return of inf; expected a finite number."),
    ],
)
def test_wrong_answers_are_refused_with_the_reason(answer, value, said):
    assert said in refusal(Answers(answer, value))


def test_a_policy_that_changes_its_mind_is_refused():
    rng = np.random.default_rng(1)

    assert "two answers" in refusal(Answers(lambda c, low, high: bell(c, low, high, loc=[rng.random()])))


def test_a_network_decides_once_it_is_champion():
    swap, _, refused = swap_of()

    answer = swap.find("cart").decide(DecideRequest(context=STATE, episode_id="e1", step=0)).answer

    assert refused == []
    assert (answer.policy, answer.fallback) == ("good", False)
    assert answer.action_value_estimate == pytest.approx(
        network_policy().value({"x": 0.1, "v": -0.2}, [answer.values["force"]]), abs=1e-6
    )


def test_the_floor_is_today_s():
    swap, _, _ = swap_of(cart(explore=ExploreSpec(name="own", floor=0.4)))

    event = swap.find("cart").decide(DecideRequest(context=STATE, episode_id="e1")).event

    assert event.density["floor"] == 0.4


def test_a_model_of_other_numbers_is_refused_and_what_is_live_stays():
    swap, shelf, refused = swap_of(other=Stored(network_policy(labels=("force", "brake")), ("force", "brake")))
    shelf.champion = "other"

    swap.look()

    assert swap.find("cart").live.name == "good"
    assert refused == [("cart", "other", "the model's actions are force, brake; expected the numbers force. Train it again.")]


WILD = st.floats(-MAX_FLOAT32, MAX_FLOAT32)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(WILD, WILD), min_size=1, max_size=4))
def test_a_network_never_leaves_the_limits_whatever_the_state(states):
    decider, before = SWAP.find("cart"), None
    episode = f"episode {next(NUMBERS)}"
    for step, (x, v) in enumerate(states):
        answer = decider.decide(DecideRequest(context={"x": x, "v": v}, episode_id=episode, step=step)).answer
        force = answer.values["force"]
        assert -0.9 <= force <= 0.9
        assert before is None or abs(force - before) <= 0.5 + 1e-12
        assert answer.fallback or max(abs(x), abs(v)) < 1.3  # the history went from -1 to 1
        before = force


SWAP, NUMBERS = swap_of()[0], itertools.count()


def test_wild_states_are_counted_by_their_reason():
    decider = swap_of()[0].find("cart")

    answer = decider.decide(DecideRequest(context={"x": 1e38, "v": 0.0}, episode_id="e1", step=0)).answer

    assert (answer.fallback, answer.policy) == (True, "baseline")
    assert decider.counts() == {"outside_history": 1}


def test_without_support_the_model_answers_everywhere():
    decider = swap_of(good=Stored(network_policy(history=None)))[0].find("cart")

    assert decider.decide(DecideRequest(context={"x": 1e6, "v": 0.0}, episode_id="e1", step=0)).answer.policy == "good"
