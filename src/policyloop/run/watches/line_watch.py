"""The watch over a line: does what is live earn more than the baseline that keeps its hold-out?

Question answered: did many refreshes, each too little worse to see, make the whole line worse than no model at all? Then it
goes back to its anchor, in one write. The evidence is of the present line: it begins again with every anchor.
"""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples, Trial
from policyloop.core.loop import LoopSpec
from policyloop.core.model import short
from policyloop.core.spec_gate import LARGEST_SHARE
from policyloop.evaluate.arrays import taken
from policyloop.gate import evidence as evidences
from policyloop.gate.account import Settled
from policyloop.gate.chunk import chunk_of
from policyloop.gate.evidence import Evidence
from policyloop.gate.hold_out import look_at_line
from policyloop.gate.limits import Limits, limits_of
from policyloop.gate.stretches import stretches_of
from policyloop.gate.verdict import Call, Reason, Verdict
from policyloop.registry import verdict_rows
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.watches.settled import settled_since

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
    n = 0 if watched.evidence is None else watched.evidence.n
    return rolled_back(deployment, standing, reason, n_evidence=n, until=watched.position)


def rolled_back(deployment: Deployment, standing: Standing, reason: Reason, *, n_evidence: int, until: int) -> str:
    """Take the line back to its anchor, or, where that is what is live, to the baseline; answers what was done."""
    champion, anchor = standing.champion, standing.row.anchor
    assert champion is not None, "a model is live"
    verdict = Verdict(
        kind="hold-out",
        call=Call.ROLLBACK,
        model=champion,
        champion=None if champion == anchor else anchor,
        anchor=anchor,
        reasons=(reason,),
        n_evidence=n_evidence,
        evidence_until=until,
    )
    deployment.registry.roll_back(standing.spec.loop, verdict)
    back_to = "the baseline" if verdict.champion is None else short(verdict.champion)
    return f"model {short(champion)} was rolled back to {back_to}. {verdict.sentence}"


def reason_now(deployment: Deployment, loop: str) -> Reason | None:
    """What the hold-out says of the line; None without a hold-out, or before anything of it has settled."""
    standing = deployment.registry.standing(loop)
    watched = _carried(deployment, standing.spec)
    if watched is None or watched.evidence is None or standing.row.anchor is None:
        return None
    is_of_this_line = _is_of(
        watched, standing.row.anchor, since=since_when(deployment, standing.spec.loop, standing.row.anchor)
    )
    return look_at_line(watched.evidence) if is_of_this_line else None


def _after(deployment: Deployment, standing: Standing, anchor: str) -> Watched:
    """What was carried on, with what has settled since."""
    spec = standing.spec
    watched = _carried(deployment, spec)
    since = since_when(deployment, spec.loop, anchor)
    if watched is None or not _is_of(watched, anchor, since=since):
        watched = Watched(anchor=anchor, position=since, evidence=None)
    settled = settled_since(deployment, spec, position=watched.position, begun=since, challenge=None)
    if settled is None:
        return watched
    baseline = entrant_of(deployment.registry, spec, None).policy
    examples = settled.examples
    pmf = baseline.probabilities_of_many(examples.contexts, examples.allowed, examples.candidates)
    return _taken_up(watched, settled, pmf, spec)


def since_when(deployment: Deployment, loop: str, anchor: str) -> int:
    """From when on decisions speak about the line: since its anchor went live, and since any of its models was taken back.

    What a model did wrong that is gone must not be held against those that are left, so one harm takes back one model.
    """
    with deployment.records.read() as connection:
        live_since = verdict_rows.live_since(connection, loop, anchor) or 0
        return max(live_since, verdict_rows.last_rollback(connection, loop) or 0)


def _is_of(watched: Watched, anchor: str, *, since: int) -> bool:
    """Whether what was carried on is about the line as it stands."""
    return watched.anchor == anchor and watched.position >= since


def _taken_up(watched: Watched, settled: Settled, baseline_pmf: NDArray[np.float64], spec: LoopSpec) -> Watched:
    """The evidence of live model minus baseline after some more decisions."""
    examples = settled.examples
    trial = examples.trial
    assert trial is not None
    is_heard = np.isfinite(trial.champion_pmf).all(axis=1) & np.isfinite(examples.propensity) & settled.is_first
    rows = np.flatnonzero(is_heard & (settled.least_propensity > 0))
    served = _served(examples, trial, baseline_pmf)
    evidence = watched.evidence
    for part in stretches_of([trial.hold_out, settled.least_propensity], rows):
        limits = _limits(spec, hold_out=float(trial.hold_out[part[0]]), least=float(settled.least_propensity[part[0]]))
        chunk = chunk_of(
            np.clip(examples.reward[part], spec.reward.low, spec.reward.high),
            taken(served, examples.action)[part],
            action=examples.action[part],
            challenger_pmf=trial.champion_pmf[part],
            champion_pmf=baseline_pmf[part],
            predicted=settled.champion_rewards[part],
            limits=limits,
        )
        evidence = evidences.update(evidence or evidences.begin(limits), chunk, limits=limits)
    return Watched(anchor=watched.anchor, position=int(examples.decided_at.max()), evidence=evidence)


def _served(examples: Examples, trial: Trial, baseline_pmf: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m, k) what actions were drawn from, whoever's side it was; never less than those on the log's own word."""
    of_champion = (1.0 - trial.share - trial.hold_out)[:, np.newaxis]
    mixed = of_champion * trial.champion_pmf + trial.hold_out[:, np.newaxis] * baseline_pmf
    mixed = mixed + trial.share[:, np.newaxis] * np.nan_to_num(trial.challenger_pmf)
    # where a unit stays on one side, the logged pmf is that side's alone
    return np.where(trial.is_unit[:, np.newaxis], mixed, np.fmax(examples.pmf, mixed))


def _limits(spec: LoopSpec, *, hold_out: float, least: float) -> Limits:
    """How far one decision can go."""
    return limits_of(
        low=spec.reward.low,
        high=spec.reward.high,
        least_propensity=least * (1 - 1e-9),
        champion_share=hold_out,  # of this comparison: the baseline
        challenger_share=(1.0 - LARGEST_SHARE) * (1.0 - hold_out),  # the live model's, whatever a challenge takes of it
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
