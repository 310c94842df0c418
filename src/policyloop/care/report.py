"""A loop's report: what came in, what was earned, who decided and how well outcomes were joined, over some days.

Question answered: how has this loop done lately? All numbers are those of the tables; rewards are of decisions whose
window is over. Of a loop with episodes the episodes are told: steps of one hang together, so an interval that took their
rewards for independent would be several times too narrow. Letters: n decisions, b stretches of time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.care.earned import Earned, earned_of
from policyloop.care.mean import Mean, mean_of, spread_of
from policyloop.care.played import Episodes, episodes_of
from policyloop.care.report_facts import Facts, Span, facts_of, span_of_all
from policyloop.care.status import LoopStatus, status_of
from policyloop.care.timeline import Happening, timeline_of
from policyloop.care.trainings import TrainingLine, trainings_of
from policyloop.core.clock import US_PER_S, TimeUs, hour_of, iso
from policyloop.core.model import BASELINE, IMPORTED
from policyloop.gate.verdict import Call
from policyloop.join.audit import Audit, added
from policyloop.join.hour_states import hour_states
from policyloop.join.hours import audit_unplaced
from policyloop.registry.verdict_rows import VerdictRow
from policyloop.run.deployment import Deployment

MOST_ACTIONS = 10  # that are shown by name; the rest is told together
IMPORTED_PART = "imported"  # of the time: nobody was asked yet, and what was decided came with a history
_MOST_STRETCHES = 56
_MOST_VERDICTS = 10_000
_SHARE = (0.0, 1.0)
_WEEK_S = 604_800
_STEPS_S = (1, 5, 15, 60, 300, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 604_800)


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of time."""

    start: TimeUs
    end: TimeUs
    n: int  # decisions
    reward: Mean
    joined: Mean  # share of the examples with an outcome
    by_action: list[int]  # decisions, in the order of `Report.actions`


class ActionLine(msgspec.Struct, frozen=True, kw_only=True):
    """One action, or all that are not shown by name."""

    name: str
    n: int  # decisions that took it
    reward: Mean  # of the examples where it was done
    n_actions: int = 1  # more than 1: how many are told together


class PolicyLine(msgspec.Struct, frozen=True, kw_only=True):
    """One policy that decided."""

    policy: str  # digest, `baseline` or `imported:NAME`
    n: int
    first: TimeUs
    last: TimeUs
    reward: Mean


class Reign(msgspec.Struct, frozen=True, kw_only=True):
    """Who was champion, from when to when."""

    model: str  # digest or `baseline`; `IMPORTED_PART`, in loops with episodes
    start: TimeUs
    end: TimeUs
    how: str  # PROMOTE, ROLLBACK, or empty: it was so before


class VerdictLine(msgspec.Struct, frozen=True, kw_only=True):
    """One word of the gate or of a person."""

    at: TimeUs
    call: Call
    model: str
    why: str


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """A loop over some days."""

    loop: str
    since: TimeUs  # what was asked
    start: TimeUs  # what there is: the first decision's stretch
    end: TimeUs
    reward_expression: str
    reward_low: float
    reward_high: float
    status: LoopStatus  # of now
    n: int
    reward: Mean
    joined: Mean
    n_by_baseline: int
    n_imported: int  # another system made them
    stretches: list[Stretch]
    actions: list[ActionLine]  # the most frequent first, the rest last
    policies: list[PolicyLine]  # in the order of their first decision
    reigns: list[Reign]
    verdicts: list[VerdictLine]  # the newest first
    earned: Earned | None  # None of loops with episodes: a decision alone earns nothing there
    timeline: list[Happening]  # what went live, was taken back or moved, the newest first
    audit: Audit  # of the hours that the time touches
    trainings: list[TrainingLine] = []  # of loops with episodes: every run, with its curves
    episodes: Episodes | None = None  # of loops with episodes
    in_all: Span | None = None  # where nothing was decided in the time: what there is all the same


def report_of(deployment: Deployment, loop: str, *, since: int) -> Report:
    """The report of one loop, by its name or an alias.

    Args:
        since: microseconds; what was decided before is left out.

    Raises:
        UnknownLoop: there is none.
    """
    status, now_us = status_of(deployment, loop), deployment.clock.now_us()
    spec = deployment.registry.standing(status.loop).spec
    facts = facts_of(deployment.lake, deployment.registry, spec, since=since)
    first = int(facts.decided_at.min()) if len(facts) else now_us
    edges = _edges(first, max(now_us, first + 1))
    actions, place_of = _actions(facts)
    verdicts = deployment.registry.verdicts(status.loop, limit=_MOST_VERDICTS)
    reigns = _reigns(verdicts, int(edges[0]), now_us)
    has_episodes = spec.episodes is not None
    return Report(
        loop=status.loop,
        since=since,
        start=int(edges[0]),
        end=now_us,
        reward_expression=spec.reward.expression.text,
        reward_low=spec.reward.low,
        reward_high=spec.reward.high,
        status=status,
        n=len(facts),
        reward=_reward(facts, facts.reward),
        joined=mean_of(facts.joined, _SHARE),
        n_by_baseline=int((facts.policy == BASELINE).sum()),
        n_imported=int(_is_imported(facts).sum()),
        stretches=_stretches(facts, edges, place_of, len(actions)),
        actions=actions,
        policies=_policies(facts),
        reigns=_after_history(reigns, facts) if has_episodes else reigns,
        verdicts=[_line_of(row) for row in verdicts if row.at >= since],
        earned=earned_of(deployment, spec, since=since) if not has_episodes else None,
        timeline=timeline_of(verdicts, deployment.registry.challenges.moves(status.loop, limit=_MOST_VERDICTS), since=since),
        audit=_audit(deployment, status.loop, since=int(edges[0])),
        trainings=trainings_of(deployment, status.loop) if has_episodes else [],
        episodes=episodes_of(deployment, spec, edges, since=since) if has_episodes else None,
        in_all=None if len(facts) else span_of_all(deployment.lake, status.loop),
    )


def nothing_since(report: Report) -> str:
    """What there is where nothing was decided in the time, and how to see it; empty where there is nothing at all."""
    there = report.in_all
    if report.n or there is None:
        return ""
    weeks = math.ceil((report.end - there.first) / (_WEEK_S * US_PER_S))
    what = "1 decision" if there.n == 1 else f"{there.n:,} decisions"
    return f"The loop has {what}, of {iso(there.first)[:10]} to {iso(there.last)[:10]}; `--since {weeks}w` reaches them."


def _edges(start: int, end: int) -> NDArray[np.int64]:
    """(b + 1,) bounds of stretches of a round length, at most about fifty of them."""
    steps = [step for step in _STEPS_S if (end - start) / (step * US_PER_S) <= _MOST_STRETCHES]
    step = (steps[0] if steps else math.ceil((end - start) / US_PER_S / _MOST_STRETCHES)) * US_PER_S
    return np.arange(start // step * step, end + step, step, dtype=np.int64)


def _stretches(facts: Facts, edges: NDArray[np.int64], place_of: NDArray[np.int64], n_actions: int) -> list[Stretch]:
    stretch_of = np.searchsorted(edges, facts.decided_at, side="right") - 1
    spread = spread_of(facts.reward), spread_of(facts.joined)
    found = []
    for b, (start, end) in enumerate(pairwise(edges.tolist())):
        rows = stretch_of == b
        found.append(
            Stretch(
                start=start,
                end=end,
                n=int(rows.sum()),
                reward=_reward(facts, facts.reward[rows], spread=spread[0]),
                joined=mean_of(facts.joined[rows], _SHARE, spread=spread[1]),
                by_action=np.bincount(place_of[rows], minlength=n_actions).tolist(),
            )
        )
    return found


def _actions(facts: Facts) -> tuple[list[ActionLine], NDArray[np.int64]]:
    """The most frequent actions with the rest as one, and the place (n,) of each decision's among them."""
    names, index, counts = np.unique(facts.chosen, return_inverse=True, return_counts=True)
    order = sorted(range(len(names)), key=lambda i: (-int(counts[i]), str(names[i])))
    shown = order if len(order) <= MOST_ACTIONS + 1 else order[:MOST_ACTIONS]
    rest = order[len(shown) :]
    place = np.full(len(names), len(shown), dtype=np.int64)
    place[shown] = np.arange(len(shown))
    lines = [
        ActionLine(name=str(names[i]), n=int(counts[i]), reward=_reward(facts, facts.reward[facts.done == names[i]]))
        for i in shown
    ]
    if rest:
        is_rest = ~np.isin(facts.done, names[shown])
        n_rest = int(counts[rest].sum())
        earned = _reward(facts, facts.reward[is_rest])
        lines.append(ActionLine(name="others", n=n_rest, reward=earned, n_actions=len(rest)))
    return lines, place[index]


def _policies(facts: Facts) -> list[PolicyLine]:
    lines = []
    for policy in np.unique(facts.policy).tolist():
        rows = facts.policy == policy
        times = facts.decided_at[rows]
        lines.append(
            PolicyLine(
                policy=policy,
                n=len(times),
                first=int(times.min()),
                last=int(times.max()),
                reward=_reward(facts, facts.reward[rows]),
            )
        )
    return sorted(lines, key=lambda line: line.first)


def _line_of(row: VerdictRow) -> VerdictLine:
    return VerdictLine(at=row.at, call=row.verdict.call, model=row.verdict.model, why=row.verdict.sentence)


def _reigns(newest_first: Sequence[VerdictRow], start: int, end: int) -> list[Reign]:
    """Who was champion between two moments, by the verdicts that made it so."""
    changes = [(0, BASELINE, "")]
    for row in reversed(newest_first):
        if row.verdict.call == Call.PROMOTE:
            changes.append((row.at, row.verdict.model, "PROMOTE"))
        elif row.verdict.call == Call.ROLLBACK:
            changes.append((row.at, row.verdict.champion or BASELINE, "ROLLBACK"))
    reigns = []
    for (at, model, how), (until, _, _) in pairwise([*changes, (end, "", "")]):
        if until > start and at < end:
            reigns.append(Reign(model=model, start=max(at, start), end=until, how=how if at >= start else ""))
    return reigns


def _after_history(reigns: Sequence[Reign], facts: Facts) -> list[Reign]:
    """The same, where the history that came first is nobody's reign."""
    is_imported = _is_imported(facts)
    if not reigns or not len(facts) or not is_imported[0]:
        return list(reigns)
    ours = facts.decided_at[~is_imported]
    until = min(int(ours[0]), reigns[0].end) if len(ours) else reigns[0].end
    history = Reign(model=IMPORTED_PART, start=reigns[0].start, end=until, how="")
    first = msgspec.structs.replace(reigns[0], start=until)
    return [history, *([first] if first.end > until else []), *reigns[1:]]


def _is_imported(facts: Facts) -> NDArray[np.bool_]:
    """(n,) whether another system decided."""
    return np.array([policy.startswith(IMPORTED) for policy in facts.policy], dtype=bool)


def _audit(deployment: Deployment, loop: str, *, since: int) -> Audit:
    """The counts of the hours from then on, and of outcomes since then that no decision was found for."""
    hours = hour_states(deployment.records, loop)
    counts = [state.audit for hour, state in hours.items() if hour >= hour_of(since)]
    return added([*counts, audit_unplaced(deployment.lake, deployment.records, loop, since=since)])


def _reward(facts: Facts, reward: NDArray[np.float64], *, spread: float = 0.0) -> Mean:
    """The mean of some rewards; without an interval where they are of steps, which hang together."""
    found = mean_of(reward, facts.bounds, spread=spread)
    return msgspec.structs.replace(found, low=None, high=None) if facts.are_steps else found
