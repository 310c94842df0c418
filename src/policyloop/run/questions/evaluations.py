"""Evaluations that a protocol's client asked for, computed from the tables, in a process of their own.

Question answered: what does the job `evaluate` do? All evaluations of a loop that wait are computed, from the settled
examples whose propensities are known, and kept with what came out.
"""

from __future__ import annotations

import msgspec
import numpy as np

from policyloop.core.errors import PolicyloopError
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.interop.kept import Kept
from policyloop.interop.personalizer.evaluation import KIND, KeptEvaluation, results_of, times_of
from policyloop.run.deployment import Deployment
from policyloop.run.watches.trusted import trusted

JOB = "evaluate"


def compute_waiting(deployment: Deployment, loop: str) -> str:
    """Compute what waits. Answers what was done, in a sentence for people."""
    kept = Kept(deployment.records, clock=deployment.clock)
    waiting = {name: row for name, row in kept.all(loop, KIND, KeptEvaluation).items() if row.state == "pending"}
    spec = deployment.registry.standing(loop).spec
    examples = trusted(deployment, spec).examples if waiting else None
    for name, evaluation in waiting.items():
        assert examples is not None
        kept.put(loop, KIND, name, _computed(evaluation, examples, spec))
    return f"{len(waiting)} evaluations computed"


def _computed(evaluation: KeptEvaluation, examples: Examples, spec: LoopSpec) -> KeptEvaluation:
    """The evaluation with its results, or with why there are none."""
    start, end = times_of(evaluation.contract.startTime, evaluation.contract.endTime)
    is_inside = (examples.decided_at >= start) & (examples.decided_at < end) & np.isfinite(examples.propensity)
    rows = examples.where(is_inside)
    try:
        results = results_of(rows, spec, evaluation.contract, stretch_s=evaluation.stretch_s)
    except PolicyloopError as error:
        return msgspec.structs.replace(evaluation, state="failed", why=error.message)
    return msgspec.structs.replace(evaluation, state="completed", results=results)
