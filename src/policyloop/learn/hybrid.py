"""Hybrid: ridge regression shared by all candidates, with weights per id for those that are known ahead.

Question answered: what reward does a candidate with these features bring in this context? The terms of the shared part are
the candidate's features, their products with those of the context, and their products with each other, as far as they
fit; which of these predict best, and how strong the ridge is, is chosen by progressive validation as for labels. Only
sums are kept, so an update is exact. What belongs to single ids is eliminated block by block, so a thousand ids cost a
thousand small solutions and not one that is a thousand times as wide.
Source: Li et al. 2010 (arXiv:1003.0146), algorithm 2 (hybrid linear models); Dawid 1984 (prequential validation).
Letters: n examples, d features of the context (the first is 1), e of a candidate (the first is 1), m shared terms, i known
ids, p features of the context with weights per id, s posterior draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from math import inf

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import ExampleBatch
from policyloop.learn.example_weights import ExampleWeights
from policyloop.learn.race import Race
from policyloop.policy.needs import POSTERIOR, WIDTH
from policyloop.policy.shared_linear import SharedLinear, Weights, create

RIDGES = (1.0, 3.0, 10.0, 30.0)
MAX_TERMS = 600
MAX_ID_BYTES = 128 * 2**20
_FIRST_CHECK = 16
_CHECK_RATIO = 1.5
_PIECE = 4000  # examples
_FREE = 1e-3  # share of the ridge that the constant bears: where nothing is known, the mean is expected


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """One way to regress: which of the terms, and how strong the ridge."""

    terms: NDArray[np.intp]
    ridge: float


@dataclass(frozen=True, slots=True, eq=False)
class _Solution:
    """What one form has learned."""

    shared: NDArray[np.float64]  # (m,) 0 for terms that the form leaves out
    of_id: NDArray[np.float64]  # (i, p)


class HybridLearner:
    """Sums of products, and the running score of every form."""

    def __init__(
        self,
        n_features: int,
        n_action_features: int,
        n_ids: int,
        *,
        draw_seed: int,
        reward_default: float,
        half_life_s: float | None,
        max_weight: float | None,
        needs: str = POSTERIOR,
    ) -> None:
        self._layout = _Layout.of(n_features, n_action_features)
        m = self._layout.n_terms
        self._p = _width_per_id(n_ids, n_features, m)
        self._gram = np.zeros((m, m))  # sum of w z z'
        self._moment = np.zeros(m)  # sum of w (r - reward_default) z
        self._id_gram = np.zeros((n_ids, self._p, self._p))  # sum of w u u'
        self._id_cross = np.zeros((n_ids, self._p, m))  # sum of w u z'
        self._id_moment = np.zeros((n_ids, self._p))
        self._draw_seed = draw_seed
        self._needs = needs
        self._reward_default = reward_default
        self._example_weights = ExampleWeights(max_weight=max_weight, half_life_s=half_life_s)
        self.asks_for_weights = max_weight is not None
        self._n = 0
        self._next_check = _FIRST_CHECK
        self._forms = [_Form(terms, ridge) for terms, ridge in product(self._layout.choices(), RIDGES)]
        self._race = Race(len(self._forms))
        self._frozen: list[_Solution] | None = None

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once, to rounding."""
        assert batch.action_features is not None, "candidates have features"
        assert batch.action_id is not None, "candidates have ids"
        for piece in self._pieces(batch):
            self._learn_piece(piece)
            self._n += len(piece)
            if self._n == self._next_check:
                self._frozen = [self._solve(form) for form in self._forms]
                self._race.restart()
                self._next_check = int(self._n * _CHECK_RATIO)

    def reward_model(self, *, n_draws: int = 0) -> SharedLinear:
        """What has been learned so far; later learning does not change it."""
        form = self._forms[self._race.leader]
        solution = self._solve(form)
        solution.shared[0] += self._reward_default
        weights = Weights(*self._layout.unpacked(solution.shared), solution.of_id)
        lowest = self._race.lowest + self._reward_default if self._n else -inf
        if self._needs == WIDTH:
            return create(weights, draws=self._spread(form), lowest=lowest, is_width=True)
        return create(weights, draws=self._draws(form, solution, n_draws) if n_draws else None, lowest=lowest)

    def progress(self) -> Mapping[str, float]:
        """`n`, `progressive_loss` (mean squared error before learning), `n_terms` and `ridge` of the form in use."""
        form = self._forms[self._race.leader]
        return {
            "n": self._n,
            "progressive_loss": self._race.progressive_loss,
            "n_terms": len(form.terms),
            "ridge": form.ridge,
        }

    def _pieces(self, batch: ExampleBatch) -> Iterator[ExampleBatch]:
        """The batch, cut where a check falls due."""
        start = 0
        while start < len(batch):
            stop = min(len(batch), start + self._next_check - self._n, start + _PIECE)
            yield batch[start:stop]
            start = stop

    def _learn_piece(self, piece: ExampleBatch) -> None:
        """Score and add some examples."""
        assert piece.action_features is not None
        assert piece.action_id is not None
        terms = self._layout.expand(piece.features, piece.action_features)
        own = piece.features[:, : self._p]
        gain = piece.reward - self._reward_default
        weight = self._weights(piece)
        self._race.note(gain)
        if self._frozen is not None:
            self._race.judge(self._foretold(self._frozen, terms, own, piece.action_id), gain, weight)
        root = np.sqrt(weight)[:, np.newaxis]
        z, u, r = terms * root, own * root, gain * root[:, 0]
        self._gram += z.T.dot(z)
        self._moment += r.dot(z)
        for known in np.unique(piece.action_id[piece.action_id >= 0]):
            rows = piece.action_id == known
            self._id_gram[known] += u[rows].T.dot(u[rows])
            self._id_cross[known] += u[rows].T.dot(z[rows])
            self._id_moment[known] += r[rows].dot(u[rows])

    def _foretold(
        self, frozen: list[_Solution], terms: NDArray[np.float64], own: NDArray[np.float64], ids: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """(n, f) what every form expected of these examples."""
        shared = terms.dot(np.stack([solution.shared for solution in frozen], axis=1))
        if not len(self._id_gram):
            return np.asarray(shared)
        of_id = np.stack([solution.of_id[ids] for solution in frozen], axis=-1)  # (n, p, f)
        return np.asarray(shared + np.einsum("np,npf->nf", own, of_id) * (ids >= 0)[:, np.newaxis])

    def _weights(self, piece: ExampleBatch) -> NDArray[np.float64]:
        """(n,) weight of each example; what was learned before fades to the time of the newest."""
        weight, fade = self._example_weights.of(piece)
        if fade < 1.0:
            for sums in (self._gram, self._moment, self._id_gram, self._id_cross, self._id_moment):
                np.multiply(sums, fade, out=sums)
        return weight

    def _solve(self, form: _Form) -> _Solution:
        """The weights of a form."""
        matrix, side, inverse = self._reduced(form)
        beta = np.linalg.solve(matrix, side)
        shared = np.zeros(self._layout.n_terms)
        shared[form.terms] = beta
        cross = self._id_cross[:, :, form.terms]
        # theta_a = A_a^-1 (b_a - B_a beta)
        of_id = np.einsum("ipq,iq->ip", inverse, self._id_moment - cross.dot(beta))
        return _Solution(shared, of_id)

    def _reduced(self, form: _Form) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Matrix and side of the shared weights, what belongs to single ids eliminated; and A_a^-1 (i, p, p)."""
        terms = form.terms
        matrix = self._gram[np.ix_(terms, terms)] + np.diag(np.where(terms == 0, _FREE, 1.0) * form.ridge)
        side = self._moment[terms]
        inverse: NDArray[np.float64] = np.linalg.inv(self._id_gram + form.ridge * np.eye(self._p)).astype(np.float64)
        cross = self._id_cross[:, :, terms]
        # A_0 = sum z z' + ridge - sum_a B_a' A_a^-1 B_a
        solved = np.einsum("ipq,iqm->ipm", inverse, cross)
        flat = cross.reshape(-1, len(terms))
        matrix = matrix - flat.T.dot(solved.reshape(-1, len(terms)))
        side = side - self._id_moment.reshape(-1).dot(solved.reshape(-1, len(terms)))
        return matrix, side, inverse

    def _spread(self, form: _Form) -> Weights:
        """Rows of weights whose values, squared and added, are the variance of an expectation."""
        matrix, _, inverse = self._reduced(form)
        noise, i, p = self._race.noise, *self._id_moment.shape
        # Of q = z - B_a' A_a^-1 u the variance is q' M^-1 q, and M = L L', so it is |L^-1 q|^2; u' A_a^-1 u comes beside it.
        shared = np.zeros((len(form.terms) + p, self._layout.n_terms))
        shared[: len(form.terms), form.terms] = noise * np.linalg.inv(np.linalg.cholesky(matrix))
        of_id = np.zeros((len(shared), i, p))
        pulled = np.einsum("ipq,iqm->ipm", inverse, self._id_cross)
        of_id[: len(form.terms)] = -np.einsum("ipm,sm->sip", pulled, shared[: len(form.terms)])
        of_id[len(form.terms) :] = noise * np.linalg.cholesky(inverse).transpose(2, 0, 1)
        crossed, squared = zip(*(self._layout.unpacked(one) for one in shared), strict=True)
        return Weights(np.stack(crossed), np.stack(squared), of_id)

    def _draws(self, form: _Form, solution: _Solution, n_draws: int) -> Weights:
        """Posterior draws around a solution, of the same numbers every time, so that equal examples give equal draws."""
        matrix, _, inverse = self._reduced(form)
        rng = np.random.default_rng(self._draw_seed)
        noise = self._race.noise
        root = np.linalg.cholesky(matrix)  # matrix = L L'; L'^-1 g has covariance matrix^-1
        moved = noise * np.linalg.solve(root.T, rng.standard_normal((len(form.terms), n_draws))).T  # (s, |terms|)
        shared = np.repeat(solution.shared[np.newaxis], n_draws, axis=0)
        shared[:, form.terms] += moved
        i, p = solution.of_id.shape
        followed = np.einsum("ipq,iqm,sm->sip", inverse, self._id_cross[:, :, form.terms], moved)
        own = np.einsum("ipq,siq->sip", np.linalg.cholesky(inverse), rng.standard_normal((n_draws, i, p)))
        crossed, squared = zip(*(self._layout.unpacked(one) for one in shared), strict=True)
        return Weights(np.stack(crossed), np.stack(squared), solution.of_id - followed + noise * own)


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """Which term stands where: first a x' row by row, then the products of a with itself."""

    d: int
    e: int
    is_crossed: bool  # else only the first row and column of a x' are there
    has_squares: bool

    @staticmethod
    def of(d: int, e: int) -> _Layout:
        """As much as fits into `MAX_TERMS`."""
        n_squares = (e - 1) * e // 2
        is_crossed = e * d <= MAX_TERMS
        used = e * d if is_crossed else e + d - 1
        return _Layout(d, e, is_crossed, used + n_squares <= MAX_TERMS)

    @property
    def n_terms(self) -> int:
        """How many, m."""
        products = self.e * self.d if self.is_crossed else self.e + self.d - 1
        return products + (self.e - 1) * self.e // 2 * self.has_squares

    def expand(self, contexts: NDArray[np.float64], actions: NDArray[np.float64]) -> NDArray[np.float64]:
        """(n, m) terms of examples."""
        n = len(contexts)
        if self.is_crossed:
            parts = [(actions[:, :, np.newaxis] * contexts[:, np.newaxis, :]).reshape(n, -1)]
        else:
            parts = [actions, contexts[:, 1:]]
        if self.has_squares:
            row, column = np.triu_indices(self.e - 1)
            parts.append(actions[:, 1 + row] * actions[:, 1 + column])
        return np.hstack(parts)

    def choices(self) -> list[NDArray[np.intp]]:
        """Sets of terms to choose among, the smallest first."""
        plain = np.union1d(np.arange(self.d), np.arange(self.e) * self.d) if self.is_crossed else np.arange(self.e + self.d - 1)
        found = [plain]
        n_products = self.e * self.d if self.is_crossed else len(plain)
        if self.is_crossed and n_products > len(plain):
            found.append(np.arange(n_products))
        if self.has_squares and self.e > 1:
            found.append(np.arange(self.n_terms))
        return found

    def unpacked(self, terms: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """W (e, d) and Q (e, e) of weights (m,)."""
        squared = np.zeros((self.e, self.e))
        if self.has_squares:
            row, column = np.triu_indices(self.e - 1)
            squared[1 + row, 1 + column] = terms[len(terms) - len(row) :]
        if self.is_crossed:
            return terms[: self.e * self.d].reshape(self.e, self.d).copy(), squared
        crossed = np.zeros((self.e, self.d))
        crossed[:, 0] = terms[: self.e]
        crossed[0, 1:] = terms[self.e : self.e + self.d - 1]
        return crossed, squared


def _width_per_id(n_ids: int, d: int, m: int) -> int:
    """How many features of the context get weights per id: all, or the constant alone where all do not fit."""
    return d if n_ids * (d * d + d * m) * 8 <= MAX_ID_BYTES else 1
