"""A loop file to start from: every key on a line of its own, each with what it means; reads back to the same spec.

Question answered: what may stand in a loop file, and what does it mean, without opening the docs?
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from policyloop.core.loop import LoopSpec
from policyloop.core.spec_context import FIELD_TYPES
from policyloop.core.spec_file import KEYS, to_mapping
from policyloop.core.spec_gate import gate_mapping
from policyloop.core.spec_reward import TAKES
from policyloop.core.yaml_text import read_yaml

EXAMPLE: Mapping[str, Any] = {
    "context": {
        "hour": {"type": "integer", "min": 0, "max": 23},
        "device": {"type": "category", "values": ["phone", "desktop"]},
    },
    "actions": {"kind": "discrete", "labels": ["calm", "bold", "playful"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1]},
}
EXAMPLE_OF_CANDIDATES: Mapping[str, Any] = {
    **EXAMPLE,
    "actions": {
        "kind": "candidates",
        "features": {
            "topic": {"type": "category"},
            "age_hours": {"type": "number", "min": 0},
            "is_paid": {"type": "boolean", "default": False},
        },
        "max": 50,
    },
}
COMMENTS: Mapping[str, str] = {
    "loop": "its name: lower-case letters, digits and -",
    "context": "what is known before acting; the order counts. Options of a field:",
    "actions": "what may be chosen",
    "actions.kind": "discrete: one of several labels; candidates: one of those that come with each request; continuous; tuple",
    "actions.labels": "in order; a decision may mask or exclude some",
    "actions.box": "numbers, in order, each with its bounds",
    "actions.parts": "lists of labels, and numbers with their bounds",
    "actions.features": "what is known of each candidate: fields as above, or any JSON",
    "actions.ids": "candidates that are known ahead, and learn weights of their own",
    "actions.max": "at most so many in one request",
    "outcomes": "what is seen later, by name. Options of an outcome:",
    "reward": "how outcomes become the number that the loop learns to raise",
    "reward.expression": "arithmetic over outcomes: + - * / **, min, max, clip, abs, sqrt, log1p, exp, where",
    "reward.range": "[low, high]; what the expression gives outside of it is clipped and counted",
    "reward.window": "how long a decision waits: what happens later does not count",
    "reward.close": "window: ready at its end; final: at an outcome that says `final: true`",
    "reward.default": "the reward of a decision without any outcome",
    "baseline": "decides until a model is live and when one breaks: a label, first or uniform",
    "learner": "what learns the rewards; its own settings go beside the name",
    "learner.name": "linear (ridge regression per action), boosted, vw or automatic",
    "explore": "how sure a choice is; the explorer's own settings go beside the name",
    "explore.name": "squarecb, epsilon_greedy, softmax, greedy, thompson, bootstrap, linucb or vw",
    "explore.floor": "probability mass that all allowed actions share evenly, whatever the model says",
    "limits": "of numbers in an action, for safety: {force: {min: -0.9, max: 0.9, max_change: 0.2}}",
    "episodes": "for decisions that change what comes next; none: each is alone",
    "episodes.id": "the column of a history that names the episode",
    "episodes.step": "the column of a history that counts its steps",
    "episodes.discount": "what a reward one step later is worth, 0 to 1",
    "episodes.max_steps": "an episode of so many steps is cut off, whoever says so",
    "train": "when a new model is made, and from what",
    "train.every": "so many new examples, so long, or whichever comes first; none: when asked",
    "train.cron": 'instead of every: five fields in UTC, such as "0 3 * * *"',
    "train.window": "older examples are left out; none: never",
    "train.half_life": "an example's weight halves in so long; none: never",
    "train.max_runtime": "a training that takes longer is stopped",
    "train.retries": "how often a failed training is tried again",
    "train.split": "share of the decisions learned from; the rest is for evaluation alone",
    "gate": "what a new model must pass before it decides",
    "gate.refresh": "rule for newer models of the same recipe: no-harm or point",
    "gate.challenge": "rule for another recipe, which has to be proven: proven-better, normal or point",
    "gate.canary": "share of the decisions in which a challenger has to prove itself",
    "gate.ramp": "its share after that, before it decides alone",
    "gate.hold_out": "share of the decisions that the baseline keeps for good",
    "gate.sticky": "true: a subject stays on one side for the length of a state",
    "gate.approval": "automatic; manual: a proven challenger waits for `policyloop gate approve`",
    "gate.guards": "numbers that must not get worse, such as {spent: {margin: 1, range: [0, 100]}}",
    "gate.slices": "fields of few values; harm in any of them blocks a challenge",
    "on_log_failure": "refuse: answer 503; serve-baseline: decide without logging, and say so",
    "subject": "the field that names the person: kept as a keyed hash, never learned from",
    "aliases": "other names that callers may use for this loop",
    "public_models": "true: anybody may download the models, without a key and from any web page",
}
COMMENTS_OF_EPISODES: Mapping[str, str] = {  # instead of the ones above, in a loop with episodes
    "baseline": "decides until a model is live and when one breaks: a label, uniform, or of numbers middle or {force: 0}",
    "learner": "what learns from whole episodes; its own settings, updates and checkpoint_every go beside the name",
    "learner.name": "numbers: rebrac, td3_bc, cql, iql, bc, fqi; labels: cql_discrete, dqn, fqi; both: iql, bc; any: outside",
    "explore.name": "numbers: greedy, gaussian or own; labels: squarecb, epsilon_greedy, softmax or greedy",
    "explore.floor": "probability mass that is spread evenly over all that is allowed, whatever the model says",
    "reward.expression": "arithmetic over outcomes, context, action, and next.x, what x became: + * min, max, abs, where, <",
    "train.every": "so many new episodes, so long, or whichever comes first; none: when asked",
    "train.split": "share of the episodes learned from; the rest is for evaluation alone",
}
FIELD_OPTIONS: Mapping[str, str] = {
    "type": ", ".join(FIELD_TYPES),
    "min, max": "number, integer: bounds, inclusive; values outside are refused",
    "values": "category: the known values; without them, any text",
    "items, max_items": "array: what it holds (number or category), and how many at most",
    "shape, dtype": "tensor: its dimensions, such as [20, 16], and float32 or uint8",
    "max_fields": "json: at most so many values in it, however nested (500)",
    "optional": "true: may be missing, and missing is a value of its own",
    "default": "filled in where the caller leaves the field out",
    "learn": "false: it is logged, but no model learns from it",
    "store": "yes, hash (texts are stored hashed) or never (kept out of log and tables)",
}
OUTCOME_OPTIONS: Mapping[str, str] = {
    "type": "number or boolean (counts as 0 or 1)",
    "min, max": "number: bounds, inclusive; values outside are refused",
    "take": f"how several reports become one: {', '.join(TAKES)}",
    "missing": "its value when other outcomes came and this one did not",
}
_ABSENT: Mapping[str, Any] = {"limits": {}, "episodes": None}  # what the canonical form leaves out
_COMMENT_COLUMN = 44
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_ /.-]*[A-Za-z0-9_]|[A-Za-z]")


def template_of(spec: LoopSpec, *, about: Sequence[str] = ()) -> str:
    """The loop file of a spec, with every key and what it means.

    Args:
        about: sentences on where it comes from, for the head of the file.
    """
    document = to_mapping(spec)
    document["train"] = {"every": document["train"].pop("every", "none"), "cron": None, **document["train"]}
    gate = gate_mapping(spec.gate, is_whole=True)
    document["gate"] = {**gate, "refresh": _short(gate["refresh"]), "challenge": _short(gate["challenge"])}
    document["public_models"] = spec.public_models
    document = {key: document.get(key, _ABSENT.get(key)) for key in KEYS}
    comments = COMMENTS if spec.episodes is None else {**COMMENTS, **COMMENTS_OF_EPISODES}
    lines = [f"# The loop {spec.loop}. Check and apply it: policyloop apply THIS-FILE", *(f"# {told}" for told in about), ""]
    for key, value in document.items():
        lines += _section(key, value, comments)
    return "\n".join(lines) + "\n"


def _section(key: str, value: Any, comments: Mapping[str, str]) -> list[str]:
    """One key of the file and what is below it."""
    if not isinstance(value, dict):
        return [_line(f"{key}: {yaml_value(value)}", comments[key]), *([""] if key == "loop" else [])]
    if not value and key == "limits":
        return [_line(f"{key}: {{}}", comments[key])]
    if key in ("context", "outcomes"):
        return [*_named(key, value, comments), ""]
    below = [line for name, entry in value.items() for line in _entry(key, name, entry, comments)]
    return [_line(f"{key}:", comments[key]), *below, ""]


def _entry(key: str, name: str, value: Any, comments: Mapping[str, str]) -> list[str]:
    """One key below another; features of candidates and parts of an action take a line each."""
    comment = comments.get(f"{key}.{name}", "")
    if not (key == "actions" and isinstance(value, dict)):
        return [_line(f"  {name}: {yaml_value(value)}", comment)]
    whole = {part: _unusual(options) if isinstance(options, dict) else options for part, options in value.items()}
    return [_line(f"  {name}:", comment), *(f"    {yaml_value(part)}: {yaml_value(entry)}" for part, entry in whole.items())]


def _named(key: str, value: Mapping[str, Any], comments: Mapping[str, str]) -> list[str]:
    """Fields or outcomes, one a line, below the list of their options."""
    options = FIELD_OPTIONS if key == "context" else OUTCOME_OPTIONS
    legend = [f"  #   {name + ':':<18}{about}" for name, about in options.items()]
    entries = [f"  {yaml_value(name)}: {yaml_value(_unusual(entry))}" for name, entry in value.items()]
    return [_line(f"{key}:" if entries else f"{key}: {{}}", comments[key]), *legend, *entries]


def _unusual(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a field or outcome that are not as they usually are."""
    usual = {"optional": False, "store": "yes", "missing": 0.0}
    return {name: value for name, value in options.items() if name not in usual or usual[name] != value}


def _short(plugin: Mapping[str, Any]) -> Any:
    """A plug-in without settings as its name alone."""
    return plugin["name"] if list(plugin) == ["name"] else plugin


def _line(text: str, comment: str) -> str:
    """Text and comment, the comments below one another."""
    return f"{text:<{_COMMENT_COLUMN}}  # {comment}" if comment else text


def yaml_value(value: Any) -> str:
    """A value in YAML's flow style; texts are quoted where YAML would read something else."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{yaml_value(key)}: {yaml_value(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(yaml_value(entry) for entry in value) + "]"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) is not None and "  " not in value and read_yaml(value) == value
        is_duration = re.fullmatch(r"[0-9]+[a-z]+|[0-9]+ (?:examples|episodes)( or [0-9]+[a-z]+)?", value) is not None
        return value if is_plain or is_duration else json.dumps(value)
    return "none" if value is None else json.dumps(value)
