"""Ranking: lists of five among twenty candidates, played with people who click by the cascade model.

Question answered: what does a loop over candidates earn by its rankings, and what is known of each place? Only the first
place is the decision: it has a propensity, and its click is the reward that is learned from. The further places are drawn
from what the same probabilities leave. They profit from what is learned about items, but no estimate speaks for them;
here, where the truth is known, regret is counted over the whole list all the same.
Letters: n sessions after the warm start.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates, candidates_from_json
from policyloop.core.errors import BadSetting
from policyloop.core.event import ActionSet, Decision, Logged
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.serve.decider import Decider
from policyloop.serve.live import Live, live_of
from policyloop.simulate.clock import SimulatedClock
from policyloop.simulate.improvers import ByBatches
from policyloop.simulate.played import examples_of
from policyloop.simulate.shelf import N_OFFERED, PLACES, Session, Shelf, chance_of_click, click
from policyloop.simulate.succession import Succession

_MEANING = (
    "Only the first place is the decision: its propensity is logged, its clicks are learned from, and estimates and gates "
    "speak of it alone. The places below are drawn from what the same probabilities leave, so they are as good as the explorer "
    "tells the runners-up apart: softmax does, squarecb and epsilon_greedy hardly do."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RankingSettings:
    """How rankings are played."""

    rounds: int = 15
    batch_size: int = 500
    warm_start: int = 100  # uniform rankings before the first model
    learner: str = "linear"
    explore: str = "softmax"  # tells the runners-up apart, which fill the places below
    floor: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("rounds", 1), ("batch_size", 1), ("warm_start", 0), ("seed", 0)):
            if getattr(self, name) < least:
                raise BadSetting(f"{name} is {getattr(self, name)}; expected a whole number of {least} or more.")


class RankingResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; the keys of `policyloop simulate ranking --json`."""

    n: int  # sessions after the warm start
    clicked: float  # share of sessions with a click on any place
    clicked_last_500: float
    first_place: float  # share of sessions with a click on the first place: the mean reward
    clicks_by_place: list[float]  # share of sessions, per place
    oracle: float  # chance of a click, had the five most attractive items been shown
    random: float  # had five been drawn at random
    regret: float  # cumulative: chances of a click that the oracle had more, summed over the sessions
    regret_of_random: float
    regret_ratio: float  # of the two
    promotions: int
    rejections: int
    seconds: float
    meaning: str = _MEANING


@dataclass(frozen=True, slots=True)
class _Seen:
    """One session, as it went and as it would have gone."""

    clicked_place: int | None
    chance: float
    best: float
    at_random: float


class RankingPlayer:
    """Shows rankings to people, and keeps what came of them."""

    def __init__(self, spec: LoopSpec, *, seed: int, clock: SimulatedClock) -> None:
        self._shelf = Shelf(seed)
        self._rng = np.random.default_rng([seed, 1])
        self._seed = seed
        self._decisions: list[Decision] = []
        self._offered: dict[str, Candidates] = {}
        self.seen: list[_Seen] = []
        salt = np.random.default_rng([seed, 2]).bytes(32)
        self._decider = Decider(live_of(spec, salt=salt), clock=clock, append=self._append)

    @property
    def live(self) -> Live:
        """What decides now."""
        return self._decider.live

    @property
    def n(self) -> int:
        """Sessions so far, those of the warm start included."""
        return len(self.seen)

    def assign(self, live: Live) -> None:
        """Let another policy decide from the next session on."""
        self._decider.assign(live)

    def play(self) -> None:
        """One session: rank, look, click or not."""
        session = self._shelf.session()
        request = DecideRequest(
            context=session.context, actions=session.offered, n=PLACES, decision_id=f"{self._seed}-{self.n}"
        )
        self._decider.decide(request)
        shown = self._decisions[-1].action
        place = click(session.attraction[shown].tolist(), self._rng.random(PLACES).tolist())
        self.seen.append(self._as_seen(session, shown, place))

    def examples(self, *, start: int = 0) -> Examples:
        """Everything that happened from session `start` on, as the join would give it: the reward is the first place's."""
        decisions = self._decisions[start:]
        reward = np.array([float(one.clicked_place == 0) for one in self.seen[start:]])
        candidates = [self._offered[decision.actions or ""] for decision in decisions]
        return examples_of(decisions, reward, k=N_OFFERED, candidates=candidates)

    def _as_seen(self, session: Session, shown: list[int], place: int | None) -> _Seen:
        attraction = session.attraction
        best = np.sort(attraction)[-PLACES:]
        drawn = self._rng.choice(attraction, size=PLACES, replace=False)
        return _Seen(place, chance_of_click(attraction[shown]), chance_of_click(best), chance_of_click(drawn))

    def _append(self, logged: Logged) -> int:
        if isinstance(logged, ActionSet):
            self._offered[logged.digest] = candidates_from_json(logged.actions)
        elif isinstance(logged, Decision):
            self._decisions.append(logged)
            if logged.actions is not None and logged.actions not in self._offered:  # a small set
                self._offered[logged.actions] = candidates_from_json(logged.actions)
        return len(self._decisions)


def play(settings: RankingSettings, *, on_session: Callable[[bool], None] | None = None) -> RankingResult:
    """Play rankings.

    Args:
        settings: how.
        on_session: called after each session of the rounds with whether something was clicked.
    """
    start_s = time.perf_counter()
    spec = spec_of(settings)
    clock = SimulatedClock()
    player = RankingPlayer(spec, seed=settings.seed, clock=clock)
    succession = Succession(spec, is_gated=True, clock=clock)
    improver = ByBatches(player, spec, succession, batch_size=settings.batch_size)
    for _ in range(settings.warm_start):
        player.play()
    improver.after(0)
    for count in range(1, settings.rounds * settings.batch_size + 1):
        player.play()
        improver.after(count)
        if on_session is not None:
            on_session(player.seen[-1].clicked_place is not None)
    return _result(player.seen[settings.warm_start :], succession, seconds=time.perf_counter() - start_s)


def spec_of(settings: RankingSettings) -> LoopSpec:
    """The loop that rankings are played as.

    Raises:
        Invalid: a name or a number in the settings is none that a loop may have.
    """
    between = {"type": "number", "min": -1, "max": 1}
    return read_spec(
        {
            "loop": "shelf",
            "context": {"age": between, "budget": between},
            "actions": {"kind": "candidates", "features": dict.fromkeys(("price", "size", "gloss"), between), "max": N_OFFERED},
            "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
            "reward": {"expression": "clicked", "range": [0, 1]},
            "baseline": "uniform",
            "learner": {"name": settings.learner},
            "explore": {"name": settings.explore, "floor": settings.floor},
            "train": {"window": "none"},
        }
    )


def _result(seen: list[_Seen], succession: Succession, *, seconds: float) -> RankingResult:
    place = np.array([-1 if one.clicked_place is None else one.clicked_place for one in seen])
    chance, best, at_random = (np.array([getattr(one, name) for one in seen]) for name in ("chance", "best", "at_random"))
    regret, regret_of_random = _sum(best - chance), _sum(best - at_random)
    return RankingResult(
        n=len(seen),
        clicked=float((place >= 0).mean()),
        clicked_last_500=float((place[-500:] >= 0).mean()),
        first_place=float((place == 0).mean()),
        clicks_by_place=[float((place == p).mean()) for p in range(PLACES)],
        oracle=float(best.mean()),
        random=float(at_random.mean()),
        regret=regret,
        regret_of_random=regret_of_random,
        regret_ratio=regret / regret_of_random,
        promotions=succession.n_promotions,
        rejections=succession.n_rejections,
        seconds=seconds,
    )


def _sum(values: NDArray[np.float64]) -> float:
    return float(values.sum())
