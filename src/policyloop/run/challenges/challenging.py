"""Challenges at work: begun from a recipe, trained on the loop's own examples, looked at whenever decisions have settled.

Question answered: what do the job `challenge` and each look do, from the tables to the next state? Both lines are trained on
the same schedule; a model is asked only in decisions that come after it was trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec

from policyloop import __version__
from policyloop.core.errors import ChallengeRefused
from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, short
from policyloop.core.spec_file import from_json
from policyloop.gate import hard_checks
from policyloop.gate.account import Account, begun, from_map, judged, outcome_of, taken_up, to_map
from policyloop.gate.canary import canary_of
from policyloop.gate.evidence import begin as no_evidence
from policyloop.gate.limits import Limits
from policyloop.gate.logcheck import LogCheck
from policyloop.gate.ramp import DECIDING, SERVED, Findings, State, Step, step
from policyloop.gate.rule import challenge_rule_of
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.join.history import examples_of
from policyloop.join.hour_states import n_examples
from policyloop.join.reward import rewards_again
from policyloop.learn.train import train
from policyloop.registry.challenge_rows import ChallengeRow
from policyloop.registry.recipes import read_recipe, with_recipe
from policyloop.registry.registry import Standing
from policyloop.run import jobs
from policyloop.run.apply import check_plugins
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.watches.earlier_looks import carried, heard_from
from policyloop.run.watches.settled import settled_since
from policyloop.run.watches.trusted import trusted

JOB = "challenge"
_NOTHING = no_evidence(Limits(below=1.0, above=1.0, low=0.0, ceiling=0.0))  # of a challenge that nothing is known of


def begin(deployment: Deployment, loop: str, recipe: str | Mapping[str, Any], *, why: str) -> ChallengeRow:
    """Let a recipe challenge the one that serves, and have its first model trained.

    Args:
        recipe: the text of the file, or the mapping that it holds.
        why: in the words of whoever asks.

    Raises:
        UnknownLoop: no loop has that name.
        Invalid: the recipe is none; every fault is listed.
        ChallengeRefused: it is the loop's own, changes what callers rely on, another challenge goes on, or the loop has
            episodes.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    if standing.spec.episodes is not None:
        name = standing.spec.loop
        raise ChallengeRefused(
            f"loop '{name}' has episodes, in which models challenge and not recipes: apply the recipe, train, and let the "
            f"model that is chosen prove itself: `policyloop challenge {name} --model DIGEST`."
        )
    spec = read_recipe(recipe, standing.spec)
    check_plugins(spec)
    row = registry.challenges.begin(standing.spec.loop, spec, why=why)
    n = n_examples(deployment.records, row.loop)
    now_us = deployment.clock.now_us()
    jobs.queue(deployment.records, row.loop, kind=JOB, reason=f"challenge {row.id} began", n_examples=n, now_us=now_us)
    return row


def train_next(deployment: Deployment, loop: str) -> str:
    """Train the newest model of the challenger's line; it is asked from then on, if it works.

    Raises:
        NothingToDo: there is no example to learn from.
    """
    registry = deployment.registry
    row = registry.challenges.open(loop)
    if row is None:
        return "the challenge ended meanwhile"
    standing = registry.standing(loop)
    spec = from_json(row.body)
    data = trusted(deployment, standing.spec)
    examples = _with_its_reward(deployment, data.examples, standing.spec, spec)
    trained = train(examples, spec, seed=len(examples), parent=None, snapshot=data.snapshot, code_version=__version__)
    model = registry.publish(trained.manifest, trained.tensors)
    if model == row.model:
        return f"model {short(model)} of challenge {row.id} is asked already: nothing new was learned"
    checks = _checks(deployment, spec, model, data.examples)
    failed = [reason for reason in checks if not reason.is_passed]
    if failed and row.model is not None:
        registry.challenges.refuse_model(row.loop, model)
        return f"model {short(model)} of challenge {row.id} does not work, so {short(row.model)} stays: {failed[0].sentence}"
    registry.challenges.set_model(row, model)
    return f"model {short(model)} of challenge {row.id} from {trained.manifest.n_examples:,} examples"


def look(deployment: Deployment, loop: str, *, log: LogCheck) -> str | None:
    """Look at the challenge that goes on; answers what moved, None when nothing did.

    Args:
        log: what the log check says.

    Raises:
        UnknownLoop: no loop has that name.
        ChallengeRefused: somebody moved it meanwhile.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    row = registry.challenges.open(standing.spec.loop)
    if row is None:
        return None
    spec = spec_of(standing, row)
    account = account_now(deployment, standing, row, spec)
    found = _findings(deployment, standing, row, spec, account, log)
    is_approved, needs_approval = row.is_approved, spec.gate.approval == "manual"
    done = step(row.state, found, is_frozen=standing.row.is_frozen, needs_approval=needs_approval, is_approved=is_approved)
    verdict = _verdict(standing, row, done, account)
    after = registry.challenges.take(row, done, verdict=verdict, evidence=msgspec.json.encode(to_map(account)).decode())
    if (after.state, after.is_waiting) == (row.state, row.is_waiting):
        return None
    moved = f"{row.state} -> {after.state}" if after.state != row.state else "waits for approval"
    return f"challenge {row.id} of loop {row.loop}: {moved}. {verdict.sentence}"


def account_now(deployment: Deployment, standing: Standing, row: ChallengeRow, spec: LoopSpec) -> Account:
    """What a challenge has shown up to now: what was carried on, and what has settled since.

    Args:
        spec: that the loop would have.
    """
    if row.state not in SERVED:
        return _begun(deployment, standing, row, spec)
    account = carried_account(deployment, row) or _begun(deployment, standing, row, spec)
    return _brought_up(deployment, standing, row, spec, account)


def account_anew(deployment: Deployment, standing: Standing, row: ChallengeRow, spec: LoopSpec, *, like: Account) -> Account:
    """The account as a process finds it that knows the tables alone, from the first event to the last one of `like`."""
    begin_at = heard_from(deployment, row)
    first = Account(state=row.state.value, position=begin_at, ceiling=like.ceiling, levels=like.levels)
    return _brought_up(deployment, standing, row, spec, first, until=like.position)


def carried_account(deployment: Deployment, row: ChallengeRow) -> Account | None:
    """What the last look left; None before the first."""
    kept = carried(deployment, row)
    return None if kept is None else from_map(kept)


def spec_of(standing: Standing, row: ChallengeRow) -> LoopSpec:
    """The spec that the loop would have, with the gate that the challenge began with."""
    recipe = from_json(row.body)
    return replace(with_recipe(standing.spec, recipe), gate=recipe.gate)


def _brought_up(
    deployment: Deployment,
    standing: Standing,
    row: ChallengeRow,
    spec: LoopSpec,
    account: Account,
    *,
    until: int | None = None,
) -> Account:
    """An account with what has settled since, or up to a decision."""
    settled = settled_since(
        deployment,
        standing.spec,
        position=account.position,
        begun=heard_from(deployment, row),
        challenge=row.id,
        until=until,
    )
    if settled is None:
        return account if account.state == row.state else replace(account, state=row.state.value, n_served=0)
    return taken_up(account, settled, champion_spec=standing.spec, spec=spec, state=row.state.value)


def _begun(deployment: Deployment, standing: Standing, row: ChallengeRow, spec: LoopSpec) -> Account:
    """The account before the first event, with what earlier decisions say of how high rewards and outcomes are."""
    examples = trusted(deployment, standing.spec).examples
    earlier = examples.reward[examples.decided_at < row.started_at]
    return begun(
        row.state.value,
        mean_reward=float(earlier.mean()) if len(earlier) else standing.spec.reward.low,
        spec=standing.spec,
        position=heard_from(deployment, row),
        mean_outcomes=_mean_outcomes(deployment, standing, row, spec),
    )


def _mean_outcomes(deployment: Deployment, standing: Standing, row: ChallengeRow, spec: LoopSpec) -> dict[str, float]:
    """Guarded outcome -> its mean before the challenge began; none where nothing is known of it."""
    guards = [guard for guard in spec.gate.guards if guard.name in standing.spec.outcomes]
    if not guards:
        return {}
    told, _ = examples_of(deployment.lake, deployment.registry, standing.spec, is_with_outcomes=True)
    earlier = told.where(told.decided_at < row.started_at)
    missing = {guard.name: standing.spec.outcomes[guard.name].missing for guard in guards}
    values = {guard.name: outcome_of(earlier, guard, missing=missing[guard.name]) for guard in guards}
    return {name: float(value.mean()) for name, value in values.items() if len(value)}


def _with_its_reward(deployment: Deployment, examples: Examples, spec: LoopSpec, recipe: LoopSpec) -> Examples:
    """The examples, with the reward that the recipe makes of the same outcomes."""
    if spec.reward == recipe.reward:
        return examples
    told, _ = examples_of(deployment.lake, deployment.registry, spec, is_with_outcomes=True)
    assert told.outcomes is not None
    assert told.is_rewarded is not None
    return replace(told, reward=rewards_again(recipe.reward, recipe.outcomes, told.outcomes, is_rewarded=told.is_rewarded))


def _checks(deployment: Deployment, spec: LoopSpec, model: str, examples: Examples) -> tuple[Reason, ...]:
    policy = entrant_of(deployment.registry, spec, model).policy
    canary = canary_of(spec, examples.contexts, examples.candidates)
    return hard_checks.check(policy, canary, labels=spec.labels, floor=spec.explore.floor, clock=deployment.clock)


def _findings(
    deployment: Deployment, standing: Standing, row: ChallengeRow, spec: LoopSpec, account: Account, log: LogCheck
) -> Findings:
    """What the gate says of the account."""
    if row.state in SERVED:
        floor, evidence = standing.spec.explore.floor, account.evidence or _NOTHING
        is_told = account.evidence is not None or floor == 0  # before the canary only the lack of a floor is worth telling
        rule = challenge_rule_of(spec.gate.challenge)
        return Findings(
            checks=(),
            alarms=log.alarms,
            n_checked=log.n,
            n_served=account.n_served,
            proof=rule.judge(evidence, floor=floor, n_uncovered=account.n_uncovered) if is_told else (),
            guards=judged(account, spec),
            holds=trusted(deployment, standing.spec).holds if row.state in DECIDING else (),
        )
    checks: tuple[Reason, ...] = ()
    if row.state == State.FROZEN and row.model is not None:
        checks = _checks(deployment, spec, row.model, trusted(deployment, standing.spec).examples)
    return Findings(checks=checks, alarms=log.alarms, n_checked=log.n, n_served=0, proof=(), guards=())


def _verdict(standing: Standing, row: ChallengeRow, done: Step, account: Account) -> Verdict:
    """The look as it is written down."""
    evidence = account.evidence
    estimates = {}
    if evidence is not None and evidence.n > 1:
        variance = max(evidence.squares / evidence.n - evidence.mean**2, 0.0)
        stderr = math.sqrt(variance / evidence.n)
        estimates["difference"] = Estimate("dr", evidence.mean, stderr, evidence.n, evidence.ess)
    return Verdict(
        kind="challenge",
        call=done.call if done.state != row.state or done.is_waiting or done.call != Call.PROMOTE else Call.INCONCLUSIVE,
        model=row.model or BASELINE,
        champion=standing.champion,
        anchor=standing.row.anchor,
        reasons=done.reasons,
        n_evidence=0 if evidence is None else evidence.n,
        evidence_until=account.position or None,
        estimates=estimates,
    )
