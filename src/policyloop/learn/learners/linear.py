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
from math import inf, isfinite

import numpy as np
from numpy.typing import NDArray

from policyloop.core.clock import US_PER_S
from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.core.policy import RewardModel
from policyloop.policy.policies import linear

RIDGES = (1.0, 3.0, 10.0, 30.0)
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
        self,
        n_actions: int,
        n_features: int,
        *,
        draw_seed: int,
        reward_default: float,
        half_life_s: float | None,
        max_weight: float | None,
    ) -> None:
        self._d = n_features
        self._expansion = _largest_expansion(n_actions, n_features)
        m = linear.n_terms(self._expansion, n_features)
        self._gram = np.zeros((n_actions, m, m))  # sum of w x x'
        self._moment = np.zeros((n_actions, m))  # sum of w (r - reward_default) x
        self._draw_seed = draw_seed
        self._reward_default = reward_default
        self._half_life_us = None if half_life_s is None else half_life_s * US_PER_S
        self._max_weight = max_weight
        self._latest_us: int | None = None
        self._n = 0
        self._next_check = _FIRST_CHECK
        self._race = _Race([_Form(e, ridge) for e, ridge in product(dict.fromkeys(["none", self._expansion]), RIDGES)])
        self._solved = _Solved(None, np.zeros((n_actions, 0)), np.zeros((n_actions, 0)))
        self._stale = set(range(n_actions))  # actions whose sums changed since they were solved

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once, to rounding."""
        for piece in self._pieces(batch):
            terms = linear.expand(self._expansion, piece.features)
            weight = self._weights(piece)
            gain = piece.reward - self._reward_default
            self._race.score(piece.action, terms, gain, weight)
            self._add(piece.action, terms, gain, weight)
            self._n += len(piece)
            if self._n == self._next_check:
                self._race.restart([self._weights_of(self._solve(form)) for form in self._race.forms])
                self._next_check = int(self._n * _CHECK_RATIO)

    def reward_model(self, *, n_draws: int = 0) -> RewardModel:
        """What has been learned so far; later learning does not change it."""
        form = self._race.best
        weights = self._weights_of(self._solve_stale(form))
        weights[:, 0] += self._reward_default  # the first term is 1
        draws = weights + self._noise(form, n_draws) if n_draws else None
        return linear.create(form.expansion, weights, draws=draws, lowest=self._race.lowest + self._reward_default)

    def progress(self) -> Mapping[str, float]:
        """`n`, `progressive_loss` (mean squared error before learning), `n_terms` and `ridge` of the form in use."""
        form = self._race.best
        return {
            "n": self._n,
            "progressive_loss": self._race.progressive_loss,
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
            self._stale.update(range(len(self._gram)))
        self._latest_us = latest
        return np.asarray(weight * 0.5 ** ((latest - piece.decided_at) / self._half_life_us))

    def _add(
        self, action: NDArray[np.int64], terms: NDArray[np.float64], gain: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> None:
        for taken in set(action.tolist()):
            rows = action == taken
            x = terms[rows]
            wx = x * weight[rows, None]
            self._gram[taken] += x.T.dot(wx)
            self._moment[taken] += gain[rows].dot(wx)
            self._stale.add(taken)

    def _weights_of(self, solved: _Solved) -> NDArray[np.float64]:
        """(k, m) new weights, drawn by the ridge towards half the mean gain rather than towards none.

        An action of which nothing is known here is so taken to bring half way between the default and what we earn.
        Towards none, nothing new is tried where something already works a little; towards the mean, whatever is unknown
        looks as good as the best.
        """
        prior = 0.5 * float(self._moment[:, 0].sum()) / max(float(self._gram[:, 0, 0].sum()), 1.0)
        weights = solved.of_moment - prior * solved.of_one
        weights[:, 0] += prior
        return weights

    def _solve(self, form: _Form) -> _Solved:
        """The solutions of a form, for all actions."""
        m = linear.n_terms(form.expansion, self._d)
        blank = _Solved(form, np.empty((len(self._gram), m)), np.empty((len(self._gram), m)))
        self._solve_some(blank, list(range(len(self._gram))))
        return blank

    def _solve_stale(self, form: _Form) -> _Solved:
        """The same, solving only for actions whose sums changed; what makes an update per event cheap."""
        if self._solved.form != form:
            self._solved = self._solve(form)
        elif self._stale:
            self._solve_some(self._solved, sorted(self._stale))
        self._stale.clear()
        return self._solved

    def _solve_some(self, solved: _Solved, actions: list[int]) -> None:
        """Solve (gram + ridge I) w = moment, and = the sum of the terms, for some actions."""
        assert solved.form is not None
        ridged = self._ridged(solved.form, actions)
        m = ridged.shape[-1]
        sides = np.stack([self._moment[actions, :m], self._gram[actions, :m, 0]], axis=-1)
        both = np.linalg.solve(ridged, sides)
        solved.of_moment[actions], solved.of_one[actions] = both[..., 0], both[..., 1]

    def _ridged(self, form: _Form, actions: list[int]) -> NDArray[np.float64]:
        """(len(actions), m, m) gram + ridge I; the terms of a narrower form are the first ones of the widest."""
        m = linear.n_terms(form.expansion, self._d)
        ridged = self._gram[actions, :m, :m]  # a list of actions as index copies
        ridged[:, range(m), range(m)] += form.ridge
        return ridged

    def _noise(self, form: _Form, n_draws: int) -> NDArray[np.float64]:
        """(s, k, m) posterior noise, of the same numbers every time, so that equal examples give equal draws."""
        ridged = self._ridged(form, list(range(len(self._gram))))
        k, m = ridged.shape[:2]
        normal = np.random.default_rng(self._draw_seed).standard_normal((k, m, n_draws))
        root = np.linalg.cholesky(ridged)  # ridged = L L'; L'^-1 z has covariance ridged^-1
        spread = np.linalg.solve(root.transpose(0, 2, 1), normal)
        return np.asarray(self._race.noise() * spread.transpose(2, 0, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """Ridge solutions per action, from which the weights drawn towards any c follow: of_moment + c (e_1 - of_one)."""

    form: _Form | None
    of_moment: NDArray[np.float64]  # (k, m) for the gains
    of_one: NDArray[np.float64]  # (k, m) for gains that are all 1


class _Race:
    """Which form predicts best: each is frozen at a check, and scored on what comes until the next."""

    def __init__(self, forms: list[_Form]) -> None:
        self.forms = forms
        self._weights: list[NDArray[np.float64]] = []  # (k, m) per form, as of the last check
        self._losses = np.zeros(len(forms))  # sum of w (r - predicted)^2
        self._winner = 1
        self._progressive, self._weight = 0.0, 0.0  # the loss of whichever form was best at the time; sum of w
        self._low, self._high = inf, -inf  # rewards seen so far
        self._bounds = (0.0, 0.0)  # the same at the last check

    @property
    def best(self) -> _Form:
        """The form with the smallest loss so far."""
        return self.forms[self._winner]

    @property
    def progressive_loss(self) -> float:
        """Mean squared error of the best form of the time on examples before they were learned; 0 before any."""
        return self._progressive / self._weight if self._weight else 0.0

    @property
    def lowest(self) -> float:
        """The smallest gain seen so far; -inf before any."""
        return self._low if isfinite(self._low) else -inf

    def noise(self) -> float:
        """Standard deviation of a reward around what was expected."""
        return float(np.sqrt(self.progressive_loss)) if self._weight else 1.0

    def score(
        self, action: NDArray[np.int64], terms: NDArray[np.float64], gain: NDArray[np.float64], weight: NDArray[np.float64]
    ) -> None:
        """Add every form's squared error on examples that it has not learned from."""
        self._low, self._high = min(self._low, float(gain.min())), max(self._high, float(gain.max()))
        if not self._weights:
            return
        losses = np.empty(len(self.forms))
        for number, weights in enumerate(self._weights):
            predicted = np.einsum("nm,nm->n", terms[:, : weights.shape[1]], weights[action])
            # Clipped to the rewards seen: else one wild guess far from all examples decides the race for good.
            losses[number] = weight.dot((gain - predicted.clip(*self._bounds)) ** 2)
        self._losses += losses
        self._progressive += float(losses[self._winner])
        self._weight += float(weight.sum())

    def restart(self, weights: list[NDArray[np.float64]]) -> None:
        """Take the winner so far, and freeze every form at these weights (k, m)."""
        if self._weights:
            self._winner = int(self._losses.argmin())
        self._weights = weights
        self._bounds = (self._low, self._high)


def create(
    *,
    n_actions: int,
    n_features: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    max_weight: float | None = None,
) -> LinearLearner:
    """A learner that knows nothing yet.

    Args:
        n_actions: k, at least 1.
        n_features: d, the constant feature included.
        rng: where the noise of posterior draws comes from; nothing else is random.
        reward_default: what an action is taken to bring where nothing is known of it, in the loop's reward unit.
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
    return LinearLearner(
        n_actions,
        n_features,
        draw_seed=int(rng.integers(2**63)),
        reward_default=reward_default,
        half_life_s=half_life_s,
        max_weight=max_weight,
    )


def _largest_expansion(n_actions: int, n_features: int) -> str:
    """`quadratic` where it fits."""
    m = linear.n_terms("quadratic", n_features)
    return "quadratic" if m <= MAX_TERMS and n_actions * m * m * 8 <= MAX_SUM_BYTES else "none"
