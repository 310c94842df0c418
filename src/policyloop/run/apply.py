"""Applying a loop file: the spec is made to hold in its loop, and what follows from the change is set going.

Question answered: what does `policyloop apply` do beyond writing a row? It builds the plug-ins once, so that a setting
out of range is told now and not by the first training, and has examples made again where the reward changed.
"""

from __future__ import annotations

from policyloop.core.errors import BadSetting, Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.lake import dirty
from policyloop.learn.train import new_learner
from policyloop.policy.scored import explorer_of
from policyloop.registry.changes import Entails
from policyloop.registry.registry import Applied
from policyloop.run.deployment import Deployment


def apply_spec(deployment: Deployment, spec: LoopSpec) -> Applied:
    """Make a spec hold. Where reward, window or aggregation changed, every hour of examples is to be joined again.

    Raises:
        Invalid: a setting of a plug-in does not fit, or a name is taken.
        SpecRefused: a model is live and the change is not compatible; nothing was changed.
    """
    check_plugins(spec)
    applied = deployment.registry.apply(spec)
    if any(change.entails == Entails.EXAMPLES_AGAIN for change in applied.changes):
        dirty.mark_loop(deployment.lake, deployment.records, spec.loop)
    return applied


def check_plugins(spec: LoopSpec) -> None:
    """Build learner and explorer once, from their settings.

    Raises:
        Invalid: a setting is out of range or of the wrong type.
        MissingLibrary: a plug-in needs a library that is not installed.
    """
    faults = []
    span = spec.reward.high - spec.reward.low
    try:
        new_learner(spec, n_features=1, seed=0)
    except (BadSetting, TypeError, ValueError) as error:
        faults.append(Fault("$.learner", str(error), "bad_setting"))
    try:
        explorer_of(spec.explore.name, dict(spec.explore.settings), n_examples=0, reward_span=span)
    except (BadSetting, TypeError, ValueError) as error:
        faults.append(Fault("$.explore", str(error), "bad_setting"))
    if faults:
        raise Invalid(faults, subject=f"the spec of loop '{spec.loop}'")
