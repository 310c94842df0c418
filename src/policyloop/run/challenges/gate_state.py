"""The state of the gate: where a loop's challenge stands, what it waits for, and what speaks for and against it.

Question answered: what would a person want to know before approving, waiting or ending it? In words, with the numbers that they
rest on; commands and the HTTP interface show the same.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from policyloop.core.clock import iso
from policyloop.core.model import short
from policyloop.core.spec_file import from_json
from policyloop.gate.account import Account, judged, to_map
from policyloop.gate.episodes import EpisodeAccount
from policyloop.gate.episodes import to_map as episodes_to_map
from policyloop.gate.logcheck import LogCheck
from policyloop.gate.ramp import SERVED, State, after_log_check
from policyloop.gate.rule import challenge_rule_of
from policyloop.gate.verdict import Call, Reason, number
from policyloop.registry.challenge_rows import ChallengeRow, MoveRow
from policyloop.registry.challenges import Trial
from policyloop.registry.changes import Change, changes_between
from policyloop.registry.registry import Standing
from policyloop.run.challenges.challenging import account_anew, carried_account, spec_of
from policyloop.run.deployment import Deployment
from policyloop.run.episodes import challenging as episode_challenging
from policyloop.run.episodes import line_watch as episode_line
from policyloop.run.log_check import remembered
from policyloop.run.watches import line_watch

_SAME = 1e-12
_THEN = {  # what follows FROZEN
    State.SHADOW: "SHADOW: it is asked beside what decides, and decides nothing.",
    State.LOG_CHECK: "LOG-CHECK: is what the log says of chances true?",
}
_OF_THE_LOOK = ("state", "n_served", "position")  # they tell when it was looked at, not what was seen


class ReasonView(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule, guard or check says."""

    name: str
    verdict: str
    passed: bool
    sentence: str
    numbers: dict[str, float | None]
    is_check: bool


class ChallengeView(msgspec.Struct, frozen=True, kw_only=True):
    """One challenge."""

    id: int
    state: str
    recipe: str  # digest
    changes: list[str]  # what it changes in the spec that held when it began
    model: str | None  # the newest of its line
    share: float  # of the decisions that are not held out, which are its own
    is_waiting: bool  # for a person's approval
    started_at: str
    changed_at: str  # when it came into its state
    ended_at: str | None
    n_served: int  # settled decisions, or closed episodes, of its state in which it was asked
    unit: str = "decisions"  # what it has a share of: `decisions` or `episodes`
    reasons: list[ReasonView]  # what speaks for and against it now


class GateState(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate of a loop does now."""

    loop: str
    champion: str | None
    is_frozen: bool  # nothing is promoted
    hold_out: float  # the baseline's share of all decisions
    alarms: list[ReasonView]  # of the log check
    line: ReasonView | None  # what the hold-out says of the line that is live
    challenge: ChallengeView | None  # the one that goes on, else the last one


class MoveView(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a challenge's state."""

    at: str
    challenge: int
    before: str | None  # None: it began
    after: str
    verdict: str
    model: str
    champion: str | None
    sentence: str
    n_evidence: int


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What a challenge has shown, worked out again from the tables alone."""

    challenge: int
    state: str
    n: int  # settled decisions, or closed episodes, that are evidence
    difference: float | None  # challenger minus champion, a decision
    low: float | None  # the confidence sequence at level .95
    high: float | None
    e_better: float | None  # 20 is proof at level .05
    e_worse: float | None
    ess: float
    reasons: list[ReasonView]
    # Whether the tables say what the records do, to 1e-12, given the ceiling of predictions that the records name; None where
    # actions came or went meanwhile: what was said of those that are gone cannot be told in today's.
    is_same: bool | None
    unit: str = "settled decision"  # what counts one


def gate_state(deployment: Deployment, loop: str) -> GateState:
    """Where things stand, without looking anew: what the last look found.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    challenges = deployment.registry.challenges.all(standing.spec.loop)
    watch = line_watch if standing.spec.episodes is None else episode_line
    line = watch.reason_now(deployment, standing.spec.loop)
    log = remembered(deployment, standing.spec)
    return GateState(
        loop=standing.spec.loop,
        champion=standing.champion,
        is_frozen=standing.row.is_frozen,
        hold_out=standing.spec.gate.hold_out,
        alarms=[] if log is None else [_view(reason) for reason in log.alarms],
        line=None if line is None else _view(line),
        challenge=_challenge_view(deployment, standing, challenges[0], log) if challenges else None,
    )


def history(deployment: Deployment, loop: str, *, limit: int = 100) -> list[MoveView]:
    """Every move of the loop's challenges, the newest first.

    Raises:
        UnknownLoop: no loop has that name.
    """
    name = deployment.registry.standing(loop).spec.loop
    return [_move_view(move) for move in deployment.registry.challenges.moves(name, limit=limit)]


def explained(deployment: Deployment, loop: str) -> Explained | None:
    """The evidence of the challenge that goes on, recomputed; None where there is none yet.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    row = deployment.registry.challenges.open(standing.spec.loop)
    if row is not None and standing.spec.episodes is not None:
        return _explained_episodes(deployment, standing, row)
    carried = None if row is None else carried_account(deployment, row)
    if row is None or carried is None or carried.evidence is None:
        return None
    spec = spec_of(standing, row)
    anew = account_anew(deployment, standing, row, spec, like=carried)
    evidence = anew.evidence or carried.evidence
    low, high = evidence.interval()
    return Explained(
        challenge=row.id,
        state=row.state.value,
        n=evidence.n,
        difference=number(evidence.mean),
        low=number(low),
        high=number(high),
        e_better=number(evidence.e_better),
        e_worse=number(evidence.e_worse),
        ess=evidence.ess,
        reasons=[_view(reason) for reason in _reasons(standing, row, anew)],
        is_same=_is_same(to_map(anew), to_map(carried)) if _kept_its_actions(deployment, row) else None,
    )


def _explained_episodes(deployment: Deployment, standing: Standing, row: ChallengeRow) -> Explained | None:
    """The same of a challenge in episodes."""
    carried = episode_challenging.carried_account(deployment, row)
    if carried is None or carried.evidence is None:
        return None
    anew = episode_challenging.account_anew(deployment, standing, row, like=carried)
    evidence = anew.evidence or carried.evidence
    low, high = evidence.interval()
    return Explained(
        challenge=row.id,
        state=row.state.value,
        unit="closed episode",
        n=evidence.n,
        difference=number(evidence.mean),
        low=number(low),
        high=number(high),
        e_better=number(evidence.e_better),
        e_worse=number(evidence.e_worse),
        ess=evidence.ess,
        reasons=[_view(reason) for reason in episode_challenging.reasons_of(row, anew)],
        is_same=_is_same(episodes_to_map(anew), episodes_to_map(carried)),
    )


def _kept_its_actions(deployment: Deployment, row: ChallengeRow) -> bool:
    """Whether the loop had the same actions all the time that the challenge went on."""
    specs = deployment.registry.spec_history(row.loop)
    before = [spec for spec in specs if spec.applied_at <= row.started_at][-1:]
    since = [spec for spec in specs if spec.applied_at > row.started_at]
    return len({from_json(spec.body).labels for spec in (*before, *since)}) == 1


def _is_same(one: Any, other: Any) -> bool:
    """Whether two accounts, as JSON says them, hold the same numbers to 1e-12."""
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one if key not in _OF_THE_LOOK)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, float):
        return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)
    return bool(one == other)


def _challenge_view(deployment: Deployment, standing: Standing, row: ChallengeRow, log: LogCheck | None) -> ChallengeView:
    told, n_served = _told_of(deployment, standing, row)
    trial = Trial(challenge=row.id, state=row.state, model=row.model or "", spec=from_json(row.body))
    reasons = told
    if row.state == State.LOG_CHECK and log is not None:
        reasons = [*log.alarms, *after_log_check(log.n).reasons]
    if not reasons or not row.is_open:
        reasons = [*deployment.registry.challenges.moves(row.loop, challenge=row.id, limit=1)[0].verdict.reasons]
    if row.state == State.FROZEN:
        reasons = [*reasons, _what_comes(row, of_episodes=standing.spec.episodes is not None)]
    return ChallengeView(
        id=row.id,
        state=row.state.value,
        recipe=row.recipe,
        changes=[str(change) for change in _changes(deployment, row)],
        model=row.model,
        share=trial.share,
        is_waiting=row.is_waiting,
        started_at=iso(row.started_at),
        changed_at=iso(row.changed_at),
        ended_at=None if row.ended_at is None else iso(row.ended_at),
        n_served=n_served,
        reasons=[_view(reason) for reason in reasons],
        unit="decisions" if standing.spec.episodes is None else "episodes",
    )


def _what_comes(row: ChallengeRow, *, of_episodes: bool) -> Reason:
    """Of a challenge that has only begun: what is done with it, and what follows."""
    if row.model is None:
        now, once = "Its first model is being trained", "it is trained and works"
    else:
        now, once = f"Model {short(row.model)} is being tried out", "it answers as it should"
    sentence = f"{now}; once {once}, the next look of `policyloop up` or `policyloop work` takes it on to "
    then = _THEN[State.SHADOW if of_episodes else State.LOG_CHECK]
    return Reason(name="begun", call=Call.INCONCLUSIVE, sentence=sentence + then)


def _told_of(deployment: Deployment, standing: Standing, row: ChallengeRow) -> tuple[list[Reason], int]:
    """What the last look's account says, and how many decisions or episodes of this state it has seen."""
    if standing.spec.episodes is not None:
        of_episodes = episode_challenging.carried_account(deployment, row)
        if of_episodes is None:
            return [], 0
        return [*episode_challenging.reasons_of(row, of_episodes)], _n_served(row, of_episodes)
    account = carried_account(deployment, row)
    return ([], 0) if account is None else (_reasons(standing, row, account), _n_served(row, account))


def _n_served(row: ChallengeRow, account: Account | EpisodeAccount) -> int:
    """Of the state that it is in; a look that moved it counted those of the state before. Of an ended one, of the last."""
    return account.n_served if not row.is_open or account.state == row.state else 0


def _changes(deployment: Deployment, row: ChallengeRow) -> list[Change]:
    """What the recipe changes in the spec that held when it began."""
    held = [spec for spec in deployment.registry.spec_history(row.loop) if spec.applied_at <= row.started_at]
    return changes_between(from_json(held[-1].body), from_json(row.body))


def _reasons(standing: Standing, row: ChallengeRow, account: Account) -> list[Reason]:
    """What rule and guards say of an account."""
    if row.state not in SERVED:
        return []
    spec = spec_of(standing, row)
    rule = challenge_rule_of(spec.gate.challenge)
    floor = standing.spec.explore.floor
    proof = () if account.evidence is None else rule.judge(account.evidence, floor=floor, n_uncovered=account.n_uncovered)
    return [*proof, *judged(account, spec)]


def _move_view(move: MoveRow) -> MoveView:
    verdict = move.verdict
    return MoveView(
        at=iso(move.at),
        challenge=move.challenge,
        before=None if move.before is None else move.before.value,
        after=move.after.value,
        verdict=verdict.call.value,
        model=verdict.model,
        champion=verdict.champion,
        sentence=verdict.sentence,
        n_evidence=verdict.n_evidence,
    )


def _view(reason: Reason) -> ReasonView:
    return ReasonView(
        name=reason.name,
        verdict=reason.call.value,
        passed=reason.is_passed,
        sentence=reason.sentence,
        numbers=dict(reason.numbers),
        is_check=reason.is_check,
    )
