"""The hot swap: a new champion decides within a look, a bad one never does, and no answer mixes two."""

import dataclasses
import threading

import pytest

from front_page import CONTEXT, SALT, front_page
from policyloop.core.clock import SystemClock
from policyloop.core.errors import UnknownLoop
from policyloop.core.loop import ActionSpec, ExploreSpec, LoopSpec
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


def probabilities_of(swap: HotSwap, shelf: Shelf, model: str) -> list[float]:
    shelf.put(champion=model)
    swap.look()
    return swap.find("front-page").decide(REQUEST).event.probabilities()


def wait_until(is_true) -> None:
    waiting = threading.Event()
    for _ in range(500):
        if is_true():
            return
        waiting.wait(0.02)
    raise AssertionError("it did not come true within ten seconds")
