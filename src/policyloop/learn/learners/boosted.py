"""Boosted: a ridge regression per action for the broad lines, and small LightGBM trees for what it leaves over.

Question answered: what reward does each action bring in this context, where that is more than a weighted sum? The
regression serves where examples are few and between them; the trees find steps and combinations (learn/boosting.py).
Candidates share one set of trees over their features and those of the context, on top of learn/hybrid.py.
Source: Friedman 2001; Ke et al. 2017 (LightGBM).
Letters: n examples, k actions, d features (the first is always 1), e features of a candidate, s posterior draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.core.errors import BadSetting
from policyloop.core.example import ExampleBatch
from policyloop.core.policy import Pairs
from policyloop.learn.boosting import Boosting
from policyloop.learn.hybrid import HybridLearner
from policyloop.policy.forest import Forest, Trees
from policyloop.policy.needs import POSTERIOR
from policyloop.policy.policies.boosted import Boosted, BoostedShared, side_by_side

GIVES = (POSTERIOR,)
GIVES_SHARED = (POSTERIOR,)
RIDGE = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class _LabelLines:
    """A weighted sum per action."""

    weights: NDArray[np.float64]  # (k, d)
    gram: NDArray[np.float64]  # (k, d, d) with the ridge, what the spread of posterior draws comes from

    def of(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n,) expected reward of the actions taken."""
        return np.asarray(np.einsum("nd,nd->n", batch.features, self.weights[batch.action]))


@dataclass(frozen=True, slots=True)
class _Labels:
    """Actions that the spec declares: regressions and trees of their own."""

    n_groups: int  # k
    n_features: int
    reward_default: float
    draw_seed: int

    def fit(self, batch: ExampleBatch, weight: NDArray[np.float64]) -> _LabelLines:
        """A ridge regression per action, drawn towards half the mean gain, as in `linear`."""
        gain = batch.reward - self.reward_default
        prior = 0.5 * float(weight.dot(gain)) / max(float(weight.sum()), 1.0)
        gram = np.zeros((self.n_groups, self.n_features, self.n_features)) + RIDGE * np.eye(self.n_features)
        moment = np.zeros((self.n_groups, self.n_features))
        moment[:, 0] = RIDGE * prior
        for action in np.unique(batch.action):
            rows = np.flatnonzero(batch.action == action)
            x = batch.features[rows]
            weighed = x * weight[rows, np.newaxis]
            gram[action] += weighed.T.dot(x)
            moment[action] += gain[rows].dot(weighed)
        weights = np.asarray(np.linalg.solve(gram, moment[..., np.newaxis])[..., 0], dtype=np.float64)
        weights[:, 0] += self.reward_default
        return _LabelLines(weights, gram)

    def features(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n, d) those of the context."""
        return batch.features

    def group(self, batch: ExampleBatch) -> NDArray[np.int64]:
        """(n,) the action taken."""
        return batch.action

    def model(self, lines: _LabelLines | None, trees: Trees, *, lowest: float, noise: float, n_draws: int) -> Boosted:
        """Weights and trees per action; draws are of the weights."""
        known = lines or self._unknown()
        draws = known.weights + self._noise(known.gram, noise, n_draws) if n_draws else None
        return Boosted(known.weights, draws, Forest(trees), lowest)

    def _unknown(self) -> _LabelLines:
        weights = np.zeros((self.n_groups, self.n_features))
        weights[:, 0] = self.reward_default
        return _LabelLines(weights, np.tile(RIDGE * np.eye(self.n_features), (self.n_groups, 1, 1)))

    def _noise(self, gram: NDArray[np.float64], noise: float, n_draws: int) -> NDArray[np.float64]:
        """(s, k, d) posterior noise, of the same numbers every time, so that equal examples give equal draws."""
        normal = np.random.default_rng(self.draw_seed).standard_normal((*gram.shape[:2], n_draws))
        root = np.linalg.cholesky(gram)  # gram = L L'; L'^-1 z has covariance gram^-1
        return np.asarray(noise * np.linalg.solve(root.transpose(0, 2, 1), normal).transpose(2, 0, 1))


@dataclass(frozen=True, slots=True, eq=False)
class _SharedLines:
    """What the hybrid regression of candidates has learned."""

    learner: HybridLearner

    def of(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n,) expected reward of the candidates taken."""
        return self.learner.reward_model().predict_pairs(_taken(batch)).mean


@dataclass(frozen=True, slots=True)
class _Candidates:
    """Actions that the caller brings along: one set of trees for all."""

    n_features: int
    n_action_features: int
    n_ids: int
    reward_default: float
    half_life_s: float | None
    draw_seed: int
    n_groups: int = 1

    def fit(self, batch: ExampleBatch, weight: NDArray[np.float64]) -> _SharedLines:
        """The hybrid regression, which weighs examples by the same half-life itself."""
        learner = self._new_learner()
        learner.learn(batch)
        return _SharedLines(learner)

    def features(self, batch: ExampleBatch) -> NDArray[np.float64]:
        """(n, d + e) those of the context, then those of the candidate taken."""
        return side_by_side(_taken(batch))

    def group(self, batch: ExampleBatch) -> NDArray[np.int64]:
        """(n,) zeros."""
        return np.zeros(len(batch), dtype=np.int64)

    def model(self, lines: _SharedLines | None, trees: Trees, *, lowest: float, noise: float, n_draws: int) -> BoostedShared:
        """The regression and the trees; draws are of the regression."""
        learner = self._new_learner() if lines is None else lines.learner
        return BoostedShared(learner.reward_model(n_draws=n_draws), Forest(trees), self.n_features + self.n_action_features)

    def _new_learner(self) -> HybridLearner:
        return HybridLearner(
            self.n_features,
            self.n_action_features,
            self.n_ids,
            draw_seed=self.draw_seed,
            reward_default=self.reward_default,
            half_life_s=self.half_life_s,
            max_weight=None,
        )


def create(
    *,
    n_actions: int,
    n_features: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
) -> Boosting[_LabelLines, Boosted]:
    """A learner that knows nothing yet.

    Args:
        n_actions: k, at least 1.
        n_features: d, the constant feature included.
        rng: where the noise of posterior draws comes from; nothing else is random.
        reward_default: what an action is taken to bring where nothing is known of it, in the loop's reward unit.
        half_life_s: an example's weight halves in so many seconds before the newest; None: never.

    Raises:
        BadSetting: half_life_s is not above 0.
    """
    _check(half_life_s)
    form = _Labels(n_actions, n_features, reward_default, int(rng.integers(2**63)))
    return Boosting(form, half_life_s=half_life_s)


def create_shared(
    *,
    n_features: int,
    n_action_features: int,
    n_ids: int,
    rng: np.random.Generator,
    reward_default: float,
    half_life_s: float | None = None,
) -> Boosting[_SharedLines, BoostedShared]:
    """A learner of candidates that knows nothing yet; what is not told here is as in `create`.

    Args:
        n_features: d, of the context, the constant included.
        n_action_features: e, of a candidate, the constant included.
        n_ids: how many ids have weights of their own.
        rng: where the noise of posterior draws comes from.
        reward_default: what is taken to be brought where nothing is known.
        half_life_s: as in `create`.

    Raises:
        BadSetting: half_life_s is not above 0.
    """
    _check(half_life_s)
    form = _Candidates(n_features, n_action_features, n_ids, reward_default, half_life_s, int(rng.integers(2**63)))
    return Boosting(form, half_life_s=half_life_s)


def _taken(batch: ExampleBatch) -> Pairs:
    """The candidates that were taken, in their contexts."""
    assert batch.action_features is not None, "candidates have features"
    assert batch.action_id is not None, "candidates have ids"
    return Pairs(batch.features, np.arange(len(batch)), batch.action_features, batch.action_id)


def _check(half_life_s: float | None) -> None:
    if half_life_s is not None and not half_life_s > 0:
        raise BadSetting(f"train.half_life is {half_life_s} s; expected a time above 0, or none.")
