"""The gate: may this refresh go live? Hard checks first, then the loop's rule on the evaluation examples.

Question answered: PROMOTE, RETIRE, INCONCLUSIVE or REFUSE, and why? A pure function of loaded policies, examples and spec
(and of a clock, which measures the model's own latency); nothing is written here.
Source: DESIGN section 6, refresh. The first model replaces the baseline on the hard checks alone.
"""

from __future__ import annotations

from policyloop.core.clock import Clock
from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.evaluate.compare import evidence, logged_value, value_of
from policyloop.gate import hard_checks
from policyloop.gate.canary import canary_of
from policyloop.gate.case import case_of, predictions_of
from policyloop.gate.entrant import Entrant
from policyloop.gate.rule import rule_of
from policyloop.gate.verdict import Call, Reason, Verdict, verdict_of


def look(
    challenger: Entrant,
    *,
    champion: Entrant | None,
    anchor: Entrant | None,
    examples: Examples,
    spec: LoopSpec,
    clock: Clock,
    holds: tuple[Reason, ...] = (),
    before: int | None = None,
) -> Verdict:
    """The verdict on a refresh that is not live.

    Args:
        challenger: a newer model of the recipe that serves.
        champion: the model that serves; None where no model ever did. Where models were taken back until the baseline
            decides again, it is the baseline: what took them back may be wrong with the next one, too.
        anchor: the last model that passed a challenge, or the first; None together with the champion.
        examples: matured, of all splits, in the order of the log; no policy here learned from the eval split.
        spec: of the loop.
        clock: measures the challenger's latency.
        holds: what else speaks against any promotion now, such as rewards that do not fit their range.
        before: decided_at of the first decision that still waits, where evidence stops; None when none does.

    Raises:
        BadPropensity: a logged propensity is outside (0, 1].
        UnknownName: no rule has the name that the spec gives.
    """
    rows = evidence(examples, split=spec.train.split, before=before)
    canary = canary_of(spec, examples.contexts, examples.candidates)
    reasons = hard_checks.check(challenger.policy, canary, labels=spec.labels, floor=spec.explore.floor, clock=clock)
    estimates: dict[str, Estimate] = {}
    if all(reason.is_passed for reason in reasons):
        more, estimates = _judge(challenger, champion=champion, anchor=anchor, rows=rows, spec=spec)
        reasons += (*more, *holds)
    return Verdict(
        kind="refresh",
        call=verdict_of(reasons),
        model=challenger.model,
        champion=champion.model if champion and not champion.is_baseline else None,
        anchor=anchor.model if anchor else None,
        reasons=reasons,
        n_evidence=len(rows),
        evidence_until=rows.newest,
        estimates=estimates,
    )


def _judge(
    challenger: Entrant, *, champion: Entrant | None, anchor: Entrant | None, rows: Examples, spec: LoopSpec
) -> tuple[tuple[Reason, ...], dict[str, Estimate]]:
    """Reasons and estimates of a model that works."""
    if champion is None:
        return (_first(),), _first_estimates(challenger, rows, spec)
    case = case_of(challenger, champion=champion, anchor=anchor, evidence=rows, spec=spec)
    return rule_of(spec.gate.refresh).judge(case), case.estimates


def _first() -> Reason:
    sentence = "The first model replaces the baseline on the hard checks alone; it becomes the anchor."
    return Reason(name="first", call=Call.PROMOTE, sentence=sentence)


def _first_estimates(challenger: Entrant, rows: Examples, spec: LoopSpec) -> dict[str, Estimate]:
    if not len(rows):
        return {}
    predicted = predictions_of([challenger], evidence=rows, spec=spec)
    return {"challenger": value_of(challenger.policy, rows, predicted=predicted), "baseline": logged_value(rows)}
