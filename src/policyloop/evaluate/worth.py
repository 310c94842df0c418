"""The worth of pieces: what a policy expects of each action when only some pieces of a decision are known.

Question answered: which reward is expected if these pieces are as they were, and all others as they usually are? Usual
is what the log has: the unknown pieces are taken from other decisions, and the answers averaged over these.
Letters: c sets of pieces, p pieces, b other decisions, k actions, m pairs of context and candidate.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.policy import Pairs
from policyloop.evaluate.pieces import Piece, mixed
from policyloop.evaluate.shapley import Worth
from policyloop.policy.scored import ScoredPolicy
from policyloop.policy.scored_candidates import ScoredCandidates

_ROWS_AT_ONCE = 8192  # mixed contexts held at a time


@dataclass(frozen=True, slots=True)
class Candidate:
    """One candidate with what is known of it."""

    id: str
    features: Context


def worth_of_context(
    policy: ScoredPolicy, context: Context, others: Sequence[Context], *, pieces: Sequence[Piece], places: Sequence[int]
) -> Worth:
    """The worth of pieces of a context, where the actions are labels.

    Args:
        context: of the decision that is asked about.
        others: b contexts of the log, at least one.
        pieces: p pieces of the context.
        places: k of the policy's actions.

    Returns:
        Sets (c, p) to expected rewards (c, k), each a mean over the others.
    """

    def worth(sets: NDArray[np.bool_]) -> NDArray[np.float64]:
        answers = []
        for some in _chunks(sets, len(others)):
            contexts = [mixed(context, other, pieces, row) for row in some.tolist() for other in others]
            rewards = policy.rewards_of_many(contexts)[:, list(places)]
            answers.append(rewards.reshape(len(some), len(others), len(places)).mean(axis=1))
        return np.concatenate(answers)

    return worth


def worth_of_pairs(
    policy: ScoredCandidates,
    context: Context,
    candidates: Sequence[Candidate],
    others: Sequence[tuple[Context, Candidate]],
    *,
    of_context: Sequence[Piece],
    of_candidate: Sequence[Piece],
) -> Worth:
    """The worth of pieces of a context and of the candidates in it.

    Args:
        context: of the decision that is asked about.
        candidates: k of those that were offered.
        others: b decisions of the log, each with one of its candidates; at least one.
        of_context: pieces of the context; in a set they come first.
        of_candidate: pieces of the candidates' features, next. Last in a set comes the id, where the model knows some.

    Returns:
        Sets (c, p) to expected rewards (c, k), each a mean over the others.
    """
    n_first, n_last = len(of_context), len(of_candidate)
    encoder = policy.candidate_encoder
    own_ids = encoder.places_of([one.id for one in candidates])
    other_ids = encoder.places_of([one.id for _, one in others])

    def worth(sets: NDArray[np.bool_]) -> NDArray[np.float64]:
        answers = []
        for some in _chunks(sets, len(others) * len(candidates)):
            rows = [(row[:n_first], row[n_first : n_first + n_last], row[-1]) for row in some.tolist()]
            contexts = [mixed(context, other, of_context, row) for row, _, _ in rows for other, _ in others]
            features = [
                mixed(one.features, other.features, of_candidate, row)
                for _, row, _ in rows
                for _, other in others
                for one in candidates
            ]
            is_own_id = some[:, -1] if encoder.ids else np.zeros(len(some), dtype=bool)
            ids = np.where(is_own_id[:, np.newaxis, np.newaxis], own_ids, other_ids[:, np.newaxis])
            row = np.repeat(np.arange(len(contexts)), len(candidates))
            pairs = Pairs(policy.encoder.encode_many(contexts), row, encoder.encoder.encode_many(features), ids.reshape(-1))
            mean = policy.reward_model.predict_pairs(pairs).mean
            answers.append(mean.reshape(len(some), len(others), len(candidates)).mean(axis=1))
        return np.concatenate(answers)

    return worth


def _chunks(sets: NDArray[np.bool_], rows_of_a_set: int) -> Iterator[NDArray[np.bool_]]:
    """The sets, as many at a time as make a bounded number of rows."""
    size = max(_ROWS_AT_ONCE // rows_of_a_set, 1)
    return (sets[start : start + size] for start in range(0, len(sets), size))
