"""A chosen policy held against its history: what it would have returned in episodes that it did not learn from.

Question answered: beside the curves that spoke for a checkpoint, what do estimators of whole episodes say of it, and does the
history allow any of them to? It is asked as it acts without exploring, but for the floor of labels; over numbers with its
exploration where the history's densities can be weighed against it.
Letters: n transitions, k labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import EpisodePolicy, Transitions
from policyloop.core.loop import ActionSpec
from policyloop.evaluate.affordable import affordable
from policyloop.evaluate.choice import Choice
from policyloop.evaluate.exploring import Exploring, are_densities
from policyloop.evaluate.history import Doubt
from policyloop.evaluate.sequence_report import SequenceEstimate, SequenceReport, evaluate_sequences
from policyloop.evaluate.target import N_DRAWS, Target, target_of_labels, target_of_numbers
from policyloop.evaluate.told_as_numbers import acting_in_numbers, history_in_numbers

_CLOSE = 0.1  # of what is expected: a difference that nobody would act on


def target_of(
    policy: EpisodePolicy,
    transitions: Transitions,
    *,
    actions: ActionSpec,
    floor: float,
    exploring: Exploring | None = None,
) -> Target:
    """What a policy of episodes would do at the rows of a history.

    Labels beside numbers are told as numbers (evaluate/told_as_numbers.py).

    Args:
        actions: of the loop.
        floor: of labels: so much is spread evenly, [0, 1].
        exploring: of numbers; None: it is asked as one that never varies.
    """
    if exploring is not None and (varying := exploring.target(policy, transitions)) is not None:
        return varying
    if actions.box:
        return target_of_numbers(acting_in_numbers(policy.act, actions), transitions)
    k = len(actions.labels)

    def pmf_of(state: NDArray[Any]) -> NDArray[np.float64]:
        return np.asarray((1 - floor) * np.eye(k)[policy.scores(state).argmax(axis=1)] + floor / k)

    return target_of_labels(pmf_of, transitions)


def held_against_history(
    choice: Choice,
    policy: EpisodePolicy,
    held_out: Transitions,
    *,
    actions: ActionSpec,
    floor: float,
    exploring: Exploring | None = None,
) -> tuple[Choice, SequenceReport | None]:
    """The choice with what estimators of whole episodes say of it; and their report, None where there is none.

    Args:
        choice: of a checkpoint.
        policy: of that checkpoint.
        held_out: episodes that it did not learn from.
        actions: of the loop.
        floor: of labels.
        exploring: of numbers, that are weighed where the history's propensities are densities.
    """
    if len(held_out) == 0:
        return choice, None
    asked = history_in_numbers(held_out, actions)
    tried = exploring if exploring is not None and are_densities(held_out) else None
    looked_at = affordable(asked, n_labels=len(actions.labels), n_draws=1 if tried is None else N_DRAWS)
    if not (tried is None or looked_at.keep.any()):  # as one that never varies it may be affordable
        tried, looked_at = None, affordable(asked, n_labels=len(actions.labels))
    if not looked_at.keep.any():
        return _with(choice, looked_at.told, (), {}), None
    some = asked.where(looked_at.keep)
    report = evaluate_sequences(
        some,
        target_of(policy, some, actions=actions, floor=floor, exploring=tried if looked_at.is_weighed else None),
        model=looked_at.model,
        n_resamples=looked_at.n_resamples,
        is_weighed=looked_at.is_weighed,
    )
    estimates = {f"estimate_{name}": _finite(one.estimate.value) for name, one in report.estimates.items()}
    ends = {
        f"estimate_{name}_{end}": _finite(getattr(one, end))
        for name, one in {"history": report.history, "fqe": report.estimates["fqe"]}.items()
        for end in ("low", "high")
    }
    counts = {"estimate_episodes": float(some.n_episodes), "estimate_steps": float(len(some))}
    numbers = {"estimate_history": _finite(report.history.estimate.value), **estimates, **ends, **counts}
    own = _own_word(policy, some.state[some.is_first], actions=actions)
    numbers["estimate_own"] = _finite(own)
    known = {doubt.kind for doubt in choice.doubts}
    told_doubts = {doubt.sentence for doubt in report.doubts}
    sentences = tuple(one for one in report.sentences if one not in told_doubts)
    further = [doubt for doubt in report.doubts if doubt.kind not in known]
    further += _of_disagreement(own, report.estimates["fqe"])
    return _with(choice, (*looked_at.told, *sentences), further, numbers), report


def _own_word(policy: EpisodePolicy, first: NDArray[Any], *, actions: ActionSpec) -> float:
    """The mean return that a policy expects of itself, from the first states (e, ...) of episodes on."""
    acts = policy.act(first) if actions.box else policy.scores(first).argmax(axis=1)
    return float(np.mean(policy.value(first, acts)))


def _of_disagreement(own: float, fqe: SequenceEstimate) -> list[Doubt]:
    """What is to be thought of two models of one return that are further apart than the one of them says it may be wrong."""
    value = fqe.estimate.value
    if not np.isfinite([own, value]).all() or fqe.low <= own <= fqe.high or abs(own - value) <= _CLOSE * abs(own):
        return []
    told = (
        f"From the same states the checkpoint itself expects {own:.4g}, and fqe {value:.4g}, both discounted: two models of "
        f"the return that disagree. An interval of fqe tells what other episodes would change, and not how wrong its model is "
        f"where the policy leaves what was done. Neither number is evidence; playing some episodes is."
    )
    return [Doubt(kind="models_disagree", sentence=told, is_blocking=False)]


def _with(choice: Choice, sentences: tuple[str, ...], doubts: Sequence[Doubt], numbers: Mapping[str, float | None]) -> Choice:
    told = tuple(doubt.sentence for doubt in doubts)
    return replace(
        choice,
        sentences=(*choice.sentences, *sentences, *told),
        numbers={**choice.numbers, **numbers},
        doubts=(*choice.doubts, *doubts),
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
