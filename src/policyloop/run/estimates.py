"""Estimates of a model by every estimator, beside what the log really earned.

Question answered: what would this model have earned on traffic that nobody learned from, and do the estimators agree?
"""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.core import plugins
from policyloop.core.errors import NothingToDo
from policyloop.core.estimate import Estimate
from policyloop.core.model import BASELINE
from policyloop.evaluate.compare import ESTIMATORS, evidence, logged_value, value_of
from policyloop.gate.case import predictions_of
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.trusted import trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """One policy, estimated."""

    model: str  # digest, or `baseline`
    values: list[Estimate]  # one for each estimator
    logged: Estimate  # mean reward of the logged traffic


def estimates_beside_baseline(deployment: Deployment, loop: str, model: str | None = None) -> list[Estimates]:
    """Evaluate a model, and the baseline beside it.

    Args:
        deployment: where they are.
        loop: its name or an alias.
        model: a digest or the start of one, champion, previous, anchor or baseline; None: the champion, and the baseline
            alone where there is none.

    Raises:
        UnknownLoop, UnknownModel, NothingToDo: as `estimates_of` does.
    """
    standing = deployment.registry.standing(loop)
    wanted = model or ("champion" if standing.champion else BASELINE)
    if wanted == BASELINE:
        return estimates_of(deployment, standing.spec.loop, [None])
    return estimates_of(deployment, standing.spec.loop, [deployment.registry.find(standing.spec.loop, wanted).model, None])


def estimates_of(deployment: Deployment, loop: str, models: list[str | None]) -> list[Estimates]:
    """Evaluate models, or the baseline (None), on the loop's matured examples of the evaluation split.

    Raises:
        UnknownLoop, UnknownModel: there is none of that name.
        NothingToDo: no example may speak for or against a policy yet.
    """
    registry = deployment.registry
    spec = registry.standing(loop).spec
    data = trusted(deployment, spec)
    rows = evidence(data.examples, split=spec.train.split, before=data.first_waiting)
    if len(rows) == 0:
        raise NothingToDo(
            f"loop '{spec.loop}' has no evaluation example yet: these are the decisions of a model whose split is at or above "
            f"{spec.train.split} and whose reward is settled. Let it decide for a while."
        )
    entrants = [entrant_of(registry, spec, model) for model in models]
    predicted = predictions_of(entrants, evidence=rows, spec=spec)
    logged = logged_value(rows)
    return [
        Estimates(
            model=entrant.model,
            values=[value_of(entrant.policy, rows, predicted=predicted, estimator=name) for name in plugins.names(ESTIMATORS)],
            logged=logged,
        )
        for entrant in entrants
    ]
