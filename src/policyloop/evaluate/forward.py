"""Forward validation: what a recipe would have earned on the later part of a log, had it learned from the earlier part.

Question answered: how good is this recipe - learner, fields, explorer and floor together, as it would have served? The log is
cut in time; a model of the recipe learns what came before a cut, and the doubly robust estimate says what it would have
earned on what came after. Expected rewards come from the loop's own recipe, learned before the cut as well, and are the same
for every recipe, so that two of them differ in their probabilities alone.
Source: Dawid 1984 (prequential validation); Dudík et al. 2014 (arXiv:1503.02834).
Letters: n examples, k actions.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from policyloop import __version__
from policyloop.core import plugins
from policyloop.core.estimate import Estimate
from policyloop.core.example import Context, Examples
from policyloop.core.loop import ExploreSpec, LoopSpec
from policyloop.core.model import canonical_json
from policyloop.core.spec_file import recipe_mapping
from policyloop.evaluate.arrays import taken
from policyloop.evaluate.compare import evidence, value_of
from policyloop.evaluate.predicted import predicted_rewards
from policyloop.learn.train import to_learn_from, train
from policyloop.learn.tune import learned
from policyloop.policy import needs
from policyloop.policy.scored import EXPLORERS, Scored, explorer_of, load_scored

N_CUTS = 2
_FIRST_CUT = 0.5  # of the examples are always earlier
_SHUFFLES = 3  # of a field's values, to see how much depends on it
_MEANS_ALONE = ExploreSpec(name="greedy", floor=0.0)  # stands for all explorers that need no more


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """One cut of the log."""

    earlier: Examples  # to learn from
    later: Examples  # to be judged by: only examples whose propensities are known
    predicted: NDArray[np.float64]  # (n, k) of the later ones, by the loop's own recipe


class Forward:
    """Recipes judged on the same cuts. What they learn is kept, so that another explorer or floor costs no training."""

    def __init__(self, rows: Examples, spec: LoopSpec, *, seed: int, n_cuts: int = N_CUTS) -> None:
        """Cut a log.

        Args:
            rows: in the order of the log, all below the spec's split.
            spec: of the loop, with its own recipe.
            seed: of the models.
            n_cuts: at least 1; between the first half and the end.

        Raises:
            NothingToDo: nothing comes before a cut.
        """
        self._seed = seed
        self._learned: dict[tuple[int, bytes], Scored] = {}
        self.stretches: list[Stretch] = []
        for earlier, later in _cut(rows, n_cuts):
            present = policy_of_recipe(earlier, spec, seed=seed)
            predicted = predicted_rewards(later, [present], low=spec.reward.low, high=spec.reward.high)
            self.stretches.append(Stretch(earlier=earlier, later=later, predicted=predicted))

    def value(self, spec: LoopSpec) -> Estimate:
        """What a recipe would have earned on all later parts together, a mean over their examples."""
        return pooled(
            [
                value_of(self._policy(place, spec), stretch.later, predicted=stretch.predicted)
                for place, stretch in enumerate(self.stretches)
            ]
        )

    def squared_error(self, spec: LoopSpec, *, without: str | None = None) -> float:
        """Of the rewards that a recipe expects on the later parts.

        Args:
            spec: with the recipe.
            without: a field whose values change places among the later decisions, which tells nothing anymore then.
        """
        errors, n = 0.0, 0
        for place, stretch in enumerate(self.stretches):
            rng = np.random.default_rng([self._seed, place])
            for _ in range(1 if without is None else _SHUFFLES):
                contexts = stretch.later.contexts if without is None else _shuffled(stretch.later, without, rng)
                rewards = self._policy(place, spec).rewards_of_many(contexts, stretch.later.candidates)
                errors += float(((stretch.later.reward - taken(rewards, stretch.later.action)) ** 2).sum())
                n += len(stretch.later)
        return errors / n

    def _policy(self, place: int, spec: LoopSpec) -> Scored:
        """Of a recipe, learned before the cut at a place, as it would serve."""
        explore = spec.explore
        is_means_alone = needs.need_of(plugins.load(EXPLORERS, explore.name)) is None
        learned = replace(spec, explore=replace(_MEANS_ALONE if is_means_alone else explore, floor=0.0))
        key = (place, canonical_json(recipe_mapping(learned)))
        earlier = self.stretches[place].earlier
        if key not in self._learned:
            self._learned[key] = policy_of_recipe(earlier, learned, seed=self._seed)
        span = spec.reward.high - spec.reward.low
        n = len(to_learn_from(earlier, spec))
        explorer = explorer_of(explore.name, dict(explore.settings), n_examples=n, reward_span=span)
        return replace(self._learned[key], explorer=explorer, floor=explore.floor)


def by_importance(forward: Forward, recipes: Sequence[LoopSpec]) -> Mapping[str, float]:
    """The fields that are learned from, the most important first, each with what its loss costs.

    That is how much the squared error rises on the later parts of the log when the values of the field change places, for
    whichever of the recipes errs least there.

    Args:
        forward: the cuts.
        recipes: at least one, all with the same fields.
    """
    best = min(recipes, key=forward.squared_error)
    usual = forward.squared_error(best)
    cost = {name: forward.squared_error(best, without=name) - usual for name in learned(best)}
    return dict(sorted(cost.items(), key=lambda entry: -entry[1]))


def policy_of_recipe(examples: Examples, spec: LoopSpec, *, seed: int) -> Scored:
    """The policy that a recipe makes of the examples below the spec's split, as it would serve.

    Raises:
        NothingToDo: there is nothing to learn from.
    """
    trained = train(examples, spec, seed=seed, parent=None, snapshot={}, code_version=__version__)
    return load_scored(trained.manifest, trained.tensors)


def pooled(estimates: Sequence[Estimate]) -> Estimate:
    """One mean of several, each of examples of its own; at least one."""
    n = sum(one.n for one in estimates)
    value = sum(one.n * one.value for one in estimates) / n
    stderr = math.sqrt(sum((one.n * one.stderr) ** 2 for one in estimates)) / n
    return Estimate(estimates[0].estimator, value, stderr, n, sum(one.ess for one in estimates))


def _cut(rows: Examples, n_cuts: int) -> list[tuple[Examples, Examples]]:
    """What is learned from, and what is judged by."""
    judged = evidence(rows, split=0.0)
    places = np.linspace(_FIRST_CUT, 1.0, n_cuts + 1)[:-1] * len(judged)
    cuts = [*(int(judged.decided_at[int(place)]) for place in places), math.inf]
    return [
        (rows.where(rows.decided_at < start), judged.where((judged.decided_at >= start) & (judged.decided_at < stop)))
        for start, stop in pairwise(cuts)
    ]


def _shuffled(rows: Examples, name: str, rng: np.random.Generator) -> list[Context]:
    """The contexts with the values of one field in another order."""
    order = rng.permutation(len(rows)).tolist()
    return [{**context, name: rows.contexts[other].get(name)} for context, other in zip(rows.contexts, order, strict=True)]
