"""Table: a labelled table played as a bandit problem, in process, through the same functions that a deployment uses.

Question answered: what would this loop have earned on data whose right answers are known? Reward 1 for the right label,
else 0. After a warm start of uniform decisions, rows are drawn with replacement, or visited once in shuffled order.
Letters: n decisions after the warm start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.gate.entrant import Entrant
from policyloop.simulate.clock import SimulatedClock
from policyloop.simulate.dataset import Dataset
from policyloop.simulate.improvers import ByBatches, Improver, PerEvent
from policyloop.simulate.player import Player
from policyloop.simulate.reigns import longest_worse
from policyloop.simulate.succession import Succession, policy_of

WINDOW = 100  # of the rolling mean
BATCH_SIZE = 500
ROUNDS = 15
WORSE_BY = 0.02  # a newer model that earns less by this should not stay

Gate = Literal["no-harm", "point", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableSettings:
    """How a table is played."""

    rounds: int | None = None  # batches; None: 15, or per event as many decisions as 15 batches of 500 have
    batch_size: int = BATCH_SIZE  # 1: the policy learns from each event at once
    warm_start: int = 100  # uniform decisions before the first model
    limit: int | None = None  # at most so many decisions after the warm start
    once: bool = False  # each row once, in shuffled order, instead of rounds
    learner: str = "linear"
    learner_settings: Mapping[str, Any] = field(default_factory=dict)
    explore: str = "squarecb"
    floor: float = 0.02
    split: float = 0.8  # share of the decisions learned from
    gate: Gate = "no-harm"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("rounds", 1), ("batch_size", 1), ("warm_start", 0), ("limit", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise BadSetting(f"{name} is {value}; expected a whole number of {least} or more.")

    def n_decisions(self, n_rows: int) -> int:
        """Decisions after the warm start, on a table of `n_rows`."""
        rounds = self.rounds or (ROUNDS if self.batch_size > 1 else ROUNDS * BATCH_SIZE)
        n = max(n_rows - self.warm_start, 0) if self.once else rounds * self.batch_size
        return n if self.limit is None else min(n, self.limit)


class TableResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; the keys of `policyloop simulate table --json`."""

    n: int  # decisions after the warm start
    mean_reward: float
    mean_rolling_100: float | None  # over full windows after the warm start; None when there is none
    last_500: float  # mean reward of the last 500, or of all when there are fewer
    greedy_value: float  # of the final policy without exploration, on the whole table
    majority: float  # what the best single action earns
    oracle: float
    promotions: int
    rejections: int
    seconds: float
    longest_worse: int  # decisions in a row by what is truly worse, by .02 or more, than what it replaced


def play(
    data: Dataset, settings: TableSettings, *, on_decision: Callable[[float], None] | None = None
) -> tuple[TableResult, NDArray[np.float64]]:
    """Play a table.

    Args:
        data: what is played.
        settings: how.
        on_decision: called with the reward of each decision after the warm start.

    Returns:
        The result, and the (n,) rewards after the warm start.

    Raises:
        BadSetting: the table has no row left after the warm start.
    """
    start_s = time.perf_counter()
    n = settings.n_decisions(len(data.label))
    if n == 0:
        raise BadSetting(f"warm_start is {settings.warm_start}, and the table has {len(data.label)} rows; expected fewer.")
    spec = spec_of(data, settings)
    clock = SimulatedClock()
    player = Player(data, spec, seed=settings.seed, clock=clock)
    succession = Succession(spec, is_gated=settings.gate != "off", clock=clock)
    improver = _improver(player, spec, succession, settings)
    rows = _rows(data, settings, n).tolist()
    for row in rows[: settings.warm_start]:
        player.play(row)
    improver.after(0)
    for count, row in enumerate(rows[settings.warm_start :], start=1):
        reward = player.play(row)
        improver.after(count)
        if on_decision is not None:
            on_decision(reward)
    improver.finish()
    rewards = player.rewards(start=settings.warm_start)
    seconds = time.perf_counter() - start_s
    return _result(data, spec, succession, rewards, n_before=settings.warm_start, seconds=seconds), rewards


def spec_of(data: Dataset, settings: TableSettings) -> LoopSpec:
    """The loop that a table is played as.

    Raises:
        Invalid: a name or a number in the settings is none that a loop may have.
    """
    gate = {} if settings.gate == "off" else {"gate": {"refresh": settings.gate}}
    return read_spec(
        {
            "loop": "table",
            **data.document,
            "baseline": "uniform",
            "learner": {"name": settings.learner, **settings.learner_settings},
            "explore": {"name": settings.explore, "floor": settings.floor},
            "train": {"split": settings.split, "window": "none"},
            **gate,
        }
    )


def _improver(player: Player, spec: LoopSpec, succession: Succession, settings: TableSettings) -> Improver:
    if settings.batch_size == 1:
        return PerEvent(player, spec, succession, look_every=BATCH_SIZE)
    return ByBatches(player, spec, succession, batch_size=settings.batch_size)


def _rows(data: Dataset, settings: TableSettings, n: int) -> NDArray[np.int64]:
    """Which rows are played, the warm start first."""
    rng = np.random.default_rng(settings.seed)
    total = settings.warm_start + n
    if settings.once:
        return rng.permutation(len(data.label))[:total]
    return rng.integers(len(data.label), size=total)


def _result(
    data: Dataset, spec: LoopSpec, succession: Succession, rewards: NDArray[np.float64], *, n_before: int, seconds: float
) -> TableResult:
    """The numbers of the run."""
    _, policy = policy_of(succession.champion, spec)
    allowed = np.ones((len(data.label), len(spec.labels)), dtype=bool)
    greedy = policy.greedy().probabilities_of_many(data.contexts, allowed)
    rolling = np.convolve(rewards, np.full(WINDOW, 1 / WINDOW), mode="valid") if len(rewards) >= WINDOW else None
    return TableResult(
        n=len(rewards),
        mean_reward=float(rewards.mean()),
        mean_rolling_100=None if rolling is None else float(rolling.mean()),
        last_500=float(rewards[-500:].mean()),
        greedy_value=float(greedy[np.arange(len(data.label)), data.label].mean()),
        majority=data.majority,
        oracle=1.0,
        promotions=succession.n_promotions,
        rejections=succession.n_rejections,
        seconds=seconds,
        longest_worse=longest_worse(
            [_value(data, spec, reign.champion) for reign in succession.reigns],
            [reign.since for reign in succession.reigns],
            n=len(rewards) + n_before,
            margin=WORSE_BY,
        ),
    )


def _value(data: Dataset, spec: LoopSpec, champion: Entrant | None) -> float:
    """What a champion earns on the whole table, exploring as it does when it serves."""
    _, policy = policy_of(champion, spec)
    allowed = np.ones((len(data.label), len(spec.labels)), dtype=bool)
    pmf = policy.probabilities_of_many(data.contexts, allowed)
    return float(pmf[np.arange(len(data.label)), data.label].mean())
