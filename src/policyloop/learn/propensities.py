"""Propensities of logs that have none, estimated: what was chosen against what was not.

Question answered: how likely was this choice, as far as the log itself tells? A logistic regression over pairs of context and
action tells chosen from not chosen. Where only one of the other candidates is logged, drawn by even chance, it stands for all
of them: the chosen weighs 1, it weighs count - 1. What is expected of an action a is then pi(a) against 1 - pi(a), so the
regression answers pi(a) itself. These are believed, not known: learners may weigh by them, evidence never does.
Source: Hirano, Imbens & Ridder 2003 (estimated propensities); Qin 1998 (density ratios by logistic regression).
Letters: n examples, m pairs, k actions, d features of the context, e of a candidate, t terms of a pair.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Examples
from policyloop.policy.candidate_features import CandidateEncoder

MIN_PROPENSITY = 1e-3  # what is believed to be rarer counts as this rare
RIDGE = 1.0
MAX_TERMS = 300
_MAX_PAIRS = 200_000  # to fit on; more would hardly change the estimate
_MAX_STEPS = 50
_TOLERANCE = 1e-9


def believed(rows: Examples, contexts: NDArray[np.float64], candidates: CandidateEncoder | None) -> Examples:
    """The rows with an estimate wherever neither a known nor a believed propensity is there.

    Args:
        rows: n examples; known propensities stay as they are.
        contexts: (n, d) their features, the first is 1.
        candidates: what encodes candidates; None where the actions are labels.
    """
    already = np.full(len(rows), np.nan) if rows.believed is None else rows.believed
    is_wanted = np.isnan(rows.propensity) & np.isnan(already)
    if not is_wanted.any():
        return rows
    index = np.flatnonzero(is_wanted)
    some = rows.where(is_wanted)
    found = _of_labels(some, contexts[index]) if candidates is None else _of_candidates(some, contexts[index], candidates)
    estimate = already.copy()
    estimate[index] = np.clip(found, MIN_PROPENSITY, 1.0)
    return replace(rows, believed=estimate)


def fit(
    terms: NDArray[np.float64], is_chosen: NDArray[np.bool_], weight: NDArray[np.float64], *, ridge: float = RIDGE
) -> NDArray[np.float64]:
    """(t,) weights of a logistic regression, by Newton's method.

    Args:
        terms: (m, t) of pairs.
        is_chosen: (m,)
        weight: (m,) of each pair, 0 or more.
        ridge: how strongly the weights are drawn to 0.
    """
    w = np.zeros(terms.shape[1])
    loss = _loss(terms, is_chosen, weight, ridge, w)
    for _ in range(_MAX_STEPS):
        p = chance(terms, w)
        slope = terms.T.dot(weight * (p - is_chosen)) + ridge * w
        curve = (terms.T * (weight * p * (1 - p))).dot(terms) + ridge * np.eye(len(w))
        step, size = np.linalg.solve(curve, slope), 1.0
        while (lower := _loss(terms, is_chosen, weight, ridge, w - size * step)) > loss and size > 1e-6:
            size /= 2  # far from the minimum a whole step can be too long
        if lower >= loss - _TOLERANCE * max(abs(loss), 1.0):
            break
        w, loss = w - size * step, lower
    return w


def chance(terms: NDArray[np.float64], w: NDArray[np.float64]) -> NDArray[np.float64]:
    """(m,) probability of having been chosen."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * terms.dot(w))))  # the logistic function, without overflow


def _loss(
    terms: NDArray[np.float64], is_chosen: NDArray[np.bool_], weight: NDArray[np.float64], ridge: float, w: NDArray[np.float64]
) -> float:
    """What Newton's method makes small: minus the weighted log likelihood, and the ridge."""
    sign = np.where(is_chosen, -1.0, 1.0)
    return float(weight.dot(np.logaddexp(0.0, sign * terms.dot(w))) + 0.5 * ridge * w.dot(w))


def _of_labels(rows: Examples, contexts: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n,) for labels: each label against all others that were allowed, brought to sum to 1."""
    n, k = rows.allowed.shape
    every = np.zeros((n, k))
    for action in range(k):
        offered = np.flatnonzero(rows.allowed[:, action])
        fitted_on = offered[:: len(offered) // _MAX_PAIRS + 1]
        if len(offered):
            w = fit(contexts[fitted_on], rows.action[fitted_on] == action, np.ones(len(fitted_on)))
            every[offered, action] = chance(contexts[offered], w)
    taken = every[np.arange(n), rows.action]
    return np.asarray(taken / np.maximum(every.sum(axis=1), taken))


def _of_candidates(rows: Examples, contexts: NDArray[np.float64], encoder: CandidateEncoder) -> NDArray[np.float64]:
    """(n,) for candidates: what was chosen against the others, or against the one that stands for them."""
    assert rows.candidates is not None
    row, place, weight = _pairs_of(rows)
    terms = _terms(rows, contexts, encoder, row, place)
    is_chosen = place == rows.action[row]
    is_chosen[weight < 0] = False  # the one that stands for the others may equal what was chosen
    w = fit(terms, is_chosen, np.abs(weight))
    everyone = np.arange(len(rows))
    found = np.empty(len(rows))
    for start in range(0, len(rows), _MAX_PAIRS):
        part = everyone[start : start + _MAX_PAIRS]
        found[part] = chance(_terms(rows, contexts, encoder, part, rows.action[part]), w)
    found[_counts(rows) == 1] = 1.0  # there was no other
    return found


def _counts(rows: Examples) -> NDArray[np.int64]:
    """(n,) how many candidates were offered."""
    n_logged = rows.allowed.sum(axis=1)
    return n_logged if rows.sampled is None else np.where(rows.sampled[:, 0] > 0, rows.sampled[:, 0], n_logged)


def _pairs_of(rows: Examples) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Of what tells something: rows (m,), places (m,) and weights (m,), negative for one that stands for others."""
    n = len(rows)
    counts = _counts(rows)
    count, sample = (np.zeros(n, dtype=np.int64), np.full(n, -1)) if rows.sampled is None else rows.sampled.T
    is_whole = (count == 0) & (counts > 1)
    has_sample = (count > 1) & (sample >= 0)
    telling = np.flatnonzero(is_whole | has_sample)
    telling = telling[:: int(rows.allowed[telling].sum()) // _MAX_PAIRS + 1]
    chosen = (telling, rows.action[telling], np.ones(len(telling)))
    stands = telling[has_sample[telling]]
    sampled = (stands, sample[stands], -(count[stands] - 1.0))
    whole = telling[is_whole[telling]]
    others = rows.allowed[whole].copy()
    others[np.arange(len(whole)), rows.action[whole]] = False
    which, place = np.nonzero(others)
    rest = (whole[which], place, np.full(len(which), -1.0))
    row, places, weight = (np.concatenate(column) for column in zip(chosen, sampled, rest, strict=True))
    return row, places, weight


def _terms(
    rows: Examples, contexts: NDArray[np.float64], encoder: CandidateEncoder, row: NDArray[np.int64], place: NDArray[np.int64]
) -> NDArray[np.float64]:
    """(m, t): the candidate's features, and their products with those of the context as far as they are few; ids one by one."""
    assert rows.candidates is not None
    pairs = [(rows.candidates[i], j) for i, j in zip(row.tolist(), place.tolist(), strict=True)]
    actions = encoder.encoder.encode_many([offered.features[j] for offered, j in pairs])
    x = contexts[row]
    # How many were offered moves all chances alike.
    log_count = np.log(_counts(rows)[row])[:, np.newaxis]
    blocks = [x, actions[:, 1:], log_count]
    if (x.shape[1] - 1) * (actions.shape[1] - 1) <= MAX_TERMS:
        blocks.append((x[:, 1:, np.newaxis] * actions[:, np.newaxis, 1:]).reshape(len(x), -1))
    if 0 < len(encoder.ids) <= MAX_TERMS:
        ids = encoder.places_of([offered.ids[j] for offered, j in pairs])
        blocks.append((ids[:, np.newaxis] == np.arange(len(encoder.ids))).astype(np.float64))
    return np.hstack(blocks)
