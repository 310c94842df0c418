"""Tuning: a search for a better recipe on a loop's own log, and what its winner is worth on data that the search never saw.

Question answered: is there a recipe that should challenge the loop's own, and how sure may one be before it has served?
The search looks at the examples below the split alone: recipes learn the earlier part and are judged on the later part. Its
best few then learn all of that, and are compared on the evaluation split, once, with intervals that hold for all of them
together. The challenge itself is judged by what is decided after it began, so nothing here is used up by it.
Letters: n examples, m finalists.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from policyloop.core.errors import NothingToDo
from policyloop.core.estimate import Estimate
from policyloop.core.example import Examples
from policyloop.core.loop import ExploreSpec, LoopSpec, PluginSpec
from policyloop.core.policy import Policy
from policyloop.evaluate.compare import compare, evidence, value_of
from policyloop.evaluate.forward import Forward, by_importance, policy_of_recipe
from policyloop.evaluate.predicted import predicted_rewards
from policyloop.evaluate.simultaneous import simultaneous_z
from policyloop.gate.entrant import Entrant
from policyloop.learn.tune import (
    PARTS,
    Attempt,
    Measure,
    Searched,
    check_search,
    learned,
    learners_of,
    recipe_of,
    search,
)
from policyloop.policy.scored import Scored
from policyloop.run.challenges.tuned import LEVEL, Finalist, FloorChange, Lead, Tuned
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.watches.trusted import trusted

AT_MOST = 20_000  # examples that the search looks at, the newest; more would make it slower and hardly wiser
FEWEST_LEARNED = 400
FEWEST_HELD_OUT = 100
FINALISTS = 3
_REMEASURED = 12  # of the best kinds of recipes, with the loop's floor


def tune(
    deployment: Deployment,
    loop: str,
    *,
    n_attempts: int,
    seed: int,
    parts: Sequence[str] = PARTS,
    on_attempt: Callable[[Attempt], None] = lambda attempt: None,
) -> Tuned:
    """Search, and judge what was found.

    Args:
        deployment: where the loop and its log are.
        loop: its name or an alias.
        n_attempts: recipes that are tried beside the loop's own.
        seed: of the search and the models.
        parts: what is searched, of `PARTS`.
        on_attempt: told of each attempt at its end.

    Raises:
        UnknownLoop: there is none of that name.
        NothingToDo: there are too few examples, with how many are needed.
        UnknownName, BadSetting: as `search` does.
    """
    check_search(parts, n_attempts)
    standing = deployment.registry.standing(loop)
    spec = standing.spec
    data = trusted(deployment, spec)
    held_out = evidence(data.examples, split=spec.train.split, before=data.first_waiting)
    below = data.examples.to_learn_from(spec.train.split)
    check_is_enough(spec, n_learned=len(evidence(below, split=0.0)), n_held_out=len(held_out))
    rows = below if len(below) <= AT_MOST else below.where(np.arange(len(below)) >= len(below) - AT_MOST)
    champion = None if standing.champion is None else entrant_of(deployment.registry, spec, standing.champion)

    with threadpool_limits(1, user_api="blas"):  # matrices are small: a second thread mostly waits, at five times the price
        forward = Forward(rows, spec, seed=seed)
        importance = by_importance(forward, _one_of_each_learner(spec, parts))
        found = search(
            spec,
            forward.value,
            by_importance=list(importance),
            n_attempts=n_attempts,
            seed=seed,
            clock=deployment.clock,
            parts=parts,
            on_attempt=on_attempt,
        )
        final = judged(spec, found, forward.value, below=below, held_out=held_out, champion=champion, seed=seed)
        return replace(final, importance=importance, n_searched=len(rows))


def check_is_enough(spec: LoopSpec, *, n_learned: int, n_held_out: int) -> None:
    """Refuse a log that says too little.

    Raises:
        NothingToDo: with how many examples there are, and how many are needed.
    """
    split = spec.train.split
    if split >= 1:
        raise NothingToDo(
            f"train.split of loop '{spec.loop}' is 1, so every example is learned from and none is left to judge a recipe by; "
            f"expected less, such as 0.8. Set it in the loop file, and let the loop decide for a while."
        )
    if n_learned < FEWEST_LEARNED or n_held_out < FEWEST_HELD_OUT:
        total = math.ceil(round(max(FEWEST_LEARNED / split, FEWEST_HELD_OUT / (1 - split)), 6))
        raise NothingToDo(
            f"loop '{spec.loop}' has {n_learned:,} examples to judge recipes by below the split of {split:g} and "
            f"{n_held_out:,} above it (decided by a model, with known propensities); a search needs {FEWEST_LEARNED:,} and "
            f"{FEWEST_HELD_OUT:,}, which is some {total:,} decisions with outcomes. Let it decide for a while."
        )


def judged(
    spec: LoopSpec,
    searched: Searched,
    measure: Measure,
    *,
    below: Examples,
    held_out: Examples,
    champion: Entrant | None,
    seed: int,
) -> Tuned:
    """The best few of a search on data that it never saw, the winner first.

    The winner is the one whose advantage over the loop's own recipe is surest: with the highest lower end. The intervals
    hold for all finalists at once, so that choosing among them here does not spoil them. All are compared with the loop's
    floor, which is no part of a recipe; what the floor that the search liked best would do is told beside it.

    Args:
        spec: of the loop.
        searched: what was tried; the attempt 0 is the loop's own recipe.
        measure: that of the search.
        below: examples below the split, which each finalist learns from.
        held_out: as `evidence` gives them, at or above the split.
        champion: what serves now; None: the baseline.
        seed: of the models.
    """
    present = policy_of_recipe(below, spec, seed=seed)
    known = [] if champion is None or champion.rewards is None else [champion.rewards]
    predicted = predicted_rewards(held_out, [present, *known], low=spec.reward.low, high=spec.reward.high)
    held = _HeldOut(held_out, predicted, seed)
    chosen = [(attempt, policy_of_recipe(below, attempt.spec, seed=seed)) for attempt in finalists_of(spec, searched, measure)]
    finalists = held.finalists(chosen, present=present, champion=champion)
    best = finalists[0][1] if finalists else present
    floor = searched.ranked[0].spec.explore.floor if searched.ranked else spec.explore.floor
    is_moved = floor != spec.explore.floor
    return Tuned(
        spec=spec,
        searched=searched,
        importance={},
        n_searched=len(below),
        n_below_split=len(below),
        n_held_out=len(held_out),
        present=held.value(present),
        champion=None if champion is None else held.value(champion.policy),
        finalists=tuple(finalist for finalist, _ in finalists),
        floor=FloorChange(floor=floor, lead=held.leads([best.with_floor(floor)], best)[0]) if is_moved else None,
    )


@dataclass(frozen=True, slots=True, eq=False)
class _HeldOut:
    """Examples that the search never saw, with what to expect of each action, and what policies are worth on them."""

    examples: Examples
    predicted: NDArray[np.float64]  # (n, k)
    seed: int  # of the intervals that hold together

    def finalists(
        self, chosen: Sequence[tuple[Attempt, Scored]], *, present: Policy, champion: Entrant | None
    ) -> list[tuple[Finalist, Scored]]:
        """Each with its policy, the one whose advantage over the present recipe is surest first."""
        policies = [policy for _, policy in chosen]
        over_champion = [None] * len(chosen) if champion is None else self.leads(policies, champion.policy)
        found = [
            (Finalist(attempt=attempt, value=self.value(policy), over_present=lead, over_champion=other), policy)
            for (attempt, policy), lead, other in zip(chosen, self.leads(policies, present), over_champion, strict=True)
        ]
        return sorted(found, key=lambda one: -one[0].over_present.low)

    def value(self, policy: Policy) -> Estimate:
        """What it would have earned."""
        return value_of(policy, self.examples, predicted=self.predicted)

    def leads(self, entrants: Sequence[Policy], other: Policy) -> list[Lead]:
        """Of each over another, with intervals that hold for all of them at once."""
        beside = [compare(self.examples, challenger=one, champion=other, predicted=self.predicted) for one in entrants]
        z = simultaneous_z(np.array([one.phi for one in beside]), level=LEVEL, seed=self.seed)
        return [_lead(one.difference, z * one.difference.stderr) for one in beside]


def finalists_of(spec: LoopSpec, searched: Searched, measure: Measure) -> list[Attempt]:
    """The best few recipes that are not nearly the same, with the loop's floor; none where its own recipe did best.

    Of those that differ in numbers of the explorer alone, the best stands for all.
    """
    own = searched.attempts[0]
    kinds: dict[tuple[object, ...], Attempt] = {}
    for attempt in searched.ranked:
        if attempt.spec.recipe != spec.recipe:
            learner = (attempt.spec.learner.name, *attempt.spec.learner.settings.items())
            kinds.setdefault((learner, tuple(learned(attempt.spec)), attempt.spec.explore.name), attempt)
    some = [_at_floor(attempt, spec.explore.floor, measure) for attempt in list(kinds.values())[:_REMEASURED]]
    bar = -np.inf if own.estimate is None else own.estimate.value
    better = [attempt for attempt in some if attempt.estimate is not None and attempt.estimate.value > bar]
    return sorted(better, key=lambda attempt: -attempt.estimate.value if attempt.estimate else 0.0)[:FINALISTS]


def _at_floor(attempt: Attempt, floor: float, measure: Measure) -> Attempt:
    """The same recipe with another floor, measured again; the models are there."""
    spec = attempt.spec
    same = recipe_of(spec, learner=spec.learner, explore=replace(spec.explore, floor=floor), fields=learned(spec))
    return replace(attempt, spec=same, estimate=measure(same))


def _one_of_each_learner(spec: LoopSpec, parts: Sequence[str]) -> list[LoopSpec]:
    """The loop's own recipe with all the fields that there are, and the same with each of the other learners."""
    others = [PluginSpec(name=name) for name in learners_of(spec, parts) if name != spec.learner.name]
    explore = ExploreSpec(name="greedy", floor=spec.explore.floor)
    fields = learned(spec)
    return [recipe_of(spec, learner=learner, explore=explore, fields=fields) for learner in (spec.learner, *others)]


def _lead(difference: Estimate, half: float) -> Lead:
    return Lead(value=difference.value, low=difference.value - half, high=difference.value + half, stderr=difference.stderr)
