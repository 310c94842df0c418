"""What models would have returned in whole episodes: the estimates of loops whose decisions change what comes next.

Question answered: what would a stored model have returned in the held-out episodes of the loop's own history, beside what that
history returned, and does it allow any estimate at all? Nothing is decided by it: a challenge counts episodes of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from policyloop.core.episode import EpisodePolicy, Transitions
from policyloop.core.errors import BadModel, BadSetting, NothingToDo
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, short
from policyloop.core.state import StateEncoder
from policyloop.evaluate.choice import Choice
from policyloop.evaluate.chosen import held_against_history
from policyloop.evaluate.exploring import Exploring
from policyloop.evaluate.sequence_report import SequenceReport
from policyloop.learn.thin import FEWEST_HELD_OUT
from policyloop.policy.boxed import BoxPolicy
from policyloop.policy.scored import STATE, ScoredPolicy
from policyloop.registry.registry import Standing
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.transitions import transitions_of
from policyloop.run.questions.estimates import CONSTANT, UNIFORM
from policyloop.serve.aligned import ready

_NO_CHOICE = Choice(n_updates=None, place=None, rule="none", is_underfitting=False, is_supported=True, sentences=())


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeEstimates:
    """One model, held against the history."""

    model: str  # digest
    n_episodes: int  # held out, of which some are looked at
    sentences: tuple[str, ...]
    numbers: Mapping[str, float | None]  # as the record of a choice has them
    report: SequenceReport | None  # None: it would have taken minutes


def estimates_of_episodes(deployment: Deployment, loop: str, models: Sequence[str] = ()) -> list[EpisodeEstimates]:
    """Evaluate stored models on the episodes that no model learns from; each once, in the order in which they are named.

    Args:
        deployment: where they are.
        loop: its name or an alias; it has episodes.
        models: digests or the start of one, champion, previous or anchor; none: the champion.

    Raises:
        UnknownLoop, UnknownModel: there is none of that name.
        BadSetting: a policy is named that is no stored model.
        BadModel: a model does not fit the loop as it is today.
        NothingToDo: the baseline decides and no model is named, or too few episodes are held out.
    """
    standing = deployment.registry.standing(loop)
    spec = standing.spec
    policies = {name: _policy_of(deployment, spec, name) for name in _named(deployment, standing, models)}
    held_out = transitions_of(deployment, spec)[0].to_evaluate_on(spec.train.split)
    if held_out.n_episodes < FEWEST_HELD_OUT:
        raise NothingToDo(
            f"loop '{spec.loop}' has {held_out.n_episodes:,} held-out episodes in its tables; an estimate needs "
            f"{FEWEST_HELD_OUT}. Those count whose split is at or above {spec.train.split} and that have ended: report their "
            f"ends, or bring a history in with `policyloop import history`, then run `policyloop join`."
        )
    return [_estimated(model, policy, held_out, spec) for model, policy in policies.items()]


def _named(deployment: Deployment, standing: Standing, models: Sequence[str]) -> list[str]:
    """Digests, each once."""
    loop = standing.spec.loop
    for name in models:
        if name in (BASELINE, UNIFORM) or name.startswith(CONSTANT):
            raise BadSetting(
                f"'{name}' is no stored model; expected a digest, champion, previous or anchor: in a loop with episodes "
                f"stored models are estimated, and beside them stands what the history returned."
            )
    if not models and standing.champion is None:
        raise NothingToDo(
            f"the baseline decides in loop '{loop}', and only stored models are estimated. Name one of those that "
            f"`policyloop models {loop}` lists: `policyloop evaluate {loop} DIGEST`."
        )
    return list(dict.fromkeys(deployment.registry.find(loop, name).model for name in models or ("champion",)))


def _policy_of(deployment: Deployment, spec: LoopSpec, model: str) -> EpisodePolicy:
    """A stored model, to be asked about many states at once.

    Raises:
        BadModel: its states or actions are not those of the loop.
    """
    stored = deployment.registry.load(spec.loop, model)
    policy = ready(stored.loaded(), stored.labels, spec)
    is_of_states = stored.manifest.features == {"kind": STATE, **StateEncoder.of(spec.context.values()).to_json()}
    if isinstance(policy, BoxPolicy) and is_of_states:
        return policy.network
    if isinstance(policy, ScoredPolicy) and is_of_states:
        return cast("EpisodePolicy", getattr(policy.reward_model, "network", policy.reward_model))
    raise BadModel(
        f"model {short(model)} was made for other states or labels than loop '{spec.loop}' has today; expected one of its "
        f"spec of today. Train again: `policyloop train {spec.loop}`."
    )


def _estimated(model: str, policy: EpisodePolicy, held_out: Transitions, spec: LoopSpec) -> EpisodeEstimates:
    told, report = held_against_history(
        _NO_CHOICE,
        policy,
        held_out,
        actions=spec.actions,
        floor=spec.explore.floor,
        exploring=Exploring.of(spec),
    )
    return EpisodeEstimates(
        model=model, n_episodes=held_out.n_episodes, sentences=told.sentences, numbers=told.numbers, report=report
    )
