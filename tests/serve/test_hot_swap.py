"""The hot swap: a new champion decides within a look, a bad one never does, and no answer mixes two."""

import dataclasses
import threading

import numpy as np
import pytest

from front_page import CONTEXT, SALT, front_page
from policyloop.core.clock import SystemClock
from policyloop.core.errors import UnknownLoop
from policyloop.core.event import Decision
from policyloop.core.loop import ActionSpec, ExploreSpec, GateSpec, LoopSpec
from policyloop.core.wire import DecideRequest
from policyloop.policy.scored import ScoredPolicy
from policyloop.serve.hot_swap import RETRY_AFTER_S, HotSwap
from served import HandClock, MemoryLog, Stored, some_model

REQUEST = DecideRequest(context=CONTEXT)
OTHER_ACTIONS = front_page(actions=ActionSpec(kind="discrete", labels=("calm", "bold", "playful", "new")), digest="f" * 32)


@dataclasses.dataclass(frozen=True)
class Trial:
    """A challenge that is served."""

    challenge: int = 1
    state: str = "CANARY"
    model: str = "model b"
    share: float = 0.5
    sticky: bool = False


@dataclasses.dataclass(frozen=True)
class Standing:
    """What holds in one loop."""

    spec: LoopSpec
    champion: str | None = None
    is_paused: bool = False
    trial: Trial | None = None


class Shelf:
    """A source of models in memory."""

    def __init__(self, spec: LoopSpec | None = None) -> None:
        self.n_changes = 0
        self.n_loads = 0
        self.rows = {"front-page": Standing(spec or front_page())}
        self.models: dict[str, Stored | Exception] = {
            "model a": Stored(some_model(seed=1)),
            "model b": Stored(some_model(seed=2)),
            "bad": Stored(Broken(*(getattr(some_model(), field.name) for field in dataclasses.fields(ScoredPolicy)))),
        }
        self.error: Exception | None = None

    def put(self, loop: str = "front-page", **change) -> None:
        self.rows = {**self.rows, loop: dataclasses.replace(self.rows["front-page"], **change)}
        self.n_changes += 1

    def version(self) -> int:
        if self.error is not None:
            raise self.error
        return self.n_changes

    def standings(self) -> dict[str, Standing]:
        return self.rows

    def load(self, loop: str, model: str) -> Stored:
        self.n_loads += 1
        found = self.models[model]
        if isinstance(found, Exception):
            raise found
        return found


class Broken(ScoredPolicy):
    """A policy that cannot answer."""

    def pmf(self, context, allowed, candidates=None):
        raise ValueError("weights are not finite")

    def with_floor(self, floor):
        return self


def swap_of(shelf: Shelf, *, clock=None, refused=None) -> HotSwap:
    told = [] if refused is None else refused
    swap = HotSwap(
        shelf,
        salt=SALT,
        clock=clock or HandClock(),
        append=MemoryLog().append,
        on_refused=lambda *what: told.append(what),
    )
    swap.look()
    return swap


def decided_by(swap: HotSwap) -> str:
    return swap.find("front-page").decide(REQUEST).answer.policy


def test_before_there_is_a_model_the_baseline_decides():
    assert decided_by(swap_of(Shelf())) == "baseline"


def test_a_champion_that_is_there_at_the_start_decides_the_first_request():
    shelf = Shelf()
    shelf.put(champion="model a")

    assert decided_by(swap_of(shelf)) == "model a"


def test_a_new_champion_decides_after_the_next_look_through_the_same_decider():
    shelf = Shelf()
    swap = swap_of(shelf)
    decider = swap.find("front-page")

    shelf.put(champion="model a")
    swap.look()

    assert decider.decide(REQUEST).answer.policy == "model a"
    assert not decider.decide(REQUEST).answer.fallback


def test_a_look_without_a_change_loads_nothing():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf)
    live = swap.find("front-page").live

    swap.look()
    shelf.put(champion="model a")
    swap.look()

    assert swap.find("front-page").live is live
    assert shelf.n_loads == 1


def test_pausing_serves_the_baseline_and_resuming_the_champion():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf)

    shelf.put(is_paused=True)
    swap.look()
    paused = swap.find("front-page").decide(REQUEST)
    shelf.put(is_paused=False)
    swap.look()

    assert (paused.answer.policy, paused.answer.fallback, paused.answer.logged) == ("baseline", True, True)
    assert decided_by(swap) == "model a"
    assert shelf.n_loads == 1


def test_taking_the_champion_away_brings_the_baseline_back():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf)

    shelf.put(champion=None)
    swap.look()

    assert decided_by(swap) == "baseline"


@pytest.mark.parametrize("fault", ["bad", "unreadable", "missing"])
def test_a_model_that_does_not_load_or_answer_is_refused_once_and_what_was_live_stays(fault):
    shelf = Shelf()
    shelf.models["unreadable"] = OSError("the disk is gone")
    shelf.put(champion="model a")
    refused: list[tuple[str, str, str]] = []
    swap = swap_of(shelf, refused=refused)

    shelf.put(champion=fault)
    for _ in range(5):
        swap.look()

    assert decided_by(swap) == "model a"
    assert [(loop, model) for loop, model, _ in refused] == [("front-page", fault)]


def test_a_first_model_that_is_bad_leaves_the_baseline():
    shelf = Shelf()
    shelf.put(champion="bad")
    refused: list[tuple[str, str, str]] = []

    assert decided_by(swap_of(shelf, refused=refused)) == "baseline"
    assert refused[0][2] == "the model raised ValueError: weights are not finite; expected probabilities."


def test_a_refused_model_is_tried_again_after_a_while():
    shelf, clock = Shelf(), HandClock()
    shelf.models["late"] = OSError("not here yet")
    shelf.put(champion="late")
    swap = swap_of(shelf, clock=clock)
    shelf.models["late"] = shelf.models["model a"]
    swap.look()
    assert decided_by(swap) == "baseline"

    clock.sleep(RETRY_AFTER_S + 1)
    swap.look()

    assert decided_by(swap) == "late"


def test_a_new_spec_holds_at_once_and_the_model_serves_under_it():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf)

    shelf.put(spec=OTHER_ACTIONS)
    swap.look()

    event = swap.find("front-page").decide(REQUEST).event
    assert event.policy == "model a"
    assert event.spec == "f" * 32
    assert event.probabilities()[3] == pytest.approx(0.02 / 4)


def test_a_new_floor_takes_effect_without_a_new_model():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf)

    shelf.put(spec=front_page(explore=ExploreSpec(floor=0.6), digest="e" * 32))
    swap.look()

    assert min(swap.find("front-page").decide(REQUEST).event.probabilities()) >= 0.2 - 1e-12


def test_when_the_champion_is_bad_under_a_new_spec_the_model_before_it_serves_under_the_new_spec():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf)

    shelf.put(champion="bad", spec=OTHER_ACTIONS)
    swap.look()

    event = swap.find("front-page").decide(REQUEST).event
    assert (event.policy, event.spec) == ("model a", "f" * 32)


def test_loops_come_and_go():
    shelf = Shelf()
    swap = swap_of(shelf)

    shelf.put("other", spec=dataclasses.replace(front_page(), loop="other", aliases=("Other Place",)))
    swap.look()

    assert swap.find("Other Place") is swap.find("other")
    del shelf.rows["other"]
    shelf.put()
    swap.look()
    with pytest.raises(UnknownLoop, match=r"no loop is named 'frontpage'; did you mean 'front-page'\?"):
        swap.find("frontpage")
    assert list(swap.deciders) == ["front-page"]


def test_when_the_records_are_down_what_is_loaded_goes_on_and_the_trouble_is_told():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf, clock=SystemClock())
    shelf.error = OSError("the records are gone")
    swap.start()
    try:
        wait_until(lambda: swap.trouble is not None)
        assert swap.trouble == "OSError: the records are gone"
        assert decided_by(swap) == "model a"

        shelf.error = None
        shelf.put(champion="model b")
        wait_until(lambda: decided_by(swap) == "model b")
        wait_until(lambda: swap.trouble is None)
    finally:
        swap.stop()


def test_no_answer_mixes_two_models_while_they_change_under_load():
    shelf = Shelf()
    shelf.put(champion="model a")
    swap = swap_of(shelf, clock=SystemClock())
    decider = swap.find("front-page")
    expected = {name: tuple(probabilities_of(swap, shelf, name)) for name in ("model a", "model b")}
    stop = threading.Event()
    seen: list[tuple[str, tuple[float, ...]]] = []

    def decide_on() -> None:
        while not stop.is_set():
            event = decider.decide(REQUEST).event
            seen.append((event.policy, tuple(event.probabilities())))

    threads = [threading.Thread(target=decide_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(60):
        shelf.put(champion=("model a", "model b")[turn % 2])
        swap.look()
    stop.set()
    for thread in threads:
        thread.join()

    assert {policy for policy, _ in seen} == {"model a", "model b"}
    assert all(pmf == expected[policy] for policy, pmf in seen)


class TestTrial:
    """A challenge begins, changes and ends between two decisions."""

    def shelf(self, **change):
        shelf = Shelf()
        shelf.put(champion="model a", **change)
        return shelf

    def challenger(self, swap):
        traffic = swap.find("front-page").live.traffic
        return None if traffic is None else traffic.challenger

    def test_the_challenger_of_a_trial_decides_its_share_under_the_floor_that_holds(self):
        spec = front_page(explore=ExploreSpec(floor=0.3))
        decider = swap_of(self.shelf(trial=Trial(), spec=spec)).find("front-page")

        events = [decider.decide(REQUEST).event for _ in range(60)]

        assert {event.policy for event in events} == {"model a", "model b"}
        assert events[0].mixture == [("model a", 0.5), ("model b", 0.5)]
        assert min(events[0].probabilities()) >= 0.1 - 1e-12

    def test_in_shadow_it_is_asked_and_decides_nothing(self):
        decider = swap_of(self.shelf(trial=Trial(state="SHADOW"))).find("front-page")

        event = decider.decide(REQUEST).event

        assert (event.policy, event.mixture) == ("model a", None)
        assert '"policy":"model b"' in event.shadow
        assert '"state":"shadow"' in event.shadow

    def test_in_a_state_in_which_nobody_asks_it_there_is_no_traffic(self):
        assert swap_of(self.shelf(trial=Trial(state="LOG-CHECK"))).find("front-page").live.traffic is None

    def test_a_look_without_a_change_leaves_everything_as_it_is(self):
        shelf = self.shelf(trial=Trial())
        swap = swap_of(shelf)
        live = swap.find("front-page").live

        shelf.put(champion="model a", trial=Trial())
        swap.look()

        assert swap.find("front-page").live is live
        assert shelf.n_loads == 2

    def test_another_state_loads_nothing_and_keeps_what_the_breaker_counted(self):
        shelf = self.shelf(trial=Trial())
        swap = swap_of(shelf)
        before = self.challenger(swap)

        shelf.put(champion="model a", trial=Trial(state="RAMP", share=0.25))
        swap.look()

        after = self.challenger(swap)
        assert (after.state, after.share) == ("ramp", 0.25)
        assert after.breaker is before.breaker
        assert shelf.n_loads == 2

    def test_a_refresh_of_either_line_is_just_another_swap(self):
        shelf = self.shelf(trial=Trial())
        shelf.models |= {"model c": Stored(some_model(seed=3)), "model d": Stored(some_model(seed=4))}
        swap = swap_of(shelf)
        mixtures = []

        for champion, model in (("model a", "model b"), ("model c", "model b"), ("model c", "model d")):
            shelf.put(champion=champion, trial=Trial(model=model))
            swap.look()
            mixtures.append([name for name, _ in swap.find("front-page").decide(REQUEST).event.mixture])

        assert mixtures == [["model a", "model b"], ["model c", "model b"], ["model c", "model d"]]
        assert shelf.n_loads == 4

    def test_the_end_of_a_challenge_leaves_the_champion_alone(self):
        shelf = self.shelf(trial=Trial())
        swap = swap_of(shelf)

        shelf.put(champion="model a", trial=None)
        swap.look()

        event = swap.find("front-page").decide(REQUEST).event
        assert (event.policy, event.mixture, event.shadow) == ("model a", None, None)

    @pytest.mark.parametrize("fault", ["bad", "missing"])
    def test_a_challenger_that_is_refused_is_told_once_and_traffic_goes_on_without_it(self, fault):
        shelf = self.shelf(trial=Trial(model=fault), spec=front_page(gate=GateSpec(hold_out=0.2)))
        refused: list[tuple[str, str, str]] = []
        swap = swap_of(shelf, refused=refused)

        for _ in range(3):
            swap.look()

        assert self.challenger(swap) is None
        assert swap.find("front-page").decide(REQUEST).event.mixture == [("model a", 0.8), ("baseline", 0.2)]
        assert [(loop, model) for loop, model, _ in refused] == [("front-page", fault)]

    def test_a_refused_challenger_is_tried_again_after_a_while(self):
        shelf, clock = self.shelf(trial=Trial(model="late")), HandClock()
        swap = swap_of(shelf, clock=clock)
        shelf.models["late"] = shelf.models["model b"]

        clock.sleep(RETRY_AFTER_S + 1)
        swap.look()

        assert self.challenger(swap).name == "late"

    def test_a_paused_loop_and_one_without_a_model_have_no_traffic(self):
        spec = front_page(gate=GateSpec(hold_out=0.2))
        paused = swap_of(self.shelf(trial=Trial(), spec=spec, is_paused=True))
        without = Shelf(spec)
        without.put(trial=Trial())

        events = [swap.find("front-page").decide(REQUEST).event for swap in (paused, swap_of(without))]

        assert {(event.policy, event.is_fallback, event.mixture) for event in events} == {("baseline", True, None)}

    def test_the_hold_out_needs_no_challenge(self):
        decider = swap_of(self.shelf(spec=front_page(gate=GateSpec(hold_out=0.5)))).find("front-page")

        assert {decider.decide(REQUEST).event.side for _ in range(60)} == {"champion", "hold-out"}

    def test_no_answer_mixes_what_was_never_live_together_while_challengers_change_under_load(self):
        shelf = self.shelf(trial=Trial())
        shelf.models["model c"] = Stored(some_model(seed=3))
        pairs = {("model a", "model b"): Trial(), ("model c", "model a"): Trial(model="model a", share=0.25)}
        swap = swap_of(shelf, clock=SystemClock())
        decider = swap.find("front-page")
        alone = {name: probabilities_of(swap, shelf, name) for name in ("model a", "model b", "model c")}
        stop = threading.Event()
        seen: list[Decision] = []

        def decide_on() -> None:
            while not stop.is_set():
                seen.append(decider.decide(REQUEST).event)

        threads = [threading.Thread(target=decide_on) for _ in range(3)]
        for thread in threads:
            thread.start()
        for turn in range(60):
            (champion, _), trial = list(pairs.items())[turn % 2]
            shelf.put(champion=champion, trial=trial)
            swap.look()
        stop.set()
        for thread in threads:
            thread.join()

        mixed = [event for event in seen if event.mixture is not None]
        assert {tuple(name for name, _ in event.mixture) for event in mixed} == set(pairs)
        for event in mixed:
            expected = sum(share * np.array(alone[name]) for name, share in event.mixture)
            np.testing.assert_allclose(event.probabilities(), expected, rtol=1e-9)
            assert event.policy in dict(event.mixture)


def probabilities_of(swap: HotSwap, shelf: Shelf, model: str) -> list[float]:
    shelf.put(champion=model, trial=None)
    swap.look()
    return swap.find("front-page").decide(REQUEST).event.probabilities()


def wait_until(is_true) -> None:
    waiting = threading.Event()
    for _ in range(500):
        if is_true():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not come true within ten seconds")
