"""Linear: one ridge regression per action, on the features or on all their products, whichever predicts better.

Question answered: what reward does each action bring in this context, as far as the examples tell? It keeps only sums,
so an update is exact and learning in pieces equals learning at once. Which form is used - with products or without,
and how strong the ridge - is chosen by progressive validation: every form is scored on examples before they are
learned, by weights that were frozen at counts which depend on nothing but how many examples came before.
Source: Hoerl & Kennard 1970 (ridge); Dawid 1984 (prequential validation); Li et al. 2010 (arXiv:1003.0146).
Letters: n examples, k actions, d features (the first is always 1), m terms (features or their products), s posterior draws.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.core.policy import RewardModel
from policyloop.policy.policies import linear

RIDGES = (0.3, 1.0, 3.0)
MAX_TERMS = 600  # products are tried where they are no more than this ...
MAX_SUM_BYTES = 128 * 2**20  # ... and the sums of all actions fit into this
_FIRST_CHECK = 16
_CHECK_RATIO = 1.5


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to regress: which terms, and how strong the ridge."""

    expansion: str
    ridge: float


class LinearLearner:
    """Sums of products per action, and the running score of every form."""

    def __init__(
        self, n_actions: int, n_features: int, rng: np.random.Generator, *, half_life_s: float | None, max_weight: float | None
    ) -> None:
        self._d = n_features
        self._expansion = _largest_expansion(n_actions, n_features)
        m = linear.n_terms(self._expansion, n_features)
        self._gram = np.zeros((n_actions, m, m))  # sum of w x x'
        self._moment = np.zeros((n_actions, m))  # sum of w r x
        self._half_life_us = None if half_life_s is None else half_life_s * US_PER_S
        self._max_weight = max_weight
        self._draw_seed = int(rng.integers(2**63))
        self._latest_us: int | None = None
        self._n = 0
        self._next_check = _FIRST_CHECK
        expansions = dict.fromkeys(["none", self._expansion])
        self._forms = [_Form(expansion, ridge) for expansion, ridge in product(expansions, RIDGES)]
        self._candidates: list[NDArray[np.float64]] | None = None  # weights (k, m) of each form at the last check
        self._losses = np.zeros(len(self._forms))  # sum of w (r - predicted)^2, each before the example was learned
        self._loss_weight = 0.0
        self._best = 1
        self._progressive = np.zeros(2)  # the same for whichever form was best at the time; its weight

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once, to rounding."""
        for piece in self._pieces(batch):
            terms = linear.expand(self._expansion, piece.features)
            weight = self._weights(piece)
            self._score(piece, terms, weight)
            self._add(piece, terms, weight)
            self._n += len(piece)
            if self._n == self._next_check:
                self._check()

    def reward_model(self, *, n_draws: int = 0) -> RewardModel:
        """What has been learned so far; later learning does not change it."""
        form = self._forms[self._best]
        weights = self._solve(form)
        if n_draws == 0:
            return linear.create(form.expansion, weights)
        return linear.create(form.expansion, weights, self._draw(form, weights, n_draws))

    def progress(self) -> Mapping[str, float]:
        """`n`, `progressive_loss` (mean squared error before learning), `n_terms` and `ridge` of the form in use."""
        form = self._forms[self._best]
        loss, weight = self._progressive.tolist()
        return {
            "n": self._n,
            "progressive_loss": loss / weight if weight else 0.0,
            "n_terms": linear.n_terms(form.expansion, self._d),
            "ridge": form.ridge,
        }

    def _pieces(self, batch: ExampleBatch) -> Iterator[ExampleBatch]:
        """The batch, cut where a check falls due."""
        start = 0
        while start < len(batch):
            stop = min(len(batch), start + self._next_check - self._n)
            yield batch[start:stop]
            start = stop

    def _weights(self, piece: ExampleBatch) -> NDArray[np.float64]:
        """(n,) weight of each example; what was learned before fades to the time of the newest."""
        weight = np.ones(len(piece))
        if self._max_weight is not None:
            is_known = ~np.isnan(piece.propensity)
            weight[is_known] = np.minimum(1.0 / piece.propensity[is_known], self._max_weight)
        if self._half_life_us is None:
            return weight
        latest = int(piece.decided_at.max())
        if self._latest_us is not None:
            latest = max(latest, self._latest_us)
            fade = 0.5 ** ((latest - self._latest_us) / self._half_life_us)
            self._gram *= fade
            self._moment *= fade
        self._latest_us = latest
        faded: NDArray[np.float64] = weight * 0.5 ** ((latest - piece.decided_at) / self._half_life_us)
        return faded

    def _score(self, piece: ExampleBatch, terms: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        """Add every form's squared error on examples that it has not learned from."""
        if self._candidates is None:
            return
        losses = np.empty(len(self._forms))
        for number, weights in enumerate(self._candidates):
            predicted = np.einsum("nm,nm->n", terms[:, : weights.shape[1]], weights[piece.action])
            losses[number] = weight.dot((piece.reward - predicted) ** 2)
        self._losses += losses
        self._progressive += (losses[self._best], weight.sum())

    def _add(self, piece: ExampleBatch, terms: NDArray[np.float64], weight: NDArray[np.float64]) -> None:
        for action in np.unique(piece.action):
            rows = piece.action == action
            x = terms[rows]
            wx = x * weight[rows, None]
            self._gram[action] += x.T.dot(wx)
            self._moment[action] += piece.reward[rows].dot(wx)

    def _check(self) -> None:
        """Freeze every form as it is now, to be scored on what comes next."""
        if self._candidates is not None:
            self._best = int(self._losses.argmin())
        self._losses *= 0.5
        self._candidates = [self._solve(form) for form in self._forms]
        self._next_check = int(self._n * _CHECK_RATIO)

    def _system(self, form: _Form) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """(k, m, m) and (k, m) of the form: its terms are the first ones of the widest form's."""
        m = linear.n_terms(form.expansion, self._d)
        gram = self._gram[:, :m, :m].copy()
        gram[:, range(m), range(m)] += form.ridge
        return gram, self._moment[:, :m]

    def _solve(self, form: _Form) -> NDArray[np.float64]:
        """(k, m) weights."""
        gram, moment = self._system(form)
        return np.asarray(np.linalg.solve(gram, moment[..., None])[..., 0], dtype=np.float64)

    def _draw(self, form: _Form, weights: NDArray[np.float64], n_draws: int) -> NDArray[np.float64]:
        """(s, k, m) posterior draws, from the same noise every time, so that equal examples give equal draws."""
        k, m = weights.shape
        noise = np.random.default_rng(self._draw_seed).standard_normal((k, m, n_draws))
        root = np.linalg.cholesky(self._system(form)[0])
        spread = np.linalg.solve(root.transpose(0, 2, 1), noise)
        draws: NDArray[np.float64] = weights + THOMPSON_SCALE * spread.transpose(2, 0, 1)
        return draws


THOMPSON_SCALE = 0.3


def create(
    *,
    n_actions: int,
    n_features: int,
    rng: np.random.Generator,
    half_life_s: float | None = None,
    max_weight: float | None = None,
) -> LinearLearner:
    """A learner that knows nothing yet.

    Args:
        n_actions: k, at least 1.
        n_features: d, the constant feature included.
        rng: where the noise of posterior draws comes from; nothing else is random.
        half_life_s: an example's weight halves in so many seconds before the newest; None: never.
        max_weight: examples weigh `min(1 / propensity, max_weight)`, 1 where the propensity is unknown; None: all weigh 1.
            Without weights the model fits best where the logging policy went, which is where decisions are made.

    Raises:
        BadSetting: half_life_s or max_weight is not above 0.
    """
    if half_life_s is not None and not half_life_s > 0:
        raise BadSetting(f"train.half_life is {half_life_s} s; expected a time above 0, or none.")
    if max_weight is not None and not max_weight > 0:
        raise BadSetting(f"learner.max_weight is {max_weight}; expected a number above 0, or none.")
    return LinearLearner(n_actions, n_features, rng, half_life_s=half_life_s, max_weight=max_weight)


def _largest_expansion(n_actions: int, n_features: int) -> str:
    """`quadratic` where it fits."""
    m = linear.n_terms("quadratic", n_features)
    return "quadratic" if m <= MAX_TERMS and n_actions * m * m * 8 <= MAX_SUM_BYTES else "none"
