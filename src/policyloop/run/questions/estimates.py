"""Estimates of policies by every estimator, beside what the log really earned.

Question answered: what would these policies have earned on traffic that nobody learned from, do the estimators agree, and may
they be believed? The traffic is the loop's own log, or a file that another system wrote.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from policyloop.core.errors import NothingToDo, UnknownName
from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.evaluate.compare import evidence, logged_value
from policyloop.evaluate.cross_fitted import cross_fitted
from policyloop.evaluate.reading import Reading, read
from policyloop.gate.case import predictions_of
from policyloop.gate.entrant import Entrant
from policyloop.policy.scored import baseline
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.questions.file_examples import examples_of_file
from policyloop.run.watches.trusted import trusted

UNIFORM, CONSTANT = "uniform", "constant:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimates:
    """One policy, estimated."""

    model: str  # digest, `baseline`, `uniform`, or `constant:LABEL`
    reading: Reading
    logged: Estimate  # mean reward of the logged traffic

    @property
    def values(self) -> list[Estimate]:
        """One for each estimator."""
        return [line.estimate for line in self.reading.lines]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How to read the log."""

    interval: str = "normal"  # a plug-in of evaluate/intervals
    by: str | None = None  # field of the context to cut slices by
    data: Path | None = None  # a file to take the decisions from, instead of the loop's log
    data_format: str | None = None  # a plug-in of interop/formats; None: by the file's ending
    outcome: str | None = None  # what the file's reward column is; None: the loop's only outcome


def estimates_beside_baseline(
    deployment: Deployment, loop: str, model: str | None = None, *, asked: Asked | None = None
) -> list[Estimates]:
    """Evaluate a model, and the baseline beside it.

    Args:
        deployment: where they are.
        loop: its name or an alias.
        model: as `estimates_of` takes it; None: the champion, and the baseline alone where there is none.
        asked: how to read the log.

    Raises:
        UnknownLoop, UnknownModel, UnknownName, NothingToDo, Invalid: as `estimates_of` does.
    """
    standing = deployment.registry.standing(loop)
    wanted = model or ("champion" if standing.champion else BASELINE)
    return estimates_of(deployment, standing.spec.loop, [wanted, BASELINE], asked=asked)


def estimates_of(deployment: Deployment, loop: str, models: Sequence[str], *, asked: Asked | None = None) -> list[Estimates]:
    """Evaluate policies on examples that none of them learned from; each once, in the order in which they are named.

    Args:
        deployment: where they are.
        loop: its name or an alias.
        models: digests or the start of one, champion, previous, anchor, baseline, uniform, or `constant:LABEL`.
        asked: how to read the log.

    Raises:
        UnknownLoop, UnknownModel: there is none of that name.
        UnknownName: no label, interval, format or field has that name.
        NothingToDo: no example may speak for or against a policy yet.
        Invalid: the file cannot be read, or rows of it do not fit.
    """
    how = asked or Asked()
    spec = deployment.registry.standing(loop).spec
    entrants = list({one.model: one for one in (_entrant(deployment, spec, model) for model in models)}.values())
    rows = _from_log(deployment, spec) if how.data is None else _from_file(deployment, spec, how, entrants)
    has_model = any(entrant.rewards is not None for entrant in entrants)
    predicted = predictions_of(entrants, evidence=rows, spec=spec) if has_model else cross_fitted(rows, spec)
    logged = logged_value(rows)
    return [
        Estimates(
            model=entrant.model,
            reading=read(
                rows,
                entrant.policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates),
                predicted=predicted,
                rewards=(spec.reward.low, spec.reward.high),
                interval=how.interval,
                by=how.by,
            ),
            logged=logged,
        )
        for entrant in entrants
    ]


def _entrant(deployment: Deployment, spec: LoopSpec, model: str) -> Entrant:
    """A policy by what people call it; only the loop's own policies are served with its floor."""
    if model == BASELINE:
        return entrant_of(deployment.registry, spec, None)
    if model == UNIFORM:
        return Entrant(model, baseline(spec.actions, UNIFORM, floor=0.0), rewards=None)
    if model.startswith(CONSTANT):
        label = model.removeprefix(CONSTANT)
        known = spec.actions.ids if spec.is_candidates else spec.labels
        if label not in known:
            raise UnknownName("action", label, known)
        return Entrant(model, baseline(spec.actions, label, floor=0.0), rewards=None)
    return entrant_of(deployment.registry, spec, deployment.registry.find(spec.loop, model).model)


def _from_log(deployment: Deployment, spec: LoopSpec) -> Examples:
    """The loop's matured examples of the evaluation split."""
    data = trusted(deployment, spec)
    rows = evidence(data.examples, split=spec.train.split, before=data.first_waiting)
    if len(rows) == 0:
        raise NothingToDo(
            f"loop '{spec.loop}' has no evaluation example yet: these are the decisions of a model whose split is at or above "
            f"{spec.train.split} and whose reward is settled. Let it decide for a while."
        )
    return rows


def _from_file(deployment: Deployment, spec: LoopSpec, how: Asked, entrants: Sequence[Entrant]) -> Examples:
    """The file's decisions: all, unless a model is asked about, which may have learned from the same file once imported."""
    assert how.data is not None
    salt, now_us = deployment.registry.salt, deployment.clock.now_us()
    rows = examples_of_file(how.data, spec, salt=salt, now_us=now_us, file_format=how.data_format, outcome=how.outcome)
    if all(entrant.rewards is None for entrant in entrants):
        return rows
    kept = rows.to_evaluate_on(spec.train.split)
    if len(kept) == 0:
        raise NothingToDo(
            f"'{how.data}' has no decision whose split is at or above {spec.train.split}; a model is judged by those alone, "
            f"because it may have learned from the others. Give it more decisions."
        )
    return kept
