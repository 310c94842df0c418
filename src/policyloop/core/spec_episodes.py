"""The section `episodes:` of a loop file, and the names that rewards of episodes may use.

Question answered: do decisions change what comes next, how far ahead is looked, and what may a reward be made of?
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from policyloop.core.errors import Fault
from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, EpisodeSpec, Field
from policyloop.core.section import NONE_WORDS, Section
from policyloop.core.spec_reward import is_outcome_name

NEXT = "next."
ACTION = "action"  # in an expression: the place of the label taken
_NUMBERS = ("number", "integer", "boolean")
_COLUMN = re.compile(r"[^\x00-\x1f]{1,128}")
_USUAL = EpisodeSpec()


def needs_next(expression: Expression) -> bool:
    """Whether a reward cannot be told without the next context."""
    return any(name.startswith(NEXT) for name in expression.names)


def read_episodes(value: Any, where: str, faults: list[Fault]) -> EpisodeSpec | None:
    """The section; None where decisions are alone. `episodes: {}` takes every default."""
    if value in NONE_WORDS:
        return None
    section = Section(value, where, faults, expected="`{id: episode_id, step: step, discount: 0.99, max_steps: 1000}`")
    episodes = EpisodeSpec(
        id=_read_column(section, "id", _USUAL.id),
        step=_read_column(section, "step", _USUAL.step),
        discount=section.number("discount", _USUAL.discount, low=0.0, high=1.0),
        max_steps=section.whole("max_steps", None, low=1, high=2**31),
    )
    section.finish("key of episodes")
    return episodes


def episodes_mapping(episodes: EpisodeSpec) -> dict[str, Any]:
    """The section as a loop file holds it."""
    most = {} if episodes.max_steps is None else {"max_steps": episodes.max_steps}
    return {"id": episodes.id, "step": episodes.step, "discount": episodes.discount, **most}


def reward_names(context: Mapping[str, Field], actions: ActionSpec | None) -> dict[str, tuple[float, float]]:
    """What an episode's reward may name beside outcomes, and between which bounds each lies.

    Fields that are numbers, `next.` before them for the context that came after, the numbers of an action, and of labels
    `action`, the place of the one taken. Names that cannot stand in an expression are left out.
    """
    fields = {f.name: range_of_field(f) for f in context.values() if f.type in _NUMBERS and is_outcome_name(f.name)}
    found = {**fields, **{NEXT + name: bounds for name, bounds in fields.items()}}
    if actions is not None and actions.kind == "discrete":
        found[ACTION] = (0.0, float(len(actions.labels) - 1))
    for part in actions.box if actions is not None else ():
        found[part.name] = (part.low, part.high)
    for choice in actions.choices if actions is not None else ():
        found[choice.name] = (0.0, float(len(choice.labels) - 1))
    return found


def range_of_field(field: Field) -> tuple[float, float]:
    """Between which bounds a field's number lies; a missing one is 0."""
    if field.type == "boolean":
        return 0.0, 1.0
    low, high = (-math.inf if field.min is None else field.min), (math.inf if field.max is None else field.max)
    return (min(low, 0.0), max(high, 0.0)) if field.optional else (low, high)


def _read_column(section: Section, key: str, default: str) -> str:
    """The name of a column in a history."""
    name = section.text(key, default, expected="the name of a column")
    if not _COLUMN.fullmatch(str(name)):
        section.fault(key, "is no name of a column; expected 1 to 128 printable characters.")
    return str(name)
