"""Train: examples in, a model out. A pure function: equal arguments give equal bytes on the same platform.

Question answered: what model do these examples make under this spec? It sees only the examples below the spec's split
and inside its window, fits the features on them, lets the learner learn them in order, and writes everything down in a
manifest.
Letters: n examples, d features.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import safetensors.numpy

from policyloop.core import plugins
from policyloop.core.clock import US_PER_S
from policyloop.core.errors import BadSetting, NothingToDo
from policyloop.core.example import ExampleBatch, Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest
from policyloop.core.policy import Learner, SharedLearner
from policyloop.learn import propensities
from policyloop.policy import needs
from policyloop.policy.candidate_features import CandidateEncoder
from policyloop.policy.features import Encoder
from policyloop.policy.scored import EXPLORERS, explorer_of

LEARNERS = "policyloop.learn.learners"
_CANDIDATES_TO_FIT = 50_000  # the statistics of more would hardly differ


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that is not yet published."""

    manifest: Manifest
    tensors: bytes  # of tensors.safetensors


def train(
    examples: Examples,
    spec: LoopSpec,
    *,
    seed: int,
    parent: str | None,
    snapshot: Mapping[str, int],
    code_version: str,
) -> Trained:
    """The model that these examples make, from scratch.

    Args:
        examples: any rows of the loop, in the order of the log; those of the evaluation split are left out here.
        spec: the loop's spec.
        seed: where the noise of posterior draws comes from.
        parent: digest of the champion at the time, or None.
        snapshot: table -> version that the examples were read from; recorded only.
        code_version: the version of policyloop; recorded only.

    Raises:
        NothingToDo: no example is left to learn from.
    """
    rows = to_learn_from(examples, spec)
    if len(rows) == 0:
        raise NothingToDo(
            f"loop '{spec.loop}' has no example to learn from: {len(examples)} are joined, none of them below the split "
            f"of {spec.train.split} and inside the window. Send outcomes, or wait for their window to close."
        )
    encoders = fit_encoders(rows, spec)
    learner = _learner_for(spec, encoders, seed)
    learner.learn(encoded(rows, encoders, is_weighed=getattr(learner, "asks_for_weights", False)))
    return finish(learner, encoders, spec, rows, seed=seed, parent=parent, snapshot=snapshot, code_version=code_version)


def _learner_for(spec: LoopSpec, encoders: Encoders, seed: int) -> Learner | SharedLearner:
    n_features = encoders.context.n_features
    if encoders.candidates is None:
        return new_learner(spec, n_features=n_features, seed=seed)
    n_action_features = encoders.candidates.encoder.n_features
    return new_shared_learner(spec, n_features=n_features, n_action_features=n_action_features, seed=seed)


def to_learn_from(examples: Examples, spec: LoopSpec) -> Examples:
    """The rows below the split and no older than the window before the newest of them."""
    rows = examples.to_learn_from(spec.train.split)
    if spec.train.window_s is None or len(rows) == 0:
        return rows
    oldest = int(rows.decided_at.max()) - int(spec.train.window_s * US_PER_S)
    return rows.where(rows.decided_at >= oldest)


class Encoders(NamedTuple):
    """What turns rows into numbers."""

    context: Encoder
    candidates: CandidateEncoder | None  # None where the actions are labels


def fit_encoders(rows: Examples, spec: LoopSpec) -> Encoders:
    """The features of the spec's fields, with the statistics of these rows; the subject is never a feature."""
    fields = {name: field for name, field in spec.context.items() if name != spec.subject}
    context = Encoder.fit(fields, rows.contexts)
    if rows.candidates is None:
        return Encoders(context, None)
    sets = {one.digest: one for one in rows.candidates}
    offered = [features for one in sets.values() for features in one.features]
    step = max(1, len(offered) // _CANDIDATES_TO_FIT)
    return Encoders(context, CandidateEncoder(Encoder.fit(spec.actions.features, offered[::step]), spec.actions.ids))


def new_learner(spec: LoopSpec, *, n_features: int, seed: int) -> Learner:
    """The spec's learner of labels, knowing nothing yet.

    Raises:
        UnknownName: no learner has that name.
        BadSetting: one of its settings is outside its range.
    """
    learner = plugins.load(LEARNERS, spec.learner.name)
    made: Learner = learner.create(n_actions=len(spec.labels), **_alike(spec, learner, n_features, seed))
    return made


def new_shared_learner(spec: LoopSpec, *, n_features: int, n_action_features: int, seed: int) -> SharedLearner:
    """The spec's learner of candidates, knowing nothing yet.

    Raises:
        UnknownName: no learner has that name.
        BadSetting: one of its settings is outside its range, or it does not learn about candidates.
    """
    learner = plugins.load(LEARNERS, spec.learner.name)
    if not hasattr(learner, "create_shared"):
        raise BadSetting(
            f"learner.name is {spec.learner.name}, which learns about labels alone; expected linear or boosted for candidates."
        )
    made: SharedLearner = learner.create_shared(
        n_action_features=n_action_features, n_ids=len(spec.actions.ids), **_alike(spec, learner, n_features, seed)
    )
    return made


def _alike(spec: LoopSpec, learner: ModuleType, n_features: int, seed: int) -> dict[str, Any]:
    """What learners of labels and of candidates are made with alike."""
    return {
        "n_features": n_features,
        "rng": np.random.default_rng(seed),
        "reward_default": spec.reward.default,
        "half_life_s": spec.train.half_life_s,
        **for_explorer(spec, learner),
        **spec.learner.settings,
    }


def for_explorer(spec: LoopSpec, learner: ModuleType) -> dict[str, Any]:
    """What a learner must know of the explorer in order to keep what that will ask for; nothing for most of them.

    Raises:
        BadSetting: the learner cannot give what the explorer needs, or a setting of the explorer is outside its range.
    """
    name, settings = spec.explore.name, dict(spec.explore.settings)
    need = needs.need_of(plugins.load(EXPLORERS, name))
    needs.check(need, name, learner, spec.learner.name, is_shared=spec.is_candidates)
    if need == needs.BOOTSTRAP:
        return {"needs": need, "n_replicates": explorer_of(name, settings, n_examples=0, reward_span=1.0).n_draws}
    if need == needs.PMF:
        return {"needs": need, "reward_range": (spec.reward.low, spec.reward.high)}
    return {} if need in (None, needs.POSTERIOR) else {"needs": need}


def encoded(rows: Examples, encoders: Encoders, *, is_weighed: bool = False) -> ExampleBatch:
    """The rows as numbers.

    Args:
        rows: n examples.
        encoders: fitted on some.
        is_weighed: whether the learner weighs by propensities: those that are not known are then estimated.
    """
    features = encoders.context.encode_many(rows.contexts)
    told = propensities.believed(rows, features, encoders.candidates) if is_weighed else rows
    propensity = (
        rows.propensity if told.believed is None else np.where(np.isnan(rows.propensity), told.believed, rows.propensity)
    )
    batch = ExampleBatch(
        features=features,
        allowed=rows.allowed,
        action=rows.action,
        reward=rows.reward,
        propensity=propensity,
        decided_at=rows.decided_at,
    )
    if encoders.candidates is None or rows.candidates is None:
        return batch
    taken = list(zip(rows.candidates, rows.action.tolist(), strict=True))
    return replace(
        batch,
        action_features=encoders.candidates.encoder.encode_many([offered.features[place] for offered, place in taken]),
        action_id=encoders.candidates.places_of([offered.ids[place] for offered, place in taken]),
    )


def finish(
    learner: Learner | SharedLearner,
    encoders: Encoders,
    spec: LoopSpec,
    rows: Examples,
    *,
    seed: int,
    parent: str | None,
    snapshot: Mapping[str, int],
    code_version: str,
) -> Trained:
    """What the learner knows, as manifest and tensors; `rows` are the examples that it learned."""
    span = spec.reward.high - spec.reward.low
    explorer = explorer_of(spec.explore.name, dict(spec.explore.settings), n_examples=len(rows), reward_span=span)
    model = learner.reward_model(n_draws=explorer.n_draws)
    settings, arrays = model.save()
    tensors = safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    explore = {"name": spec.explore.name, "floor": spec.explore.floor, "reward_span": span}
    manifest = Manifest(
        loop=spec.loop,
        spec=spec.digest,
        recipe=spec.recipe,
        parent=parent,
        policy=model.kind,
        settings=settings,
        features=encoders.context.to_json(),
        labels=list(spec.labels if encoders.candidates is None else encoders.candidates.ids),
        action_features=None if encoders.candidates is None else encoders.candidates.encoder.to_json(),
        explorer={**explore, "settings": dict(spec.explore.settings)},
        learner={"name": spec.learner.name, "settings": dict(spec.learner.settings)},
        snapshot=dict(snapshot),
        trained_until=int(rows.decided_at.max()),
        n_examples=len(rows),
        seed=seed,
        code=code_version,
        tensors=hashlib.sha256(tensors).hexdigest(),
        progress={name: _as_read(value) for name, value in learner.progress().items()},
    )
    return Trained(manifest, tensors)


def _as_read(value: float | str) -> float | str:
    """A number as it comes back from JSON."""
    return value if isinstance(value, str) else float(value)
