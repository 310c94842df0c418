"""The section `actions:` of a loop file: what may be done. Labels, candidates of the caller, numbers, or labels and numbers.

Labels, ids and names of features are the user's; kinds are ours, so a wrong one is answered with the known ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policyloop.core.candidates import MAX_CANDIDATES
from policyloop.core.errors import Fault
from policyloop.core.loop import ActionSpec, Field
from policyloop.core.section import Section, show
from policyloop.core.spec_box import box_mapping, read_box_actions
from policyloop.core.spec_context import read_context, read_names

ACTION_KINDS = ("discrete", "candidates", "continuous", "tuple")
LATER_ACTION_KINDS = ("slots",)
RESERVED_LABELS = ("first", "uniform")  # words of `baseline:`
MAX_LABELS = 1000
FEATURES = "features"  # the one field of candidates whose features are not declared
ANY_FEATURES = "any"

_EXPECTED = "`{kind: discrete, labels: [...]}`, `{kind: candidates, features: {...}}` or `{kind: continuous, box: {...}}`"


def read_actions(value: Any, where: str, faults: list[Fault]) -> ActionSpec | None:
    """What may be chosen; None when it cannot be told."""
    section = Section(value, where, faults, expected=_EXPECTED)
    kind = section.take("kind", "discrete")
    if kind == "candidates":
        return _read_candidates(section)
    if kind in ("continuous", "tuple"):
        return read_box_actions(section, kind)
    if kind in LATER_ACTION_KINDS:
        section.fault("kind", f"is '{kind}', which comes later; what works today is {', '.join(ACTION_KINDS)}.", "later")
        return None
    if kind != "discrete":
        known, coming = ", ".join(ACTION_KINDS), ", ".join(LATER_ACTION_KINDS)
        section.fault("kind", f"is {show(kind)}; expected one of {known} (coming: {coming}).")
    labels = read_names(section, "labels", MAX_LABELS, [])
    section.finish("key of actions")
    if isinstance(value, Mapping | None) and "labels" not in section.body:
        section.fault("labels", "is missing; expected the actions, such as [calm, bold, playful].", "missing")
        return None
    _refuse_reserved(section, "labels", labels)
    return ActionSpec(kind="discrete", labels=labels) if labels and kind == "discrete" else None


def to_mapping(actions: ActionSpec, features: Mapping[str, Any]) -> dict[str, Any]:
    """The section with nothing left out; `features` are the declared ones as mappings."""
    if actions.kind == "discrete":
        return {"kind": "discrete", "labels": list(actions.labels)}
    if actions.box:
        return box_mapping(actions)
    declared: Any = ANY_FEATURES if has_any_features(actions) else dict(features)
    return {"kind": "candidates", "features": declared, "ids": list(actions.ids), "max": actions.max}


def has_any_features(actions: ActionSpec) -> bool:
    """Whether the features of candidates are not declared, so that any JSON object may come."""
    return list(actions.features) == [FEATURES] and actions.features[FEATURES].type == "json"


def _read_candidates(section: Section) -> ActionSpec | None:
    """Features, known ids and the largest number of them."""
    declared = section.take("features", ANY_FEATURES)
    n_faults = len(section.faults)
    features = (
        {FEATURES: Field(name=FEATURES, type="json", optional=True)}
        if declared in (ANY_FEATURES, None)
        else read_context(declared, f"{section.where}.features", section.faults)
    )
    _refuse_unstored(section, features)
    ids = () if section.body.get("ids") == [] else read_names(section, "ids", MAX_LABELS, ())
    section.take("ids", None)
    _refuse_reserved(section, "ids", ids)
    largest = section.whole("max", MAX_CANDIDATES, low=1, high=MAX_CANDIDATES)
    section.finish("key of actions")
    if len(section.faults) > n_faults:
        return None
    return ActionSpec(kind="candidates", features=features, ids=ids or (), max=largest)


def _refuse_unstored(section: Section, features: Mapping[str, Field]) -> None:
    """A set of candidates is stored as it was offered, so that it can be named by its content."""
    for field in features.values():
        if field.store != "yes":
            section.fault(
                f"features.{field.name}.store",
                f"is {field.store}; expected yes: candidates are stored as they are offered. Leave the feature out.",
            )


def _refuse_reserved(section: Section, key: str, names: tuple[str, ...] | None) -> None:
    for name in names or ():
        if name in RESERVED_LABELS:
            section.fault(key, f"has '{name}', a word that baseline uses; expected another name for that action.")
