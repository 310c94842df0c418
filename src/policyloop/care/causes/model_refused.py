"""Model refused: training works, and what it makes does not: the newest models failed the hard checks."""

from __future__ import annotations

from itertools import takewhile

from policyloop.care.doctor.cause import Cause
from policyloop.care.doctor.examination import Examination
from policyloop.core.model import short
from policyloop.gate.verdict import Call


def find(examination: Examination) -> Cause | None:
    """The cause, where the newest verdict on a trained model is REFUSE."""
    judged = [row.verdict for row in examination.verdicts if row.verdict.kind == "refresh"]
    refused = list(takewhile(lambda verdict: verdict.call == Call.REFUSE, judged))
    if not refused:
        return None
    told = "The newest model" if len(refused) == 1 else f"The newest {len(refused)} models"
    return Cause(
        name="model-refused",
        severity="stops",
        sentence=f"{told} did not pass the hard checks ({short(refused[0].model)}: {refused[0].sentence})",
        advice=f"`policyloop models {examination.loop}` shows them. Most often a faster learner or fewer features mend it.",
        numbers={"refused": float(len(refused))},
    )
