"""Applying a loop file: the spec is made to hold in its loop.

Question answered: what does `policyloop apply` do beyond writing a row? It builds the plug-ins once, so that a setting
out of range is told now and not by the first training. Where outcomes or reward changed, the next join makes examples again.
"""

from __future__ import annotations

from policyloop.core.errors import BadSetting, Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.gate.rule import challenge_rule_of, rule_of
from policyloop.learn.offline import check_learner
from policyloop.learn.train import new_learner, new_shared_learner
from policyloop.policy import boxed
from policyloop.policy.scored import explorer_of
from policyloop.registry.registry import Applied
from policyloop.run.deployment import Deployment


def apply_spec(deployment: Deployment, spec: LoopSpec) -> Applied:
    """Make a spec hold.

    Raises:
        Invalid: a setting of a plug-in does not fit, or a name is taken.
        SpecRefused: a model is live and the change is not compatible; nothing was changed.
    """
    check_plugins(spec)
    return deployment.registry.apply(spec)


def check_plugins(spec: LoopSpec) -> None:
    """Build learner, explorer and the gate's rules once, from their settings.

    Raises:
        Invalid: a setting is out of range or of the wrong type.
        MissingLibrary: a plug-in needs a library that is not installed.
    """
    faults: list[Fault] = []
    try:
        _build_learner(spec)
    except (BadSetting, TypeError, ValueError) as error:
        faults.extend(error.faults if isinstance(error, Invalid) else [Fault("$.learner", str(error), "bad_setting")])
    try:
        _build_explorer(spec)
    except (BadSetting, TypeError, ValueError) as error:
        faults.append(Fault("$.explore", str(error), "bad_setting"))
    for key, rule, made in (("refresh", spec.gate.refresh, rule_of), ("challenge", spec.gate.challenge, challenge_rule_of)):
        try:
            made(rule)
        except (BadSetting, TypeError, ValueError) as error:
            faults.append(Fault(f"$.gate.{key}", str(error), "bad_setting"))
    if faults:
        raise Invalid(faults, subject=f"the spec of loop '{spec.loop}'")


def _build_learner(spec: LoopSpec) -> None:
    if spec.episodes is not None:
        check_learner(spec)
    elif spec.is_candidates:
        new_shared_learner(spec, n_features=1, n_action_features=1, seed=0)
    else:
        new_learner(spec, n_features=1, seed=0)


def _build_explorer(spec: LoopSpec) -> None:
    settings = dict(spec.explore.settings)
    if spec.has_box:
        boxed.explorer_of(spec.explore.name, settings)
    else:
        explorer_of(spec.explore.name, settings, n_examples=0, reward_span=spec.reward.high - spec.reward.low)
