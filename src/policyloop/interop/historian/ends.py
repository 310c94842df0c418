"""How episodes end: flags that say so, and the context that an episode ended in.

Question answered: did it terminate, so that nothing comes after, or does only the record stop? The two are never mixed up.
A flag belongs to the last action. Where the context after it was not recorded and the episode would have gone on, the last
row's own context is what the episode before it led to, and its action, of which nothing came to be known, is left out.
Letters: n rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from policyloop.interop.historian.ledger import Bools, Ledger
from policyloop.interop.historian.steps import Steps
from policyloop.interop.historian.values import is_null, numbers
from policyloop.interop.historian.wanted import TERMINATED, TRUNCATED, Wanted


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """What is said of the ends in n rows."""

    terminated: Bools
    truncated: Bools

    def where(self, keep: Bools) -> Ends:
        """Of those rows."""
        return Ends(self.terminated[keep], self.truncated[keep])


def read_ends(steps: Steps, wanted: Mapping[str, Wanted], into: Ledger) -> tuple[Steps, Ends]:
    """The flags, each in the row of its last action; an episode that goes on after one begins anew.

    Args:
        steps: in order.
        wanted: which columns are actions.
        into: what is wrong.
    """
    terminated, truncated = (_flag(steps, name) for name in (TERMINATED, TRUNCATED))
    both = terminated & truncated
    into.settle_rows(
        "terminated-wins", TERMINATED, "is said together with truncated in {rows}.", both, steps.place, code="both_ends"
    )
    truncated = truncated & ~both
    is_last = np.append(steps.is_first[1:], True) if len(steps.step) else np.zeros(0, dtype=bool)
    bare = is_last & ~steps.is_first & _without_action(steps, wanted)
    terminated, truncated = (_moved_back(flag, bare) for flag in (terminated, truncated))
    may_end = is_last | np.append(bare[1:], False)
    early = (terminated | truncated) & ~may_end
    into.settle_rows("split-ends", "end", "is said, and the episode goes on, in {rows}.", early, steps.place, code="end_within")
    cut = steps.cut_at(np.append(False, early[:-1])) if len(early) else steps
    return cut, Ends(terminated, truncated)


def close(
    steps: Steps, ends: Ends, wanted: Mapping[str, Wanted], *, end: Literal["terminated", "truncated"], into: Ledger
) -> tuple[Steps, Ends, Bools]:
    """Every episode with an end, and (n,) the rows that only say what an episode ended in.

    Args:
        steps: in order.
        ends: what was said.
        wanted: which columns are actions.
        end: how those ended of which nothing was said.
        into: notes.
    """
    n = len(steps.step)
    is_last = np.append(steps.is_first[1:], True) if n else np.zeros(0, dtype=bool)
    bare = is_last & _without_action(steps, wanted)
    said = ends.terminated | ends.truncated
    last_action = (is_last & ~bare) | np.append((bare & ~steps.is_first)[1:], False)
    silent = last_action & ~said
    terminated = ends.terminated | (silent & (end == TERMINATED))
    truncated = ends.truncated | (silent & (end != TERMINATED))
    no_next = is_last & ~bare & truncated  # nobody recorded what came of this action
    terminated, truncated = terminated & ~no_next, truncated & ~no_next
    truncated |= np.append((no_next & ~steps.is_first)[1:], False)
    bare |= no_next
    alone = bare & steps.is_first
    _tell(
        into,
        n_silent=int(silent.sum()),
        n_episodes=int(steps.is_first.sum()),
        n_no_next=int(no_next.sum()),
        n_alone=int(alone.sum()),
        end=end,
    )
    keep = ~alone
    return steps.where(keep), Ends(terminated, truncated).where(keep), bare[keep]


def _tell(into: Ledger, *, n_silent: int, n_episodes: int, n_no_next: int, n_alone: int, end: str) -> None:
    if n_silent:
        which = "no episode says" if n_silent == n_episodes else f"{n_silent:,} of {n_episodes:,} episodes do not say"
        into.notes.append(f"{which} how it ended: taken as {end}. `--end terminated|truncated` says otherwise.")
    if n_no_next:
        into.notes.append(
            f"{n_no_next:,} episodes do not record what came after their last row: its context is what they ended in, and "
            f"its action is left out."
        )
    if n_alone:
        into.notes.append(f"{n_alone:,} episodes of one row are left out: nothing is known of what came next.")


def _flag(steps: Steps, name: str) -> Bools:
    """(n,) a column of flags; what is missing is not said."""
    if name not in steps.rows.column_names:
        return np.zeros(len(steps.step), dtype=bool)
    is_said: Bools = numbers(steps.rows, name) == 1.0
    return is_said


def _without_action(steps: Steps, wanted: Mapping[str, Wanted]) -> Bools:
    """(n,) rows in which nothing was done."""
    bare = np.ones(len(steps.step), dtype=bool)
    for name, one in wanted.items():
        if one.role == "action" and name in steps.rows.column_names:
            bare &= is_null(steps.rows, name)
    return bare


def _moved_back(flag: Bools, bare: Bools) -> Bools:
    """Flags of rows without an action, in the rows before them."""
    moved: Bools = (flag & ~bare) | np.append((flag & bare)[1:], False)
    return moved
