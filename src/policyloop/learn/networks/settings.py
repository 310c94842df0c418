"""Settings of learners of episodes: whether a number lies in its range, and whether a learner suits the actions.

Question answered: what is wrong with what a person wrote under `learner:`, all at once and before anything is learned?
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec

# name -> least, most, whether the least itself is allowed
_RANGES: dict[str, tuple[float, float, bool]] = {
    "learning_rate": (0.0, 0.1, False),
    "temperature_rate": (0.0, 0.1, True),
    "target_rate": (0.0, 1.0, False),
    "actor_weight": (0.0, 1e6, True),
    "critic_weight": (0.0, 1e6, True),
    "conservative_weight": (0.0, 1e6, True),
    "alpha": (0.0, 1e6, False),
    "expectile": (0.0, 0.999, False),
    "weight_temperature": (0.0, 1e3, True),
    "most_weight": (0.0, 1e6, False),
}


def check_numbers(numbers: Mapping[str, float]) -> None:
    """That every number lies in the range of its name.

    Raises:
        BadSetting: some do not; all of them are told.
    """
    faults = []
    for name, number in numbers.items():
        least, most, is_least_allowed = _RANGES[name]
        is_number = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        if not is_number or not (least <= number if is_least_allowed else least < number) or number > most:
            span = f"{least:g} to {most:g}" if is_least_allowed else f"a number above {least:g}, at most {most:g}"
            faults.append(f"learner.{name} is {number!r}; expected {span}.")
    if faults:
        raise BadSetting(" ".join(faults))


def check_box(name: str, actions: ActionSpec) -> None:
    """That actions are numbers alone.

    Raises:
        BadSetting: they are not; with the learners that would suit.
    """
    if actions.kind != "continuous":
        others = _OF_TUPLES if actions.kind == "tuple" else "cql_discrete or dqn"
        raise BadSetting(
            f"learner.name is {name}, which learns about numbers; the loop's actions are {_TOLD[actions.kind]}. "
            f"Expected {others}."
        )


def check_some_numbers(name: str, actions: ActionSpec) -> None:
    """That actions are numbers, with or without labels beside them.

    Raises:
        BadSetting: they are not; with the learners that would suit.
    """
    if actions.kind != "tuple":
        check_box(name, actions)


def check_labels(name: str, actions: ActionSpec) -> None:
    """That actions are labels alone.

    Raises:
        BadSetting: they are not; with the learners that would suit.
    """
    if actions.kind != "discrete":
        others = {"tuple": _OF_TUPLES, "candidates": "linear or boosted"}.get(actions.kind, "rebrac, cql, iql, td3_bc or bc")
        raise BadSetting(
            f"learner.name is {name}, which learns about labels; the loop's actions are {_TOLD[actions.kind]}. "
            f"Expected {others}."
        )


_OF_TUPLES = "iql or bc"
_TOLD = {
    "discrete": "labels",
    "candidates": "brought along by callers",
    "continuous": "numbers in a box",
    "tuple": "labels and numbers at once",
}
