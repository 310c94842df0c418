"""Too thin to learn from: what keeps a history of episodes from teaching anything, said before the training and not after it.

Question answered: is there enough of it, does anything in it vary, and is every number in it one? What must be mended is a
fault, with the rows; what is merely worth knowing is a note.
Letters: n transitions, e episodes, d numbers of a state, a numbers of an action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.episode import Transitions
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import ActionSpec

FEWEST_EPISODES = 20  # to learn from and choose by: with fewer, one lucky episode is the policy
FEWEST_HELD_OUT = 5  # episodes that nothing is learned from, to choose by
FEWEST_OF_LINE = 5  # to learn from at all; enough for a line, whose versions are tried by playing them
FEWEST_STEPS = 100
_SHOWN_ROWS = 5
_NEARLY = 1e-6  # of the box's width: so far outside is rounding


@dataclass(frozen=True, slots=True)
class Found:
    """What is wrong, and what is worth knowing."""

    faults: tuple[Fault, ...]
    notes: tuple[str, ...]


def check_history(
    train: Transitions, *, actions: ActionSpec, loop: str, names: Sequence[str] = (), fewest: int = FEWEST_OF_LINE
) -> tuple[str, ...]:
    """What is worth knowing of the episodes that are to be learned from.

    Args:
        train: below the split.
        actions: what could be done.
        loop: its name, for messages.
        names: of the numbers of a state, (d,); none where states are images.
        fewest: episodes that are asked for in the end, which the message names.

    Raises:
        Invalid: nothing can be learned from it; all reasons, with counts or rows.
    """
    found = look_at(train, actions=actions, names=names, fewest=fewest)
    if found.faults:
        raise Invalid(found.faults, subject=f"the history of loop '{loop}'")
    return found.notes


def look_at(train: Transitions, *, actions: ActionSpec, names: Sequence[str] = (), fewest: int = FEWEST_OF_LINE) -> Found:
    """All of it, without refusing; arguments are as in `check_history`."""
    few = _too_few(train, fewest)
    if len(train) == 0:
        return Found(tuple(few), ())
    faults = [*few, *_no_numbers(train), *_outside(train, actions), *_nothing_varies(train)]
    return Found(tuple(faults), (*_constant(train, names), *_constant_parts(train, actions), *_unknown(train)))


def _too_few(train: Transitions, fewest: int) -> list[Fault]:
    e, n = train.n_episodes, len(train)
    told = []
    if e < FEWEST_OF_LINE:
        told.append(Fault("episodes", f"are {e} below the split; expected at least {fewest}. Bring more.", "too_thin"))
    if n < FEWEST_STEPS:
        told.append(Fault("steps", f"are {n} below the split; expected at least {FEWEST_STEPS}. Bring more.", "too_thin"))
    return told


def _no_numbers(train: Transitions) -> list[Fault]:
    """Values that are not finite, by the rows that hold them."""
    told = []
    for name in ("state", "action_value", "reward", "next_state"):
        column = getattr(train, name)
        is_bad = ~np.isfinite(column.reshape(len(column), -1)).all(axis=1) if column.dtype.kind == "f" else np.zeros(1, bool)
        if is_bad.any():
            told.append(Fault(name, f"is not a finite number in {_rows(train, is_bad)}. Mend or leave out those steps.", "nan"))
    return told


def _outside(train: Transitions, actions: ActionSpec) -> list[Fault]:
    """Actions outside the box, and places of labels that are not there."""
    told = []
    for i, part in enumerate(actions.box[: train.action_value.shape[1]]):
        slack = _NEARLY * (part.high - part.low)
        values = train.action_value[:, i]
        is_bad = (values < part.low - slack) | (values > part.high + slack)
        if is_bad.any():
            worst = float(values[is_bad][np.abs(values[is_bad]).argmax()])
            where = f"is {worst:g} and the like in {_rows(train, is_bad)}"
            expected = f"{part.low:g} to {part.high:g}. Widen the box, or mend it."
            told.append(Fault(part.name, f"{where}; expected {expected}", "out_of_bounds"))
    if actions.labels and train.action.shape[1]:
        is_bad = (train.action[:, 0] < 0) | (train.action[:, 0] >= len(actions.labels))
        if is_bad.any():
            told.append(Fault("action", f"is no place of a label in {_rows(train, is_bad)}.", "out_of_bounds"))
    return told


def _nothing_varies(train: Transitions) -> list[Fault]:
    """What would leave nothing to compare."""
    told = []
    if _is_constant(train.action) and _is_constant(train.action_value):
        done = [*train.action[0].tolist(), *train.action_value[0].tolist()]
        why = f"is {done} in all {len(train):,} steps, so nothing shows what another would have brought"
        told.append(Fault("action", f"{why}. Bring history in which it varies.", "constant"))
    if _is_constant(train.reward[:, np.newaxis]):
        why = f"is {train.reward[0]:g} in all {len(train):,} steps, so no action is better than another"
        told.append(Fault("reward", f"{why}. Look at the reward expression.", "constant"))
    if _is_constant(train.state.reshape(len(train), -1)):
        told.append(Fault("state", f"is the same in all {len(train):,} steps; expected a context that changes.", "constant"))
    return told


def _constant(train: Transitions, names: Sequence[str]) -> list[str]:
    """Numbers of the state that never change, by name; images are left alone, whose corners often do not."""
    if train.state.ndim > 2 or not names:
        return []
    same = [name for i, name in enumerate(names) if _is_constant(train.state[:, i : i + 1])]
    if not same:
        return []
    which = "never changes" if len(same) == 1 else "never change"
    return [
        f"{', '.join(same)} {which} in {len(train):,} steps: nothing is learned about {'it' if len(same) == 1 else 'them'}."
    ]


def _constant_parts(train: Transitions, actions: ActionSpec) -> list[str]:
    """Numbers of the action that never change while others do, and labels that were never taken."""
    told = []
    for i, part in enumerate(actions.box):
        if train.action_value.shape[1] > 1 and _is_constant(train.action_value[:, i : i + 1]):
            told.append(f"{part.name} is always {train.action_value[0, i]:g}: what another value brings is not known.")
    labelled = [part.labels for part in actions.choices] or ([actions.labels] if actions.labels else [])
    for i, labels in enumerate(labelled[: train.action.shape[1]]):
        never = [label for place, label in enumerate(labels) if not (train.action[:, i] == place).any()]
        if never:
            told.append(f"{', '.join(never)} was never done: what it brings is not known.")
    return told


def _unknown(train: Transitions) -> list[str]:
    """Propensities are not needed to learn, and missed later."""
    n = int(np.isnan(train.propensity).sum())
    if not n:
        return []
    return [
        f"{n:,} of {len(train):,} steps have no propensity: that is no matter to learning, but estimates that weigh by "
        f"propensities (importance sampling, doubly robust) have to do without those episodes."
    ]


def _is_constant(columns: NDArray[Any]) -> bool:
    return bool((columns == columns[:1]).all())


def _rows(train: Transitions, is_bad: NDArray[np.bool_]) -> str:
    """`3 of 900 steps (episode 4 step 17, ...)`."""
    places = np.flatnonzero(is_bad)
    shown = [f"episode {train.episode[row]} step {train.step[row]}" for row in places[:_SHOWN_ROWS]]
    more = ", ..." if len(places) > _SHOWN_ROWS else ""
    return f"{len(places):,} of {len(train):,} steps ({', '.join(shown)}{more})"
