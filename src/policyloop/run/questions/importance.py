"""A model's fields weighed: found, asked about the newest examples that it did not learn from, and told in words.

Question answered: which fields of the context, and of the candidates, does this model live by, which are unused, and which
know too much?
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from policyloop.core.errors import NothingToDo
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.evaluate.importance import Importance, importances, of_candidates, of_context
from policyloop.evaluate.pieces import learnable, pieces_of_many
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.watches.trusted import trusted

_FEWEST = 50  # examples; in fewer an interval says nothing
_MOST = 5000  # the newest are asked about
_MOST_CANDIDATES = 50_000  # in all examples together


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A model's fields, the greatest loss of value first."""

    loop: str
    model: str  # digest
    n: int  # examples that were asked about
    fields: tuple[Importance, ...]

    def sentences(self) -> list[str]:
        """What to do about them, for people."""
        unused = [one.name for one in self.fields if one.is_unused and not one.is_leaking]
        said = [_leak(one) for one in self.fields if one.is_leaking]
        if unused:
            are = "is" if len(unused) == 1 else "are"
            said.append(
                f"Unused: {', '.join(unused)} {are} worth nothing to this model. `learn: false` in the loop file keeps a field "
                f"out of the models, as a challenge; `policyloop tune` tries that."
            )
        unclear = [one.name for one in self.fields if not (one.is_used or one.is_unused or one.is_leaking)]
        if unclear:
            said.append(f"Not clear from {self.n:,} examples: {', '.join(unclear)}. More of them will tell.")
        return said


def importance_of(deployment: Deployment, loop: str, model: str | None = None, *, seed: int = 0) -> Weighed:
    """Weigh the fields of a model.

    Args:
        deployment: where it is.
        loop: its name or an alias.
        model: a digest or the start of one, champion, previous or anchor; None: the champion.
        seed: of the shuffles.

    Raises:
        UnknownLoop, UnknownModel: there is none of that name.
        BadModel: its files are not what the digest names.
        NothingToDo: no model decides, it is the baseline, which looks at no field, or there are too few examples.
    """
    registry = deployment.registry
    standing = registry.standing(loop)
    spec = standing.spec
    if model == BASELINE or (model is None and standing.champion is None):
        raise NothingToDo(
            f"the baseline of loop '{spec.loop}' looks at no field; expected a model. `policyloop models {spec.loop}` lists "
            f"those that there are."
        )
    entrant = entrant_of(registry, spec, registry.find(spec.loop, model or "champion").model)
    assert entrant.rewards is not None, "a model expects rewards"
    rows = _rows(deployment, spec)
    fields = of_context(rows, pieces_of_many(rows.contexts, learnable(spec.context, spec.subject)))
    if rows.candidates is not None:
        of_all = [features for one in rows.candidates for features in one.features]
        fields += of_candidates(rows, pieces_of_many(of_all, learnable(spec.actions.features)))
    found = importances(
        entrant.policy,
        entrant.rewards,
        examples=rows,
        fields=fields,
        low=spec.reward.low,
        high=spec.reward.high,
        rng=np.random.default_rng(seed),
    )
    return Weighed(loop=spec.loop, model=entrant.model, n=len(rows), fields=tuple(found))


def _rows(deployment: Deployment, spec: LoopSpec) -> Examples:
    """The newest examples of the evaluation split whose propensities are known; the baseline's are as good as any here."""
    examples = trusted(deployment, spec).examples.to_evaluate_on(spec.train.split)
    examples = examples.where(np.isfinite(examples.propensity))
    n = len(examples)
    if n < _FEWEST:
        needed = (
            "" if spec.train.split == 1 else f", which takes about {(_FEWEST - n) / (1 - spec.train.split):,.0f} more decisions"
        )
        raise NothingToDo(
            f"loop '{spec.loop}' has {n} examples that nothing was learned from; expected at least {_FEWEST} to tell what a "
            f"field is worth{needed}."
        )
    most = _MOST
    if examples.candidates is not None:
        most = int(np.clip(_MOST_CANDIDATES // (examples.allowed.sum() / n), _FEWEST, _MOST))
    return examples.where(np.arange(n) >= n - most)


def _leak(one: Importance) -> str:
    assert one.alone is not None
    known = f"{one.alone.explained:.0%} of the reward's variance"
    if one.alone.in_order is not None:
        known += f", {one.alone.in_order:.1%} of the pairs in the right order"
    return (
        f"Leaking? {one.name} by itself foretells the reward, whatever is done ({known}). If it is only known after the "
        f"decision, take it out of the context: the model relies on what it will not have."
    )
