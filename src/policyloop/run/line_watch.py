"""The watch over a line: does what is live earn more than the baseline that keeps its hold-out?

Question answered: did many refreshes, each too little worse to see, make the whole line worse than no model at all? Then it
goes back to its anchor, in one write. The evidence is of the present line: it begins again with every anchor.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from policyloop.core.loop import LoopSpec
from policyloop.core.model import short
from policyloop.evaluate.arrays import taken
from policyloop.gate import evidence as evidences
from policyloop.gate.account import Settled
from policyloop.gate.chunk import chunk_of
from policyloop.gate.evidence import Evidence
from policyloop.gate.hold_out import look_at_line
from policyloop.gate.limits import limits_of
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry import verdict_rows
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.settled import settled_since

HOLD_OUT = "hold-out"  # the name under which the evidence is carried on


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is carried on."""

    anchor: str  # of the line that it is about
    position: int  # decided_at of the newest decision taken up, microseconds
    evidence: Evidence | None


def look(deployment: Deployment, loop: str) -> str | None:
    """Take up what has settled; harm takes the line back. Answers what was done, None when nothing was.

    Raises:
        UnknownLoop: no loop has that name.
    """
    standing = deployment.registry.standing(loop)
    if standing.champion is None or standing.row.anchor is None or standing.spec.gate.hold_out == 0:
        return None
    watched = _after(deployment, standing, standing.row.anchor)
    deployment.registry.challenges.carry(standing.spec.loop, HOLD_OUT, _to_json(watched))
    reason = None if watched.evidence is None else look_at_line(watched.evidence)
    if reason is None or reason.call != Call.ROLLBACK:
        return None
    verdict = _verdict(standing, reason, watched)
    deployment.registry.roll_back(standing.spec.loop, verdict)
    deployment.registry.challenges.carry(standing.spec.loop, HOLD_OUT, None)
    return f"model {short(standing.champion)} was rolled back to {short(verdict.champion)}. {verdict.sentence}"


def reason_now(deployment: Deployment, loop: str) -> Reason | None:
    """What the hold-out says of the line; None without a hold-out, or before anything of it has settled."""
    standing = deployment.registry.standing(loop)
    watched = _carried(deployment, standing.spec)
    if watched is None or watched.anchor != standing.row.anchor or watched.evidence is None:
        return None
    return look_at_line(watched.evidence)


def _after(deployment: Deployment, standing: Standing, anchor: str) -> Watched:
    """What was carried on, with what has settled since."""
    spec = standing.spec
    watched = _carried(deployment, spec)
    with deployment.records.read() as connection:
        since = verdict_rows.live_since(connection, spec.loop, anchor) or 0
    if watched is None or watched.anchor != anchor:
        watched = Watched(anchor=anchor, position=since, evidence=None)
    settled = settled_since(
        deployment, spec, position=watched.position, from_us=since, challenge=None, is_sticky=spec.gate.sticky
    )
    if settled is None:
        return watched
    return _taken_up(watched, settled, spec)


def _taken_up(watched: Watched, settled: Settled, spec: LoopSpec) -> Watched:
    """The evidence of live model minus baseline after some more decisions."""
    examples = settled.examples
    trial = examples.trial
    assert trial is not None
    position = int(examples.decided_at.max())
    hold_out = spec.gate.hold_out
    n_actions = spec.actions.max if spec.is_candidates else len(spec.labels)
    if spec.explore.floor <= 0:
        return Watched(anchor=watched.anchor, position=position, evidence=watched.evidence)
    is_heard = np.isfinite(trial.champion_pmf).all(axis=1) & settled.is_first & (np.abs(trial.hold_out - hold_out) < 1e-12)
    rows = np.flatnonzero(is_heard & np.isfinite(examples.propensity))
    of_champion = (1.0 - trial.share - trial.hold_out)[:, np.newaxis]
    served = of_champion * trial.champion_pmf + trial.hold_out[:, np.newaxis] * settled.baseline_pmf
    served = served + trial.share[:, np.newaxis] * np.nan_to_num(trial.challenger_pmf)
    limits = limits_of(
        low=spec.reward.low,
        high=spec.reward.high,
        least_propensity=spec.explore.floor / n_actions * (1 - 1e-9),
        champion_share=hold_out,  # of this comparison: the baseline
        challenger_share=0.5 * (1.0 - hold_out),  # the live model's, whatever a challenge takes of it
    )
    chunk = chunk_of(
        examples.reward[rows],
        taken(served, examples.action)[rows],
        action=examples.action[rows],
        challenger_pmf=trial.champion_pmf[rows],
        champion_pmf=settled.baseline_pmf[rows],
        predicted=settled.champion_rewards[rows],
        limits=limits,
    )
    before = watched.evidence or evidences.begin(limits)
    after = evidences.update(before, chunk, limits=limits)
    return Watched(anchor=watched.anchor, position=position, evidence=after)


def _verdict(standing: Standing, reason: Reason, watched: Watched) -> Verdict:
    champion, anchor = standing.champion, standing.row.anchor
    assert champion is not None
    return Verdict(
        kind="hold-out",
        call=Call.ROLLBACK,
        model=champion,
        champion=None if champion == anchor else anchor,
        anchor=anchor,
        reasons=(reason,),
        n_evidence=0 if watched.evidence is None else watched.evidence.n,
        evidence_until=watched.position,
    )


def _carried(deployment: Deployment, spec: LoopSpec) -> Watched | None:
    text = deployment.registry.challenges.carried(spec.loop, HOLD_OUT)
    if text is None:
        return None
    told = msgspec.json.decode(text)
    evidence = None if told["evidence"] is None else evidences.from_map(told["evidence"])
    return Watched(anchor=told["anchor"], position=told["position"], evidence=evidence)


def _to_json(watched: Watched) -> str:
    evidence = None if watched.evidence is None else evidences.to_map(watched.evidence)
    return msgspec.json.encode({"anchor": watched.anchor, "position": watched.position, "evidence": evidence}).decode()
