"""Planning: challengers of a known lift are played in the twin of a loop, through the gate's own evidence and rules.

Question answered: how long would it take this loop to find a recipe that truly earns so much more? Nothing is written, and no
traffic is touched.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec, PluginSpec
from policyloop.core.model import IMPORTED
from policyloop.evaluate.forward import policy_of_recipe
from policyloop.registry.registry import Standing
from policyloop.run.challenges.pace import Pace, pace_of, steady
from policyloop.run.challenges.planned import Outlook, Plan, outlook_of
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.watches.trusted import Trusted, trusted
from policyloop.simulate.gate.play import GateSettings, Run, play
from policyloop.simulate.gate.world import World
from policyloop.simulate.twin import TwinLog, twin_of
from policyloop.simulate.worlds import twin

FEWEST_EXAMPLES = 300
CANARIES = (0.01, 0.05, 0.1, 0.2, 0.5)
_SEED = 0  # of the model that the twin's truth is made of


def plan(
    deployment: Deployment,
    loop: str,
    *,
    lift: float,
    canary: float | None = None,
    floor: float | None = None,
    power: float = 0.8,
    events: int = 30_000,
    runs: int = 60,
    seed: int = 0,
    per_day: float | None = None,
    on_run: Callable[[Run], None] = lambda run: None,
) -> Plan:
    """Play it.

    Args:
        deployment: where the loop and its log are.
        loop: its name or an alias.
        lift: what the challenger truly earns more, above 0, in the reward unit.
        canary: its share of the traffic, in (0, .5], of what a hold-out leaves; None: as the loop has it.
        floor: of the explorer, in (0, 1]; None: as the loop has it.
        power: the share of such challengers that should be found, in (0, 1).
        events: decisions after which a run is given up.
        runs: for each share of the traffic.
        seed: of the runs.
        per_day: decisions a day, above 0; None: as the log has them.
        on_run: called after each.

    Raises:
        UnknownLoop, NothingToDo, BadSetting: for a loop that there is not, too few examples, a number outside its range.
    """
    standing = deployment.registry.standing(loop)
    spec = standing.spec
    _refuse_episodes(spec)
    share = _share(spec, canary)
    _check(lift, share, power, per_day)
    data = trusted(deployment, spec)
    settings = with_rule(GateSettings(world="twin", events=events, runs=runs, seed=seed), spec.gate.challenge)
    with threadpool_limits(1, user_api="blas"):  # matrices are small: a second thread mostly waits
        log = twin_log(deployment, standing, data, floor=floor)
        outlooks = tuple(_outlook(log, lift, one, settings, on_run) for one in _shares(share))
    return Plan(
        spec=spec,
        lift=lift,
        floor=log.floor,
        canary=share,
        power=power,
        events=events,
        pace=_pace(data.examples) if per_day is None else steady(per_day),
        from_us=deployment.clock.now_us(),
        mean_reward=log.mean_reward,
        n_examples=len(data.examples),
        outlooks=outlooks,
    )


def with_rule(settings: GateSettings, rule: PluginSpec) -> GateSettings:
    """The same, by the rule that a loop has for challenges."""
    return replace(settings, rule=rule.name, rule_settings=rule.settings)


def n_shares(deployment: Deployment, loop: str, canary: float | None) -> int:
    """With how many shares of the traffic `plan` plays."""
    return len(_shares(_share(deployment.registry.standing(loop).spec, canary)))


def twin_maker(
    deployment: Deployment, loop: str, *, lift: float, canary: float | None, floor: float | None = None
) -> Callable[[np.random.Generator], World]:
    """What makes one run after another of the twin of a loop.

    Raises:
        UnknownLoop, NothingToDo, BadSetting: as `plan` does.
    """
    standing = deployment.registry.standing(loop)
    _refuse_episodes(standing.spec)
    log = twin_log(deployment, standing, trusted(deployment, standing.spec), floor=floor)
    return partial(_one, log, lift, _share(standing.spec, canary))


def _refuse_episodes(spec: LoopSpec) -> None:
    if spec.episodes is not None:
        raise NothingToDo(
            f"loop '{spec.loop}' has episodes: a plan counts single decisions, and a challenge there counts whole episodes. "
            f"Begin one with `policyloop challenge {spec.loop} --model DIGEST`; `policyloop gate status {spec.loop}` says how "
            f"far its evidence is."
        )


def twin_log(deployment: Deployment, standing: Standing, data: Trusted, *, floor: float | None) -> TwinLog:
    """What the twin of a loop is made of. While the baseline decides, a model of the loop's recipe is its champion.

    Args:
        deployment: has the champion.
        standing: of the loop.
        data: its examples.
        floor: None: that of the loop.

    Raises:
        NothingToDo: there are too few examples.
        BadSetting: the floor is not above 0.
    """
    spec = standing.spec
    if len(data.examples) < FEWEST_EXAMPLES:
        raise NothingToDo(
            f"loop '{spec.loop}' has {len(data.examples):,} examples; a plan needs {FEWEST_EXAMPLES:,}, from which it learns "
            f"what rewards are like. Let it decide for a while."
        )
    served = spec.explore.floor if floor is None else floor
    if not 0 < served <= 1:
        raise BadSetting(f"floor is {served:g}; expected a number above 0 and at most 1: `--floor 0.02`, or set explore.floor.")
    spec = replace(spec, explore=replace(spec.explore, floor=served))
    learned = policy_of_recipe(data.examples, spec, seed=_SEED)
    champion = learned if standing.champion is None else entrant_of(deployment.registry, spec, standing.champion).policy
    return twin_of(
        data.examples,
        champion=champion,
        rewards=learned,
        floor=served,
        low=spec.reward.low,
        high=spec.reward.high,
        baseline=entrant_of(deployment.registry, spec, None).policy,
        hold_out=spec.gate.hold_out,
    )


def _outlook(log: TwinLog, lift: float, canary: float, settings: GateSettings, on_run: Callable[[Run], None]) -> Outlook:
    """All runs with one share of the traffic."""
    seen: list[Run] = []

    def told(run: Run) -> None:
        seen.append(run)
        on_run(run)

    play(settings, make=partial(_one, log, lift, canary), on_run=told)
    return outlook_of(canary, seen)


def _one(log: TwinLog, lift: float, canary: float, rng: np.random.Generator) -> World:
    return twin.create(lift=lift, canary=canary, rng=rng, log=log)


def _share(spec: LoopSpec, canary: float | None) -> float:
    """That was asked for, or the loop's."""
    return spec.gate.canary if canary is None else canary


def _shares(canary: float) -> list[float]:
    """Those to choose from, and the one that was asked for."""
    return sorted({*CANARIES, canary})


def _pace(examples: Examples) -> Pace | None:
    """Of the decisions that were made here: those of other systems have the time at which they were brought in."""
    is_ours = np.array([not str(policy).startswith(IMPORTED) for policy in examples.policy], dtype=bool)
    return pace_of(examples.decided_at[is_ours])


def _check(lift: float, canary: float, power: float, per_day: float | None) -> None:
    if not lift > 0:
        raise BadSetting(f"lift is {lift:g}; expected a number above 0: what the challenger earns more, in the reward unit.")
    if not 0 < canary <= 0.5:
        raise BadSetting(f"canary is {canary:g}; expected a share above 0 and at most 0.5.")
    if not 0 < power < 1:
        raise BadSetting(f"power is {power:g}; expected a share above 0 and below 1, such as 0.8.")
    if per_day is not None and not per_day > 0:
        raise BadSetting(f"per_day is {per_day:g}; expected a number above 0: decisions a day.")
