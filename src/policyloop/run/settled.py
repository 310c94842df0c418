"""Settled decisions with what is needed to hear them: who might have decided, and what each expected.

Question answered: which decisions of a challenge or of the hold-out have settled since the last look, what did the models of
their time expect of every action, and what would the baseline have done? Models of their time learned from earlier decisions
only, so their expectations may be used as predictions.
Letters: m decisions, k actions.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.gate.account import Settled
from policyloop.join.history import examples_of
from policyloop.join.hour_states import first_waiting
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of


def settled_since(
    deployment: Deployment,
    spec: LoopSpec,
    *,
    position: int,
    from_us: int,
    challenge: int | None,
    is_sticky: bool,
    until: int | None = None,
) -> Settled | None:
    """The decisions in a trial, decided after `position`, up to the first that still waits; None when there is none.

    Args:
        spec: of the loop.
        position: microseconds; what was decided up to then has been heard.
        from_us: microseconds; where the present state began. Which decision of a subject is the first is told from there.
        challenge: the decisions of which challenge; None: all that had a hold-out.
        is_sticky: whether subjects stay on one side.
        until: decided_at of the last decision to take up; None for the newest.
    """
    waits = first_waiting(deployment.records, spec.loop)
    since = min(position, from_us) if is_sticky else position
    examples, _ = examples_of(
        deployment.lake, deployment.registry, spec, since=since, is_with_outcomes=True, is_as_settled=True
    )
    trial = examples.trial
    if trial is None:
        return None
    is_ours = trial.hold_out > 0 if challenge is None else trial.challenge == str(challenge)
    is_settled = np.full(len(examples), True) if waits is None else examples.decided_at < waits
    kept = examples.where(is_ours & is_settled & ~examples.is_fallback)
    is_first = _is_first(kept, from_us) if is_sticky else np.full(len(kept), True)
    is_new = (kept.decided_at > position) & (kept.decided_at <= (until or np.iinfo(np.int64).max))
    rows = kept.where(is_new)
    if len(rows) == 0 or rows.trial is None:
        return None
    return Settled(
        examples=rows,
        champion_rewards=_expected(deployment, spec, rows, rows.trial.champion),
        challenger_rewards=_expected(deployment, spec, rows, rows.trial.challenger),
        baseline_pmf=_baseline_pmf(deployment, spec, rows),
        is_first=is_first[is_new],
    )


def _is_first(examples: Examples, from_us: int) -> NDArray[np.bool_]:
    """(n,) the first decision of its subject since the state began; decisions without a subject stand for themselves."""
    assert examples.trial is not None
    is_in_state = examples.decided_at >= from_us
    keys = np.array([subject or f"row {row}" for row, subject in enumerate(examples.trial.subject.tolist())], dtype=object)
    first = np.zeros(len(examples), dtype=bool)
    rows = np.flatnonzero(is_in_state)
    if len(rows):
        first[rows[np.unique(keys[rows].astype(str), return_index=True)[1]]] = True
    return first


def _expected(deployment: Deployment, spec: LoopSpec, rows: Examples, models: NDArray[np.object_]) -> NDArray[np.float64]:
    """(m, k) rewards that the model named in each row expects; 0 where there is none."""
    rewards = np.zeros(rows.allowed.shape)
    for model in sorted({name for name in models.tolist() if name}):
        index = np.flatnonzero(models == model)
        entrant = entrant_of(deployment.registry, spec, model)
        part = rows.where(models == model)
        assert entrant.rewards is not None, model
        found = entrant.rewards.rewards_of_many(part.contexts, part.candidates)
        rewards[index, : found.shape[1]] = found
    return rewards


def _baseline_pmf(deployment: Deployment, spec: LoopSpec, rows: Examples) -> NDArray[np.float64]:
    """(m, k) what the hold-out draws from."""
    policy = entrant_of(deployment.registry, spec, None).policy
    return policy.probabilities_of_many(rows.contexts, rows.allowed, rows.candidates)
