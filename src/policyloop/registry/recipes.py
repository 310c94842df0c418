"""Recipes: what a challenge changes in a loop's spec, read from a file and put into the spec that holds.

Question answered: which spec would this loop have if the recipe took over, and may it be tried beside the present one?
A recipe file has the keys that make models: `learner`, `explore`, `reward` and `context`. What all callers rely on stays:
fields, actions, outcomes, window. `context` only says which of the fields are learned from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from policyloop.core.errors import ChallengeRefused, Fault, Invalid, unknown
from policyloop.core.loop import LoopSpec
from policyloop.core.section import show
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.core.yaml_text import read_yaml

RECIPE_KEYS = ("learner", "explore", "reward", "context")
_REWARD_KEYS = ("expression", "range", "default")


def read_recipe(source: str | Mapping[str, Any], spec: LoopSpec) -> LoopSpec:
    """The spec that the loop would have.

    Args:
        source: the YAML text of a recipe or of a whole loop file, or the mapping that it holds.
        spec: the loop's spec of today.

    Raises:
        Invalid: the recipe is none; every fault is listed.
        ChallengeRefused: it is the recipe that the loop has already, or changes what callers rely on.
    """
    document = read_yaml(source, subject="the recipe") if isinstance(source, str) else source
    if not isinstance(document, Mapping):
        raise Invalid([Fault("$", f"is {show(document)}; expected keys such as `learner: boosted`.")], subject="the recipe")
    body = _recipe_of(document, spec)
    changed = read_spec({**to_mapping(spec), **body})
    _check(changed, spec)
    return changed


def with_recipe(spec: LoopSpec, recipe: LoopSpec) -> LoopSpec:
    """A spec with the recipe of another: what has changed in the loop since the recipe was read stays changed."""
    learned = {name: field.learn for name, field in recipe.context.items()}
    context = {name: replace(field, learn=learned.get(name, field.learn)) for name, field in spec.context.items()}
    explore = replace(recipe.explore, floor=spec.explore.floor)
    mixed = replace(spec, context=context, learner=recipe.learner, explore=explore, reward=recipe.reward)
    return read_spec(to_mapping(mixed))


def _recipe_of(document: Mapping[str, Any], spec: LoopSpec) -> dict[str, Any]:
    """The keys that a recipe changes, whole; a loop file's other keys must say what the spec says."""
    if "loop" in document:
        return _recipe_of_loop_file(document, spec)
    faults = [
        Fault(f"$.{key}", unknown("key of a recipe", str(key), RECIPE_KEYS), "unknown_key")
        for key in document
        if key not in RECIPE_KEYS
    ]
    if faults:
        raise Invalid(faults, subject="the recipe")
    whole = to_mapping(spec)
    body: dict[str, Any] = {key: document[key] for key in ("learner",) if key in document}
    if "explore" in document:
        body["explore"] = _explore(document["explore"], spec)
    if "reward" in document:
        body["reward"] = {**whole["reward"], **_reward(document["reward"])}
    if "context" in document:
        body["context"] = _context(document["context"], whole["context"])
    return body


def _recipe_of_loop_file(document: Mapping[str, Any], spec: LoopSpec) -> dict[str, Any]:
    """The recipe in a whole loop file, which must be this loop's."""
    read = to_mapping(read_spec(document))
    if read["loop"] != spec.loop:
        raise ChallengeRefused(f"the file is of loop '{read['loop']}'; expected one of loop '{spec.loop}', or a recipe alone.")
    now = to_mapping(spec)
    differing = [key for key in now if key not in RECIPE_KEYS and read.get(key) != now[key]]
    if differing:
        raise ChallengeRefused(
            f"the file differs from loop '{spec.loop}' in {', '.join(differing)}, which is no part of a recipe; expected "
            f"{', '.join(RECIPE_KEYS)} alone to differ. Apply the rest to the loop first: `policyloop apply`."
        )
    return {key: read[key] for key in RECIPE_KEYS}


def _explore(value: Any, spec: LoopSpec) -> Any:
    """The explorer; the floor is the loop's where the recipe names none."""
    named = {"name": value} if isinstance(value, str) else value
    return {"floor": spec.explore.floor, **named} if isinstance(named, Mapping) else named


def _reward(value: Any) -> dict[str, Any]:
    """The reward's keys that may differ: examples of both recipes come from the same outcomes in the same window."""
    if isinstance(value, str):
        return {"expression": value}
    if not isinstance(value, Mapping):
        raise Invalid([Fault("$.reward", f"is {show(value)}; expected `{{expression: ...}}`.")], subject="the recipe")
    faults = [
        Fault(f"$.reward.{key}", f"cannot differ in a challenge; expected one of {', '.join(_REWARD_KEYS)}.")
        for key in value
        if key not in _REWARD_KEYS
    ]
    if faults:
        raise Invalid(faults, subject="the recipe")
    return dict(value)


def _context(value: Any, fields: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The fields, of which only those named are learned from: a list, or a mapping with `learn` for each."""
    if isinstance(value, Mapping):
        learned = {name for name, body in value.items() if not isinstance(body, Mapping) or body.get("learn", True)}
    elif isinstance(value, list):
        learned = set(map(str, value))
    else:
        raise Invalid([Fault("$.context", f"is {show(value)}; expected a list of fields.")], subject="the recipe")
    faults = [Fault("$.context", unknown("field", name, fields), "unknown_name") for name in learned if name not in fields]
    if faults:
        raise Invalid(faults, subject="the recipe")
    return {name: {**body, "learn": name in learned} for name, body in fields.items()}


def _check(changed: LoopSpec, spec: LoopSpec) -> None:
    """Refuse what is no other recipe, and what callers would notice."""
    if changed.explore.floor != spec.explore.floor:
        raise ChallengeRefused(
            f"the recipe has explore.floor {changed.explore.floor:g}, the loop {spec.explore.floor:g}; the floor is no part of "
            f"a recipe. Leave it out, and change the loop's own with `policyloop apply`: that takes effect at once."
        )
    if changed.recipe == spec.recipe:
        raise ChallengeRefused(
            f"the recipe is the one that loop '{spec.loop}' has already; newer models of it are trained and guarded by "
            f"themselves. Change learner, explore, reward or context."
        )
    alike = replace(changed, learner=spec.learner, explore=spec.explore, reward=spec.reward, digest="", recipe="")
    was_learned = {name: field.learn for name, field in spec.context.items()}
    fields = {name: replace(field, learn=was_learned.get(name, True)) for name, field in changed.context.items()}
    same = replace(spec, digest="", recipe="")
    if replace(alike, context=fields) != same or list(changed.context) != list(spec.context):
        raise ChallengeRefused(
            f"the file changes more than the recipe of loop '{spec.loop}': fields, actions, outcomes and everything beside "
            f"{', '.join(RECIPE_KEYS)} must stay as they are. Apply such changes to the loop first: `policyloop apply`."
        )
    if (changed.reward.window_s, changed.reward.close) != (spec.reward.window_s, spec.reward.close):
        raise ChallengeRefused(
            f"the recipe waits for rewards in another way than loop '{spec.loop}' (window or close); both recipes learn from "
            f"the same examples, so expected those of the loop."
        )
