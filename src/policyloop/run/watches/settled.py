"""Settled decisions with what is needed to hear them: who might have decided, and what each expected.

Question answered: which decisions of a challenge or of the hold-out have settled since the last look, and what did the models
of their time expect of every action? Models of their time learned from earlier decisions only, so their expectations may be
used as predictions.
Nothing is taken up that an earlier decision could still come before: another process that reads the tables later finds the
same decisions in the same order.
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
from policyloop.lake.watermark import read_watermark
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of


def settled_before(deployment: Deployment, loop: str) -> int:
    """Up to where evidence may be read, microseconds: all decisions before are in the tables, and none of them waits."""
    arrived = read_watermark(deployment.records)
    waits = first_waiting(deployment.records, loop)
    return arrived if waits is None else min(arrived, waits)


def settled_since(
    deployment: Deployment, spec: LoopSpec, *, position: int, begun: int, challenge: int | None, until: int | None = None
) -> Settled | None:
    """The decisions in a trial, decided after `position`, as far as they have settled; None when there is none.

    Args:
        spec: of the loop.
        position: microseconds; what was decided up to then has been heard.
        begun: microseconds; position at the first look. Which decision of a unit is its first is told from there.
        challenge: the decisions of which challenge; None: all that had a hold-out.
        until: decided_at of the last decision to take up; None for the newest.
    """
    last = settled_before(deployment, spec.loop) - 1 if until is None else until
    kept = _in_trial(deployment, spec, after=position, last=last, challenge=challenge)
    if kept is None or kept.trial is None:
        return None
    is_first = np.full(len(kept), True)
    if kept.trial.unit is not None and (kept.trial.unit != "").any():
        whole = kept if begun >= position else _in_trial(deployment, spec, after=begun, last=last, challenge=challenge)
        assert whole is not None, "rows that were there a moment ago"
        is_first = _is_first(whole, is_in_states=challenge is not None)[len(whole) - len(kept) :]
    return Settled(
        examples=kept,
        champion_rewards=_expected(deployment, spec, kept, kept.trial.champion),
        challenger_rewards=_expected(deployment, spec, kept, kept.trial.challenger),
        is_first=is_first,
        least_propensity=_least_propensity(deployment, spec, kept),
    )


def _in_trial(deployment: Deployment, spec: LoopSpec, *, after: int, last: int, challenge: int | None) -> Examples | None:
    """The decisions of a challenge, or of the hold-out, in the order of the log; None when there is none."""
    examples, _ = examples_of(
        deployment.lake, deployment.registry, spec, since=after, is_with_outcomes=True, is_as_settled=True
    )
    trial = examples.trial
    if trial is None:
        return None
    is_ours = trial.hold_out > 0 if challenge is None else trial.challenge == str(challenge)
    is_in_time = (examples.decided_at > after) & (examples.decided_at <= last)
    # Whether a deferred decision is ever activated may hang on what was shown, so it is no evidence.
    is_deferred = np.zeros(len(examples), dtype=bool) if examples.is_deferred is None else examples.is_deferred
    kept = examples.where(is_ours & is_in_time & ~examples.is_fallback & ~is_deferred)
    return kept if len(kept) else None


def _is_first(examples: Examples, *, is_in_states: bool) -> NDArray[np.bool_]:
    """(n,) the first decision of its unit, in each state of the challenge anew; those without a unit stand for themselves."""
    trial = examples.trial
    assert trial is not None
    assert trial.unit is not None
    states = trial.state if is_in_states and trial.state is not None else [""] * len(examples)
    keys = [
        f"{state} {unit}" if unit else f"row {row}" for row, (state, unit) in enumerate(zip(states, trial.unit, strict=True))
    ]
    first = np.zeros(len(examples), dtype=bool)
    first[np.unique(np.array(keys), return_index=True)[1]] = True
    return first


def _least_propensity(deployment: Deployment, spec: LoopSpec, rows: Examples) -> NDArray[np.float64]:
    """(m,) the floor of the spec that each decision was made under, shared by the most actions there can be."""
    least = np.zeros(len(rows))
    digests = np.full(len(rows), spec.digest, dtype=object) if rows.spec is None else rows.spec
    for digest in sorted(set(digests.tolist())):
        then = deployment.registry.spec_named(spec.loop, digest) or spec
        n_actions = then.actions.max if then.is_candidates else len(then.labels)
        least[digests == digest] = then.explore.floor / n_actions
    return least


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
