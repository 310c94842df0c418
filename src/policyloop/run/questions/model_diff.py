"""Two models side by side on logged decisions: what would be done differently if the one served instead of the other.

Question answered: which share of the decisions would change, from which action to which, and where most? Models are
asked as they would serve today: with today's actions and floor.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.core.errors import Fault, Invalid, NothingToDo, PolicyloopError, UnknownLoop
from policyloop.core.model import BASELINE
from policyloop.evaluate.differences import Differences, differences
from policyloop.registry.registry import POINTERS, Registry
from policyloop.run.deployment import Deployment
from policyloop.run.entrants import entrant_of
from policyloop.run.questions.logged import Questions, questions_of

AT_MOST = 50_000  # decisions that are asked; more say no more


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDiff:
    """What two policies would do with the same decisions."""

    loop: str
    before: str  # digest, or `baseline`
    after: str
    questions: Questions
    found: Differences


def diff(deployment: Deployment, before: str, after: str, *, loop: str | None, since: int) -> ModelDiff:
    """Compare two policies on what was logged.

    Args:
        before: a model's digest or the start of it, `champion`, `previous`, `anchor` or `baseline`.
        after: the same.
        loop: its name or an alias; None: the one loop that has both.
        since: microseconds; decisions made before are left out.

    Raises:
        UnknownLoop, UnknownModel: there is none of that name.
        Invalid: no loop is named, and not exactly one has both.
        NothingToDo: no decision was logged in that time.
    """
    registry = deployment.registry
    spec = registry.standing(loop or _loop_of(registry, (before, after))).spec
    models = [digest_named(registry, spec.loop, name) for name in (before, after)]
    entrants = [entrant_of(registry, spec, model) for model in models]
    questions = questions_of(deployment.lake, registry, spec, since=since, at_most=AT_MOST)
    if len(questions) == 0:
        raise NothingToDo(
            f"the tables have no decision of loop '{spec.loop}' in that time; expected some to compare on. Say a longer "
            f"--since, or `policyloop join {spec.loop}` to bring in what the log holds."
        )
    pmfs = [one.policy.probabilities_of_many(questions.contexts, questions.allowed, questions.candidates) for one in entrants]
    found = differences(pmfs[0], pmfs[1], name_of=questions.name_of)
    return ModelDiff(
        loop=spec.loop, before=models[0] or BASELINE, after=models[1] or BASELINE, questions=questions, found=found
    )


def digest_named(registry: Registry, loop: str, name: str) -> str | None:
    """The digest of a model; None for the baseline, which is `champion` too as long as no model is.

    Raises:
        UnknownModel: nothing goes by that name.
    """
    if name == BASELINE or (name == "champion" and registry.standing(loop).champion is None):
        return None
    return registry.find(loop, name).model


def _loop_of(registry: Registry, names: tuple[str, str]) -> str:
    """The one loop that is meant."""
    loops = sorted(registry.standings())
    if not loops:
        raise UnknownLoop("", loops)
    own = [name for name in names if name not in (BASELINE, *POINTERS)]
    meant = [loop for loop in loops if all(_has(registry, loop, name) for name in own)] if own else loops
    if len(meant) == 1:
        return meant[0]
    if len(loops) == 1:
        return loops[0]  # which says of the models what is wrong with them
    raise Invalid([Fault("--loop", f"is missing; expected one of {', '.join(loops)}, as the models alone do not say which.")])


def _has(registry: Registry, loop: str, name: str) -> bool:
    try:
        registry.find(loop, name)
    except PolicyloopError:
        return False
    return True
