"""The guard: may the model that is live stay? The evidence that let it in goes on, and harm found then rolls it back.

Question answered: ROLLBACK, or nothing to do (INCONCLUSIVE)? A pure function, asked whenever new examples have come.
Source: DESIGN section 6, refresh.
"""

from __future__ import annotations

from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.evaluate.compare import evidence
from policyloop.gate.case import case_of
from policyloop.gate.entrant import Entrant
from policyloop.gate.rule import rule_of
from policyloop.gate.verdict import Verdict, verdict_of


def watch(live: Entrant, *, previous: Entrant, examples: Examples, spec: LoopSpec, before: int | None = None) -> Verdict:
    """The verdict on a model that is live.

    It may be asked as often as new examples come: the chance of a false alarm holds over all looks together.

    Args:
        live: the champion.
        previous: the one it replaced; for the first model the baseline's policy, under the name `baseline`.
        examples: matured, of all splits, in the order of the log; no policy here learned from the eval split.
        spec: of the loop.
        before: decided_at of the first decision that still waits, where evidence stops; None when none does.

    Raises:
        BadPropensity: a logged propensity is outside (0, 1].
        UnknownName: no rule has the name that the spec gives.
    """
    rows = evidence(examples, split=spec.train.split, before=before)
    case = case_of(live, champion=previous, anchor=None, evidence=rows, spec=spec)
    reasons = rule_of(spec.gate.refresh).watch(case)
    return Verdict(
        kind="watch",
        call=verdict_of(reasons),
        model=live.model,
        champion=None if previous.is_baseline else previous.model,
        anchor=None,
        reasons=reasons,
        n_evidence=len(rows),
        evidence_until=rows.newest,
        estimates=case.estimates,
    )
