"""Challenges in loops with episodes: a published model wants to decide, and is looked at episode by episode.

Question answered: what does the challenge of a model do, from a person's word to the next state? The model is there already, so
nothing is trained for it. It is only asked at first; that it plays episodes of its own takes a person's agreement; that it goes
on takes proof, valid at every look. The side is drawn once for each episode, and whole returns are the evidence.
"""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np

from policyloop.core.errors import ChallengeRefused, PolicyloopError
from policyloop.core.estimate import Estimate
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, short
from policyloop.core.spec_file import from_json
from policyloop.gate import advice
from policyloop.gate.episodes import EpisodeAccount, begun, bounds_of, from_map, judged, kept, taken_up, to_map
from policyloop.gate.logcheck import FEWEST, LogCheck
from policyloop.gate.ramp import ASKED, DECIDING, OF_EPISODES, SERVED, Findings, State, Step, after_asked, after_log_check, step
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.ingest.checks import checks_of
from policyloop.registry.challenge_rows import ChallengeRow
from policyloop.registry.model_rows import MAY_GO_LIVE, ModelRow
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.advised import followed_in
from policyloop.run.episodes.log_watch import check_steps
from policyloop.run.episodes.trials import heard_since, mean_outcomes_before, mean_return_before
from policyloop.run.watches.earlier_looks import carried, heard_from
from policyloop.serve import canary
from policyloop.serve.aligned import ready
from policyloop.serve.live import BUDGET_S

MOST_BROKEN = 0.05  # of the episodes in which it was asked
_ALPHA = 0.05


def begin(deployment: Deployment, loop: str, model: str, *, why: str) -> ChallengeRow:
    """Let a published model challenge what decides now, be it a model or the baseline.

    Args:
        model: its digest, or the start of it.
        why: in the words of whoever asks.

    Raises:
        UnknownLoop, UnknownModel, BadSetting, ChallengeRefused: as of `find_challenger`; or another challenge goes on.
    """
    registry = deployment.registry
    found, spec = find_challenger(deployment, loop, model)
    row = registry.challenges.begin(spec.loop, spec, why=why, is_model_there=True)
    return registry.challenges.set_model(row, found.model)


def find_challenger(deployment: Deployment, loop: str, model: str) -> tuple[ModelRow, LoopSpec]:
    """A published model that may challenge, and the spec under which it would.

    Args:
        model: its digest, or the start of it.

    Raises:
        UnknownLoop: no loop has that name.
        UnknownModel: the loop has no such model.
        BadSetting: nothing bounds the return of an episode.
        ChallengeRefused: the loop has no episodes, or the gate has dealt with the model, or it is of another recipe.
    """
    registry = deployment.registry
    spec = registry.standing(loop).spec
    if spec.episodes is None:
        raise ChallengeRefused(
            f"loop '{spec.loop}' has no episodes: its refreshes are guarded and need no challenge; another recipe challenges "
            f"it by `policyloop challenge {spec.loop} --recipe FILE`."
        )
    bounds_of(spec)
    found = registry.find(spec.loop, model)
    if found.state not in MAY_GO_LIVE:
        raise ChallengeRefused(
            f"model {short(found.model)} of loop '{spec.loop}' is {found.state}; expected one that the gate has not dealt "
            f"with: `policyloop models {spec.loop}` lists them."
        )
    if found.recipe != spec.recipe:
        raise ChallengeRefused(
            f"model {short(found.model)} was made for another recipe than loop '{spec.loop}' has by now. Train a new model, or "
            f"apply a loop file with its recipe again: `policyloop models {spec.loop} {short(found.model)}` shows its learner."
        )
    return found, spec


def look(deployment: Deployment, loop: str) -> str | None:
    """Look at the challenge that goes on; answers what moved, None when nothing did.

    Raises:
        UnknownLoop: no loop has that name.
        ChallengeRefused: somebody moved it meanwhile.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    row = registry.challenges.open(standing.spec.loop)
    if row is None:
        return None
    log = check_steps(deployment, standing.spec)
    account, n_broken = account_now(deployment, standing, row)
    found = _findings(deployment, standing, row, account, n_broken, log=log)
    done = step(
        row.state,
        found,
        is_frozen=standing.row.is_frozen,
        needs_approval=standing.spec.gate.approval == "manual",
        is_approved=row.is_approved,
        enough=OF_EPISODES,
    )
    verdict = _verdict(standing, row, done, account)
    body = msgspec.json.encode(to_map(account)).decode()
    after = registry.challenges.take(row, done, verdict=verdict, evidence=body)
    if (after.state, after.is_waiting) == (row.state, row.is_waiting):
        return None
    moved = f"{row.state} -> {after.state}" if after.state != row.state else "waits for approval"
    return f"challenge {row.id} of loop {row.loop}: {moved}. {verdict.sentence}"


def account_now(deployment: Deployment, standing: Standing, row: ChallengeRow) -> tuple[EpisodeAccount, int]:
    """What a challenge has shown up to now, and in how many episodes it gave no answer."""
    account = carried_account(deployment, row) or _begun(deployment, standing.spec, row)
    stakes = from_json(row.body)
    if row.state not in SERVED:
        return replace(account, state=row.state.value, n_served=0), 0
    if row.state in ASKED:  # counted anew at each look: a handful
        asked_in = row.state.value.lower()
        heard = heard_since(deployment, stakes, challenge=row.id, position=heard_from(deployment, row), asked_in=asked_in)
        followed = followed_in(deployment, standing.spec, row) if row.state == State.ADVISORY else None
        return replace(account, state=row.state.value, n_served=heard.n_asked, followed=followed), heard.n_broken
    heard = heard_since(deployment, stakes, challenge=row.id, position=account.position)
    return taken_up(replace(account, followed=None), heard.closed, state=row.state.value, spec=stakes), 0


def account_anew(deployment: Deployment, standing: Standing, row: ChallengeRow, *, like: EpisodeAccount) -> EpisodeAccount:
    """The account as a process finds it that knows the tables alone, up to the last episode of `like`."""
    first, stakes = _begun(deployment, standing.spec, row), from_json(row.body)
    first = replace(first, level=like.level, low=like.low, high=like.high, levels=like.levels)
    heard = heard_since(deployment, stakes, challenge=row.id, position=first.position, until=like.position)
    return taken_up(first, heard.closed, state=like.state, spec=stakes)


def carried_account(deployment: Deployment, row: ChallengeRow) -> EpisodeAccount | None:
    """What the last look left; None before the first."""
    kept = carried(deployment, row)
    return None if kept is None else from_map(kept)


def reasons_of(row: ChallengeRow, account: EpisodeAccount) -> tuple[Reason, ...]:
    """What the evidence says while either side plays, or what became of its advice while it gives that."""
    if row.state == State.ADVISORY and account.followed is not None:
        return advice.reason(account.followed), *after_asked(row.state, account.n_served, enough=OF_EPISODES).reasons
    return *_proof(row, account), *_guards(row, account)


def _proof(row: ChallengeRow, account: EpisodeAccount) -> tuple[Reason, ...]:
    return judged(account, alpha=_alpha_of(from_json(row.body))) if row.state in DECIDING else ()


def _guards(row: ChallengeRow, account: EpisodeAccount) -> tuple[Reason, ...]:
    return kept(account, from_json(row.body)) if row.state in DECIDING else ()


def _begun(deployment: Deployment, spec: LoopSpec, row: ChallengeRow) -> EpisodeAccount:
    return begun(
        row.state.value,
        bounds=bounds_of(spec),
        mean_return=mean_return_before(deployment, row.loop, row.started_at),
        position=heard_from(deployment, row),
        levels=mean_outcomes_before(deployment, from_json(row.body), row.started_at),
    )


def _alpha_of(spec: LoopSpec) -> float:
    return float(spec.gate.challenge.settings.get("alpha", _ALPHA))


def _findings(
    deployment: Deployment, standing: Standing, row: ChallengeRow, account: EpisodeAccount, n_broken: int, *, log: LogCheck
) -> Findings:
    checks = (_works(deployment, standing.spec, row),) if row.state == State.FROZEN else ()
    return Findings(
        checks=checks,
        alarms=log.alarms,
        n_checked=log.n,
        n_served=account.n_served,
        proof=_proof(row, account),
        guards=(*_of_broken(account.n_served, n_broken), *_guards(row, account)),
        holds=() if row.state not in DECIDING or log.n >= FEWEST else after_log_check(log.n).reasons,
        told=() if account.followed is None else (advice.reason(account.followed),),
    )


def _works(deployment: Deployment, spec: LoopSpec, row: ChallengeRow) -> Reason:
    """Whether the model answers on the edges of the spec, as serving asks it before it may answer anybody."""
    assert row.model is not None, "a challenge of a model has one"
    try:
        stored = deployment.registry.load(spec.loop, row.model)
        policy = ready(stored.loaded(), stored.labels, spec)
        canary.check(policy, checks_of(spec, salt=b""), clock=deployment.clock, budget_s=BUDGET_S)
    except PolicyloopError as error:
        return Reason(name="canary", call=Call.REFUSE, sentence=f"It does not work: {error.message}", is_check=True)
    told = "It answers on the edges of what the loop allows, the same twice, and in time."
    return Reason(name="canary", call=Call.PROMOTE, sentence=told, is_check=True)


def _of_broken(n: int, n_broken: int) -> tuple[Reason, ...]:
    """A challenger that does not answer is not wanted."""
    if n < OF_EPISODES.shadow or n_broken <= MOST_BROKEN * n:
        return ()
    told = f"It gave no answer in {n_broken:,} of {n:,} episodes; at most {100 * MOST_BROKEN:g} % is allowed."
    return (Reason(name="guard-errors", call=Call.RETIRE, sentence=told, is_check=True),)


def _verdict(standing: Standing, row: ChallengeRow, done: Step, account: EpisodeAccount) -> Verdict:
    """The look as it is written down."""
    evidence = account.evidence
    estimates = {}
    if evidence is not None and evidence.n > 1:
        variance = max(evidence.squares / evidence.n - evidence.mean**2, 0.0)
        stderr = float(np.sqrt(variance / evidence.n))
        estimates["difference"] = Estimate("episodes", evidence.mean, stderr, evidence.n, evidence.ess)
    is_told = done.state != row.state or done.is_waiting or done.call != Call.PROMOTE
    return Verdict(
        kind="challenge",
        call=done.call if is_told else Call.INCONCLUSIVE,
        model=row.model or BASELINE,
        champion=standing.champion,
        anchor=standing.row.anchor,
        reasons=done.reasons,
        n_evidence=0 if evidence is None else evidence.n,
        evidence_until=account.position or None,
        estimates=estimates,
    )
