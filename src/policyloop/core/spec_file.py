"""A loop file: the YAML that a user writes, read into a `LoopSpec` with every default filled in and every fault told.

Question answered: is this a loop, what exactly does it say, and what is its content address?
The canonical form is the same mapping with nothing left out, in a fixed order, as JSON. The order of fields, labels
and outcomes is the user's and counts: it is the order of the feature vector.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from policyloop.core.duration import show_duration
from policyloop.core.errors import Fault, Invalid, unknown
from policyloop.core.loop import Field, LoopSpec, OutcomeSpec, PluginSpec, TrainSpec
from policyloop.core.model import digest
from policyloop.core.section import Section, show
from policyloop.core.spec_actions import RESERVED_LABELS, read_actions
from policyloop.core.spec_actions import to_mapping as actions_mapping
from policyloop.core.spec_box import limits_mapping, read_box_baseline, read_limits
from policyloop.core.spec_context import read_context
from policyloop.core.spec_episodes import episodes_mapping, read_episodes, reward_names
from policyloop.core.spec_gate import gate_mapping, read_gate
from policyloop.core.spec_learning import (
    EPISODES_LEARNER,
    LEARNERS,
    OF_A_RUN,
    merged,
    read_explore,
    read_plugin,
    read_train,
)
from policyloop.core.spec_reward import read_outcomes, read_reward
from policyloop.core.yaml_text import read_yaml

KEYS = (
    "loop",
    "context",
    "actions",
    "outcomes",
    "reward",
    "baseline",
    "learner",
    "explore",
    "limits",
    "episodes",
    "train",
    "gate",
    "on_log_failure",
    "subject",
    "aliases",
    "public_models",
)
DEFAULTS_MAY_HOLD = ("reward", "baseline", "learner", "explore", "train", "gate", "on_log_failure")
_RECIPE_KEYS = ("context", "actions", "outcomes", "reward", "learner", "explore", "episodes")
_LOOP_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MAX_ALIASES = 20


def read_spec(source: str | Mapping[str, Any], *, defaults: Mapping[str, Any] | None = None) -> LoopSpec:
    """The spec that a YAML text, or the mapping that it holds, describes.

    Args:
        source: the text or the mapping.
        defaults: what the project file says under `defaults:`; the loop's own keys go over it.

    Raises:
        Invalid: all faults at once, each with its place.
    """
    return _read(source, defaults or {}, is_checked=True)


def read_spec_file(path: Path, *, defaults: Mapping[str, Any] | None = None) -> LoopSpec:
    """The spec in a file.

    Raises:
        Invalid: as `read_spec`, or the file cannot be read as text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise Invalid([Fault(str(path), f"cannot be read: {reason}; expected a loop's YAML file.", "unreadable")]) from None
    return read_spec(text, defaults=defaults)


def is_loop_file(path: Path) -> bool:
    """Whether a YAML file has a top-level `loop:` key; a file that is no YAML has none."""
    try:
        return re.search(r"^loop\s*:", path.read_text(encoding="utf-8"), re.MULTILINE) is not None
    except (OSError, UnicodeDecodeError):
        return False


def to_json(spec: LoopSpec) -> str:
    """The canonical form: equal specs have equal texts."""
    return msgspec.json.encode(to_mapping(spec)).decode()


def from_json(text: str) -> LoopSpec:
    """The spec of a canonical form. Plug-ins are not looked up: what was applied stays readable without them.

    Raises:
        Invalid: the text is no canonical form.
    """
    return _read(msgspec.json.decode(text), {}, is_checked=False)


def to_mapping(spec: LoopSpec) -> dict[str, Any]:
    """The spec as a loop file holds it, in the order of `KEYS`; nothing is left out but `public_models: false`."""
    reward, train = spec.reward, spec.train
    return {
        "loop": spec.loop,
        "context": {field.name: _field_mapping(field) for field in spec.context.values()},
        "actions": actions_mapping(
            spec.actions, {field.name: _field_mapping(field) for field in spec.actions.features.values()}
        ),
        "outcomes": {outcome.name: _outcome_mapping(outcome) for outcome in spec.outcomes.values()},
        "reward": {
            "expression": reward.expression.text,
            "range": [reward.low, reward.high],
            "window": show_duration(reward.window_s),
            "close": reward.close,
            "default": reward.default,
        },
        "baseline": dict(spec.baseline_values) or spec.baseline,
        "learner": _plugin_mapping(spec.learner),
        "explore": {"name": spec.explore.name, "floor": spec.explore.floor, **spec.explore.settings},
        "train": _train_mapping(train),
        "gate": gate_mapping(spec.gate),
        "on_log_failure": spec.on_log_failure,
        "subject": spec.subject,
        "aliases": list(spec.aliases),
        # Said only where they are there: specs from before the keys were there keep their digests.
        **({"limits": limits_mapping(spec.limits)} if spec.limits else {}),
        **({"episodes": episodes_mapping(spec.episodes)} if spec.episodes is not None else {}),
        # Said only when it is true: specs from before the key was there keep their digests.
        **({"public_models": True} if spec.public_models else {}),
    }


def recipe_mapping(spec: LoopSpec) -> dict[str, Any]:
    """The part of a spec that makes models; floor, baseline, train and gate are not in it."""
    whole = to_mapping(spec)
    recipe = {key: whole[key] for key in _RECIPE_KEYS if key in whole}
    recipe["explore"] = {key: value for key, value in whole["explore"].items() if key != "floor"}
    return recipe


def _field_mapping(field: Field) -> dict[str, Any]:
    given = {
        "type": field.type,
        "items": field.items,
        "min": field.min,
        "max": field.max,
        "values": None if field.values is None else list(field.values),
        "max_items": field.max_items,
        "max_fields": field.max_fields,
        "shape": None if field.shape is None else list(field.shape),
        "dtype": field.dtype,
        "default": field.default,
    }
    kept = {key: value for key, value in given.items() if value is not None}
    return {**kept, "optional": field.optional, "store": field.store, **({} if field.learn else {"learn": False})}


def _outcome_mapping(outcome: OutcomeSpec) -> dict[str, Any]:
    bounds = {"min": outcome.min, "max": outcome.max}
    kept = {key: value for key, value in bounds.items() if value is not None}
    return {"type": outcome.type, **kept, "take": outcome.take, "missing": outcome.missing}


def _plugin_mapping(plugin: PluginSpec) -> dict[str, Any]:
    return {"name": plugin.name, **plugin.settings}


def _train_mapping(train: TrainSpec) -> dict[str, Any]:
    examples = [] if train.every_examples is None else [f"{train.every_examples} examples"]
    examples += [] if train.every_episodes is None else [f"{train.every_episodes} episodes"]
    seconds = [] if train.every_s is None else [show_duration(train.every_s)]
    when = {"every": " or ".join([*examples, *seconds]) or "none"} if train.cron is None else {"cron": train.cron}
    return {
        **when,
        "window": _duration_or_none(train.window_s),
        "half_life": _duration_or_none(train.half_life_s),
        "max_runtime": show_duration(train.max_runtime_s),
        "retries": train.retries,
        "split": train.split,
    }


def _duration_or_none(seconds: float | None) -> str:
    return "none" if seconds is None else show_duration(seconds)


def _read(source: str | Mapping[str, Any], defaults: Mapping[str, Any], *, is_checked: bool) -> LoopSpec:
    """Read every section, then raise all faults or answer the spec."""
    faults: list[Fault] = []
    document = read_yaml(source, subject="the loop file") if isinstance(source, str) else source
    _check_defaults(defaults, faults)
    usual = {key: value for key, value in defaults.items() if key in DEFAULTS_MAY_HOLD}
    body = merged(usual, document) if isinstance(document, Mapping) else document
    section = Section(body, "$", faults, expected="the keys of a loop: loop, context, actions, outcomes, reward, ...")
    spec = _read_sections(section, faults, is_checked)
    section.finish("key of a loop")
    if faults or spec is None:
        raise Invalid([_where_it_stands(fault, usual, document) for fault in faults], subject="the loop file")
    return _addressed(spec)


def _check_defaults(defaults: Mapping[str, Any], faults: list[Fault]) -> None:
    """Only what can be the same for all loops may stand under `defaults:`."""
    for key in defaults:
        if key in KEYS and key not in DEFAULTS_MAY_HOLD:
            faults.append(Fault(f"$.defaults.{key}", "belongs in each loop's own file; expected it there."))
        elif key not in KEYS:
            faults.append(Fault(f"$.defaults.{key}", unknown("key of defaults", str(key), DEFAULTS_MAY_HOLD), "unknown_key"))


def _where_it_stands(fault: Fault, defaults: Mapping[str, Any], document: Any) -> Fault:
    """The fault, with its place under the project's `defaults:` where the loop file does not say so itself."""
    keys = fault.where.removeprefix("$.").split(".")
    is_default = _holds(defaults, keys) and not _holds(document, keys)
    return replace(fault, where=f"$.defaults.{'.'.join(keys)}") if is_default else fault


def _holds(document: Any, keys: Sequence[str]) -> bool:
    """Whether there is something at a place in a document."""
    if not keys:
        return True
    return isinstance(document, Mapping) and keys[0] in document and _holds(document[keys[0]], keys[1:])


def _read_sections(section: Section, faults: list[Fault], is_checked: bool) -> LoopSpec | None:
    """The spec without its digests; None when a part of it cannot be told."""
    name = _read_loop_name(section)
    context = read_context(section.take("context", {}), "$.context", faults)
    n_faults = len(faults)
    actions = read_actions(section.take("actions", expected="`{kind: discrete, labels: [...]}`"), "$.actions", faults)
    # None: what may be the baseline is unknown
    labels = (*actions.labels, *actions.ids) if actions and len(faults) == n_faults else None
    episodes = read_episodes(section.take("episodes", None), "$.episodes", faults)
    has_episodes = episodes is not None
    outcomes = read_outcomes(section.take("outcomes", None), "$.outcomes", faults, may_be_none=has_episodes)
    more = reward_names(context, actions) if has_episodes else None
    reward = read_reward(section.take("reward", {}), "$.reward", faults, outcomes, more=more)
    has_box, kind = actions is not None and bool(actions.box), actions.kind if actions is not None else "discrete"
    if actions is not None and has_box:
        baseline, values = read_box_baseline(section, actions)
    else:
        baseline, values = _read_baseline(section, labels), {}
    spec_parts = {
        "baseline": baseline,
        "baseline_values": values,
        "learner": _read_learner(section, faults, has_episodes=has_episodes, kind=kind, is_checked=is_checked),
        "explore": read_explore(section.take("explore", {}), "$.explore", faults, is_checked=is_checked, has_box=has_box),
        "train": read_train(section.take("train", {}), "$.train", faults, has_episodes=has_episodes),
        "gate": read_gate(
            section.take("gate", {}),
            "$.gate",
            faults,
            context=context,
            outcomes=outcomes,
            is_candidates=actions is not None and actions.kind == "candidates",
            is_checked=is_checked,
        ),
        "on_log_failure": section.choice(
            "on_log_failure", ("refuse", "serve-baseline"), "refuse", kind="answer to a log failure"
        ),
        "subject": _read_subject(section, context),
        "aliases": _read_aliases(section, name),
        "public_models": section.truth("public_models", False),
        "limits": read_limits(section.take("limits", {}), "$.limits", faults, actions),
        "episodes": episodes,
    }
    if has_box and not has_episodes:
        section.fault(
            "episodes", "is missing; expected it beside actions with numbers: `episodes: {}` takes every default.", "missing"
        )
    if has_episodes and actions is not None and actions.kind == "candidates":
        section.fault("episodes", "is there, but actions are candidates; expected labels or numbers, or no episodes.")
    if actions is None or reward is None:
        return None
    return LoopSpec(loop=name, context=context, actions=actions, outcomes=outcomes, reward=reward, **spec_parts)


def _read_learner(section: Section, faults: list[Fault], *, has_episodes: bool, kind: str, is_checked: bool) -> PluginSpec:
    """What makes models: of examples, or of transitions where there are episodes."""
    body = section.take("learner", {})
    if not has_episodes:
        return read_plugin(body, "$.learner", faults, family=LEARNERS, default="linear", is_checked=is_checked)
    return read_plugin(
        body,
        "$.learner",
        faults,
        family=LEARNERS,
        default=EPISODES_LEARNER.get(kind, EPISODES_LEARNER["discrete"]),
        is_checked=is_checked,
        maker="create_episodic",
        more=OF_A_RUN,
    )


def _read_loop_name(section: Section) -> str:
    expected = "1 to 63 lower-case letters, digits and -, such as front-page"
    name = section.take("loop", expected=expected)
    if name is None and "loop" not in section.body:
        return ""
    if isinstance(name, int) and not isinstance(name, bool):
        return _read_loop_name_text(section, str(name), expected)
    return _read_loop_name_text(section, name, expected)


def _read_loop_name_text(section: Section, name: Any, expected: str) -> str:
    if not isinstance(name, str) or not _LOOP_NAME.fullmatch(name):
        section.fault("loop", f"is {show(name)}; expected {expected}.")
    return str(name)


def _read_baseline(section: Section, labels: tuple[str, ...] | None) -> str:
    """A label, `first` or `uniform`."""
    value = section.take("baseline", "first")
    name = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if labels is None or name in labels or name in RESERVED_LABELS:
        return str(name)
    if isinstance(name, str):
        section.fault("baseline", unknown("label", name, [*labels, *RESERVED_LABELS]))
    else:
        section.fault("baseline", f"is {show(value)}; expected a label in quotes, first or uniform.")
    return "first"


def _read_subject(section: Section, context: Mapping[str, Field]) -> str | None:
    """The field that names the person."""
    value = section.take("subject", None)
    if value is None or (value == "none" and value not in context):
        return None
    if not isinstance(value, str) or value not in context:
        is_text = isinstance(value, str)
        section.fault("subject", unknown("field", value, context) if is_text else f"is {show(value)}; expected a field's name.")
        return None
    if context[value].type not in ("category", "text", "integer"):
        section.fault("subject", f"is '{value}', a field of type {context[value].type}; expected category, text or integer.")
    return value


def _read_aliases(section: Section, loop: str) -> tuple[str, ...]:
    """Other names of the loop, for callers with names of their own."""
    value = section.take("aliases", [])
    if not isinstance(value, list) or len(value) > _MAX_ALIASES:
        section.fault("aliases", f"is {show(value)}; expected a list of at most {_MAX_ALIASES} names.")
        return ()
    for i, alias in enumerate(value):
        if not isinstance(alias, str) or not 1 <= len(alias) <= 128 or not alias.isprintable():
            section.fault(f"aliases[{i}]", f"is {show(alias)}; expected a text of 1 to 128 printable characters.")
        elif alias == loop or alias in value[:i]:
            section.fault(f"aliases[{i}]", f"is '{alias}' a second time; expected each name once.")
    return tuple(str(alias) for alias in value)


def _addressed(spec: LoopSpec) -> LoopSpec:
    """The spec with its content addresses."""
    recipe = msgspec.json.encode(recipe_mapping(spec))
    return replace(spec, digest=digest(to_json(spec).encode()), recipe=digest(recipe))
