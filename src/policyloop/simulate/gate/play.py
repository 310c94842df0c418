"""The gate played in a world, many times: how often does it promote, and after how many events?

Question answered: with which probability does a challenger of known lift go live? Each run begins with a log of its own past,
then looks every so many decisions, as a deployment does; it ends when the rule says PROMOTE, RETIRE or REFUSE, when the log
check freezes it, or when the decisions are used up. The evidence, the rules and the log check (its test of whether logged
probabilities are true) are those of the gate.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np

from policyloop.core.errors import BadSetting
from policyloop.core.loop import PluginSpec
from policyloop.gate.checks import truth
from policyloop.gate.chunk import Chunk, chunk_of
from policyloop.gate.evidence import Evidence, begin, update
from policyloop.gate.hold_out import look_at_line
from policyloop.gate.limits import Limits, ceiling_of, limits_of
from policyloop.gate.rule import challenge_rule_of
from policyloop.gate.verdict import Call, verdict_of
from policyloop.simulate.gate.belief import Belief
from policyloop.simulate.gate.binomial import exact_interval
from policyloop.simulate.gate.world import Events, World, world_of

FROZEN = "FROZEN"  # an end that is no verdict: the log cannot be believed
HOLD_OUT_RULE = "hold-out"


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSettings:
    """What is played."""

    world: str = "canary"
    lift: float = 0.02
    events: int = 20_000
    look_every: int = 500
    canary: float | None = None  # None: what the world has of its own
    rule: str = "proven-better"
    rule_settings: Mapping[str, Any] = field(default_factory=dict)  # as `gate.challenge` has them
    runs: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("events", 1), ("look_every", 1), ("runs", 1), ("seed", 0)):
            value = getattr(self, name)
            if value < least:
                raise BadSetting(f"{name} is {value}; expected a whole number of {least} or more.")
        if not -1 <= self.lift <= 1:
            raise BadSetting(f"lift is {self.lift}; expected a number from -1 to 1, in the reward unit.")
        if self.canary is not None and not 0 <= self.canary <= 0.5:
            raise BadSetting(f"canary is {self.canary}; expected a share from 0 to 0.5.")


class GateResult(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it; the keys of `policyloop simulate gate --json`."""

    world: str
    rule: str
    rule_settings: Mapping[str, Any]
    lift: float  # that was asked for
    true_lift: float  # that was played, mean of all runs
    canary: float | None
    events: int
    look_every: int
    runs: int
    seed: int
    promoted: float  # share of the runs
    promoted_low: float  # exact binomial interval at 95 %
    promoted_high: float
    retired: float
    frozen: float
    rolled_back: float
    rolled_back_low: float
    rolled_back_high: float
    median_events: float | None  # until the promotion, or the roll-back beside a hold-out; None: most runs never get there
    seconds: float

    @property
    def meaning(self) -> str:
        """What the numbers say, in a sentence."""
        if self.rule == HOLD_OUT_RULE:
            who, done, share = (
                f"A line that truly earns {self.true_lift:+.4f} beside the baseline",
                "rolled back",
                self.rolled_back,
            )
        else:
            who, done, share = f"A challenger that truly earns {self.true_lift:+.4f}", "promoted", self.promoted
        when = "" if self.median_events is None else f", in half of all runs by {self.median_events:,.0f}"
        return f"{who} was {done} in {100 * share:.1f} % of {self.runs:,} runs of up to {self.events:,} decisions{when}."


@dataclass(frozen=True, slots=True)
class Run:
    """How one run ended."""

    end: str  # a call, or FROZEN; INCONCLUSIVE where the decisions were used up
    n_decisions: int  # by then
    lift: float
    aim: Call


def play(
    settings: GateSettings,
    *,
    make: Callable[[np.random.Generator], World] | None = None,
    on_run: Callable[[Run], None] = lambda _: None,
    check_log: bool = True,
) -> GateResult:
    """Play a world as often as is asked for.

    Args:
        settings: what and how often.
        make: one run of a world; None: of the plug-in that the settings name.
        on_run: called after each run.
        check_log: whether the log check is asked, which takes half of the time. Where the log is true it can only hold a
            promotion back, so without it more is promoted.

    Raises:
        UnknownName: no world or no rule has that name.
        BadSetting: a setting of the rule is outside its range.
    """
    start_s = time.perf_counter()
    judge = _judge_of(PluginSpec(name=settings.rule, settings=settings.rule_settings))
    runs = []
    for number in range(settings.runs):
        rng = np.random.default_rng([settings.seed, number])
        world = make(rng) if make else world_of(settings.world, lift=settings.lift, canary=settings.canary, rng=rng)
        runs.append(play_once(world, settings, judge=judge, check_log=check_log))
        on_run(runs[-1])
    return _result(settings, runs, seconds=time.perf_counter() - start_s)


Judge = Callable[[Evidence, float], Call]  # of evidence and floor


def _judge_of(rule: PluginSpec) -> Judge:
    """The rule for challenges of that name, with its settings."""
    chosen = challenge_rule_of(rule)
    return lambda evidence, floor: verdict_of(chosen.judge(evidence, floor=floor))


def _judge_line(evidence: Evidence, _floor: float) -> Call:
    """The rule for hold-outs."""
    return look_at_line(evidence).call


def play_once(world: World, settings: GateSettings, *, judge: Judge, check_log: bool) -> Run:
    """One run to its end."""
    look_at = _judge_line if world.aim == Call.ROLLBACK else judge
    past = world.past()
    belief = Belief(world.n_cells, past.pmf.shape[1])
    belief.learn(past)
    limits = limits_in(world, belief)
    evidence, check = begin(limits), truth.begin()
    for start in range(0, settings.events, settings.look_every):
        n = min(start + settings.look_every, settings.events)
        events = world.events(n - start)
        if len(events):
            evidence = update(evidence, chunk_in(events, belief, limits), limits=limits)
            check = truth.update(check, _drawn(events)) if check_log else check
        if check.is_alarm:
            return Run(FROZEN, n, world.lift, world.aim)
        if (call := look_at(evidence, world.floor)) != Call.INCONCLUSIVE:
            return Run(call, n, world.lift, world.aim)
        belief.learn(events)
    return Run(Call.INCONCLUSIVE, settings.events, world.lift, world.aim)


def limits_in(world: World, belief: Belief) -> Limits:
    """How far a pseudo-outcome can go, from what is known before the first event."""
    low, high = world.reward_range
    champion, challenger = world.shares
    return limits_of(
        low=low,
        high=high,
        least_propensity=world.least_propensity,
        ceiling=ceiling_of(belief.mean, low=low, high=high),
        champion_share=champion,
        challenger_share=challenger,
    )


def chunk_in(events: Events, belief: Belief, limits: Limits) -> Chunk:
    """What some events say, of which the belief has learned nothing yet."""
    return chunk_of(
        events.reward,
        events.propensity,
        action=events.action,
        challenger_pmf=events.challenger_pmf,
        champion_pmf=events.champion_pmf,
        predicted=belief.predicted(events),
        limits=limits,
    )


def _drawn(events: Events) -> truth.Drawn:
    """The same events as the log check looks at them."""
    others = {"challenger": events.challenger_pmf, "champion": events.champion_pmf}
    return truth.Drawn(action=events.action, pmf=events.pmf, allowed=events.pmf > 0, others=others)


def _result(settings: GateSettings, runs: list[Run], *, seconds: float) -> GateResult:
    """The numbers of all runs."""
    n = len(runs)
    ends = Counter(run.end for run in runs)
    promoted = exact_interval(ends[Call.PROMOTE], n)
    rolled_back = exact_interval(ends[Call.ROLLBACK], n)
    is_of_line = runs[0].aim == Call.ROLLBACK
    return GateResult(
        world=settings.world,
        rule=HOLD_OUT_RULE if is_of_line else settings.rule,
        rule_settings={} if is_of_line else settings.rule_settings,
        lift=settings.lift,
        true_lift=round(float(np.mean([run.lift for run in runs])), 12) + 0.0,  # not -0.0
        canary=settings.canary,
        events=settings.events,
        look_every=settings.look_every,
        runs=n,
        seed=settings.seed,
        promoted=ends[Call.PROMOTE] / n,
        promoted_low=promoted[0],
        promoted_high=promoted[1],
        retired=ends[Call.RETIRE] / n,
        frozen=ends[FROZEN] / n,
        rolled_back=ends[Call.ROLLBACK] / n,
        rolled_back_low=rolled_back[0],
        rolled_back_high=rolled_back[1],
        median_events=_median(runs),
        seconds=seconds,
    )


def _median(runs: list[Run]) -> float | None:
    """Decisions until what is looked for had happened in half of all runs."""
    took = np.array([run.n_decisions if run.end == run.aim else np.inf for run in runs])
    median = float(np.median(took))
    return median if np.isfinite(median) else None
