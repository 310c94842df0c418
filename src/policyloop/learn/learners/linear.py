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
from itertools import pairwise, product
from math import inf

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.core.policy import RewardModel
from policyloop.core.search_space import OneOf
from policyloop.learn.example_weights import ExampleWeights
from policyloop.learn.hybrid import HybridLearner
from policyloop.learn.race import Race
from policyloop.learn.replicates import Replicates
from policyloop.policy.needs import BOOTSTRAP, POSTERIOR, WIDTH
from policyloop.policy.policies import linear

GIVES = (POSTERIOR, BOOTSTRAP, WIDTH)
GIVES_SHARED = (POSTERIOR, WIDTH)
SEARCHED = {"max_weight": OneOf((None, 5.0, 20.0))}
RIDGES = (1.0, 3.0, 10.0, 30.0)
MAX_TERMS = 600  # products are tried where they are no more than this ...
MAX_SUM_BYTES = 128 * 2**20  # ... and the sums of all actions fit into this
MAX_REPLICATES_BYTES = 2**30
_FIRST_CHECK = 16
_CHECK_RATIO = 1.5
_SETTLED = 1000  # examples after which the best form seldom changes, so that it is asked less often
_LATE_CHECK_RATIO = 2.5
_PIECE = 4000  # examples


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
        needs: str,
        n_replicates: int,
    ) -> None:
        self._d = n_features
        self._expansion = _largest_expansion(n_actions * (1 + n_replicates), n_features)
        m = linear.n_terms(self._expansion, n_features)
        self._gram = np.zeros((n_actions, m, m))  # sum of w x x'
        self._moment = np.zeros((n_actions, m))  # sum of w (r - reward_default) x
        self._replicates = Replicates(n_replicates, n_actions, m, seed=draw_seed) if n_replicates else None
        self._draw_seed = draw_seed
        self._needs = needs
        self._reward_default = reward_default
        self._example_weights = ExampleWeights(max_weight=max_weight, half_life_s=half_life_s)
        self.asks_for_weights = max_weight is not None
        self._n = 0
        self._next_check = _FIRST_CHECK
        self._forms = [_Form(e, ridge) for e, ridge in product(dict.fromkeys(["none", self._expansion]), RIDGES)]
        self._race = Race(len(self._forms))
        self._solved = _Solved(None, np.zeros((n_actions, 0)), np.zeros((n_actions, 0)))
        self._stale = set(range(n_actions))  # actions whose sums changed since they were solved

    def learn(self, batch: ExampleBatch) -> None:
        """Take in examples; learning a then b is the same as learning a and b at once, to rounding."""
        for piece in self._pieces(batch):
            self._learn_piece(piece)
            self._n += len(piece)
            if self._n == self._next_check:
                self._race.restart(self._every_form())
                self._next_check = int(self._n * (_CHECK_RATIO if self._n < _SETTLED else _LATE_CHECK_RATIO))

    def reward_model(self, *, n_draws: int = 0) -> RewardModel:
        """What has been learned so far; later learning does not change it."""
        form = self._forms[self._race.leader]
        weights = self._weights_of(self._solve_stale(form))
        weights[:, 0] += self._reward_default  # the first term is 1
        lowest = self._race.lowest + self._reward_default if self._n else -inf
        if self._needs == WIDTH:
            return linear.create(form.expansion, weights, spread=self._spread(form), lowest=lowest)
        return linear.create(form.expansion, weights, draws=self._draws(form, weights, n_draws), lowest=lowest)

    def progress(self) -> Mapping[str, float]:
        """`n`, `progressive_loss` (mean squared error before learning), `n_terms` and `ridge` of the form in use."""
        form = self._forms[self._race.leader]
        return {
            "n": self._n,
            "progressive_loss": self._race.progressive_loss,
            "n_terms": linear.n_terms(form.expansion, self._d),
            "ridge": form.ridge,
        }

    def _pieces(self, batch: ExampleBatch) -> Iterator[ExampleBatch]:
        """The batch, cut where a check falls due, and into pieces that fit the processor's cache."""
        start = 0
        while start < len(batch):
            stop = min(len(batch), start + self._next_check - self._n, start + _PIECE)
            yield batch[start:stop]
            start = stop

    def _weights(self, piece: ExampleBatch) -> NDArray[np.float64]:
        """(n,) weight of each example; what was learned before fades to the time of the newest."""
        weight, fade = self._example_weights.of(piece)
        if fade < 1.0:
            self._gram *= fade
            self._moment *= fade
            if self._replicates is not None:
                self._replicates.fade(fade)
            self._stale.update(range(len(self._gram)))
        return weight

    def _learn_piece(self, piece: ExampleBatch) -> None:
        """Score and add the examples, action by action."""
        order = np.argsort(piece.action, kind="stable")  # side by side, an action's examples need no copy
        terms = linear.expand(self._expansion, piece.features[order])
        gain = piece.reward[order] - self._reward_default
        weight = self._weights(piece)[order]
        root = np.sqrt(weight)
        rooted = terms if (weight == 1.0).all() else terms * root[:, np.newaxis]
        chances = None if self._replicates is None else self._replicates.next_weights(len(piece))[order]
        ends = np.searchsorted(piece.action[order], np.arange(len(self._gram)), side="right").tolist()
        for action, (start, end) in enumerate(pairwise([0, *ends])):
            if start == end:
                continue
            rows = slice(start, end)
            self._race.score(action, terms[rows], gain[rows], weight[rows])
            x = rooted[rows]
            self._gram[action] += x.T.dot(x)  # of one array with itself, which costs half
            self._moment[action] += (gain[rows] * root[rows]).dot(x)
            if self._replicates is not None and chances is not None:
                self._replicates.add(action, x, gain[rows] * root[rows], chances[rows])
            self._stale.add(action)

    def _every_form(self) -> NDArray[np.float64]:
        """(k, m, f) weights of all forms; those of a form without products are 0 there."""
        k, m = self._moment.shape
        weights = np.zeros((k, m, len(self._forms)))
        prior = self._prior()
        ridges = np.array(RIDGES)[:, np.newaxis]
        for number in range(0, len(self._forms), len(RIDGES)):  # all ridges of an expansion in one call
            own = linear.n_terms(self._forms[number].expansion, self._d)
            for action in range(k):
                ridged = self._gram[action, :own, :own] + ridges[..., np.newaxis] * np.eye(own)
                moment = np.repeat(self._moment[np.newaxis, action, :own], len(RIDGES), axis=0)
                moment[:, :1] += ridges * prior
                weights[action, :own, number : number + len(RIDGES)] = np.linalg.solve(ridged, moment[..., np.newaxis])[
                    ..., 0
                ].T
        return weights

    def _prior(self) -> float:
        """What the ridge draws the constant towards: half the mean gain.

        An action of which nothing is known here is so taken to bring half way between the default and what we earn.
        Towards none, nothing new is tried where something already works a little; towards the mean, whatever is unknown
        looks as good as the best.
        """
        return 0.5 * float(self._moment[:, 0].sum()) / max(float(self._gram[:, 0, 0].sum()), 1.0)

    def _weights_of(self, solved: _Solved) -> NDArray[np.float64]:
        """(k, m) new weights, drawn by the ridge towards the prior."""
        prior = self._prior()
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

    def _draws(self, form: _Form, weights: NDArray[np.float64], n_draws: int) -> NDArray[np.float64] | None:
        """(s, k, m) what else the weights might be: as the replicates have them, or drawn from the posterior."""
        if self._replicates is None:
            return weights + self._noise(form, n_draws) if n_draws else None
        draws = self._replicates.solve(weights.shape[1], form.ridge, self._prior())
        draws[..., 0] += self._reward_default
        return draws

    def _spread(self, form: _Form) -> NDArray[np.float64]:
        """(k, m, m) whose product with the terms has the length of the standard error."""
        ridged = self._ridged(form, list(range(len(self._gram))))
        # ridged = L L', so x' ridged^-1 x = |L^-1 x|^2
        return np.asarray(self._race.noise * np.linalg.inv(np.linalg.cholesky(ridged)))

    def _noise(self, form: _Form, n_draws: int) -> NDArray[np.float64]:
        """(s, k, m) posterior noise, of the same numbers every time, so that equal examples give equal draws."""
        ridged = self._ridged(form, list(range(len(self._gram))))
        k, m = ridged.shape[:2]
        normal = np.random.default_rng(self._draw_seed).standard_normal((k, m, n_draws))
        root = np.linalg.cholesky(ridged)  # ridged = L L'; L'^-1 z has covariance ridged^-1
        spread = np.linalg.solve(root.transpose(0, 2, 1), normal)
        return np.asarray(self._race.noise * spread.transpose(2, 0, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Solved:
    """Ridge solutions per action, from which the weights drawn towards any c follow: of_moment + c (e_1 - of_one)."""

    form: _Form | None
    of_moment: NDArray[np.float64]  # (k, m) for the gains
    of_one: NDArray[np.float64]  # (k, m) for gains that are all 1


def create(
    *,
    n_actions: int,
    n_features: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    max_weight: float | None = None,
    needs: str = POSTERIOR,
    n_replicates: int = 0,
) -> LinearLearner:
    """A learner that knows nothing yet.

    Args:
        n_actions: k, at least 1.
        n_features: d, the constant feature included.
        rng: where the noise of posterior draws comes from; nothing else is random.
        reward_default: what an action is taken to bring where nothing is known of it, in the loop's reward unit.
        half_life_s: an example's weight halves in so many seconds before the newest; None: never.
        max_weight: examples weigh `min(1 / propensity, max_weight)`; unknown propensities are estimated. None: all weigh 1.
            Without weights the model fits best where the logging policy went, which is where decisions are made.
        needs: what the explorer asks for beside the means, of `GIVES`.
        n_replicates: how many replicates it asks for, where it needs a bootstrap.

    Raises:
        BadSetting: half_life_s or max_weight is not above 0, or the replicates would not fit into memory.
    """
    _check_settings(half_life_s, max_weight)
    kept = n_replicates if needs == BOOTSTRAP else 0
    if kept * n_actions * n_features**2 * 8 > MAX_REPLICATES_BYTES:
        raise BadSetting(
            f"explore.n_draws is {kept}; with {n_actions:,} actions of {n_features:,} features so many models do not fit into "
            f"{MAX_REPLICATES_BYTES // 2**20:,} MiB. Take fewer, or the explorer thompson."
        )
    return LinearLearner(
        n_actions,
        n_features,
        draw_seed=int(rng.integers(2**63)),
        reward_default=reward_default,
        half_life_s=half_life_s,
        max_weight=max_weight,
        needs=needs,
        n_replicates=kept,
    )


def create_shared(
    *,
    n_features: int,
    n_action_features: int,
    n_ids: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
    max_weight: float | None = None,
    needs: str = POSTERIOR,
) -> HybridLearner:
    """A learner for candidates that knows nothing yet.

    Args:
        n_features: d, of the context, the constant included.
        n_action_features: e, of a candidate, the constant included.
        n_ids: how many ids have weights of their own.
        rng: where the noise of posterior draws comes from; nothing else is random.
        reward_default: what is taken to be brought where nothing is known, in the loop's reward unit.
        half_life_s: as of `create`.
        max_weight: as of `create`.
        needs: what the explorer asks for beside the means, of `GIVES_SHARED`.

    Raises:
        BadSetting: half_life_s or max_weight is not above 0.
    """
    _check_settings(half_life_s, max_weight)
    return HybridLearner(
        n_features,
        n_action_features,
        n_ids,
        draw_seed=int(rng.integers(2**63)),
        reward_default=reward_default,
        half_life_s=half_life_s,
        max_weight=max_weight,
        needs=needs,
    )


def _check_settings(half_life_s: float | None, max_weight: float | None) -> None:
    if half_life_s is not None and not half_life_s > 0:
        raise BadSetting(f"train.half_life is {half_life_s} s; expected a time above 0, or none.")
    if max_weight is not None and not max_weight > 0:
        raise BadSetting(f"learner.max_weight is {max_weight}; expected a number above 0, or none.")


def _largest_expansion(n_actions: int, n_features: int) -> str:
    """`quadratic` where it fits."""
    m = linear.n_terms("quadratic", n_features)
    return "quadratic" if m <= MAX_TERMS and n_actions * m * m * 8 <= MAX_SUM_BYTES else "none"
