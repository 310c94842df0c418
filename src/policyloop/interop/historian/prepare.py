"""A file of another system becomes a history of a loop: read, put on a grid, cut into episodes, checked, and shaped.

Question answered: what would be learned from this file? All faults are told at once; what was asked to be repaired is
counted. Everything is done in columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from policyloop.core.clock import US_PER_S
from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import EpisodeSpec, LoopSpec
from policyloop.interop.historian.canonical import to_history
from policyloop.interop.historian.ends import Ends, close, read_ends
from policyloop.interop.historian.even import cut_evenly
from policyloop.interop.historian.file import read_table
from policyloop.interop.historian.lags import with_lags
from policyloop.interop.historian.ledger import Ledger
from policyloop.interop.historian.long_table import AT, ROW
from policyloop.interop.historian.reading import Reading
from policyloop.interop.historian.rows import labels_or_places, read_rows
from policyloop.interop.historian.steps import Steps, in_order
from policyloop.interop.historian.values import check_values
from policyloop.interop.historian.wanted import Wanted, wanted_of


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What a file became."""

    history: pa.Table  # in the shape of lake/episode_history.py
    repaired: Mapping[str, int]  # repair -> how often it was made
    notes: tuple[str, ...]
    n_rows: int  # of the file


def prepare(path: Path, spec: LoopSpec, reading: Reading) -> Prepared:
    """Make a history of a file.

    Args:
        path: CSV or Parquet.
        spec: the loop that it is a history of, with `episodes`.
        reading: how it is to be read.

    Raises:
        Invalid: it cannot be read, or something is wrong with it that no repair was asked for; all of it, with rows.
    """
    if spec.episodes is None:
        told = "has no `episodes:` in its loop file, and a history is of episodes; expected `episodes: {}` or more."
        raise Invalid([Fault(f"loop '{spec.loop}'", told, "no_episodes")])
    table = read_table(path)
    n_rows = table.num_rows
    table = table.append_column(ROW, pa.array(np.arange(1, n_rows + 1)))
    into, subject = Ledger(reading.repairs), f"the history in {path.name}"
    own = _resolved(spec.episodes, reading)
    wanted = wanted_of(spec, own)
    rows = labels_or_places(read_rows(table, spec, wanted, own, into), spec.labels)
    if any(fault.code == "missing" for fault in into.faults):
        into.raise_if_any(subject)  # without what is missing, nothing that is told of the rest is true
    every_us = None if own.every_s is None else round(own.every_s * US_PER_S)
    steps = in_order(rows, own, every_us=every_us, file=path.stem, into=into)
    steps, ends = read_ends(steps, wanted, into)
    steps, ends = _checked(steps, ends, spec, wanted, into)
    steps, kept = with_lags(steps, own, spec, into)
    ends = ends.where(kept)
    if own.cut.by == "steps":
        steps, ends = cut_evenly(steps, ends, own.cut.n_steps, [n for n, one in wanted.items() if one.role == "action"])
    steps, ends, is_bare = close(steps, ends, wanted, end=own.end, into=into)
    by_time = own.cut.by == "steps" and AT in steps.rows.column_names
    history = to_history(steps, ends, is_bare, spec, by_time=by_time, into=into)
    if not history.num_rows and not into.faults:
        into.fault(
            "episodes", "are none: no row is left that another one follows. Bring more, or look at the repairs.", "empty"
        )
    into.raise_if_any(subject)
    return Prepared(history, dict(into.repaired), tuple(into.notes), n_rows)


def _checked(steps: Steps, ends: Ends, spec: LoopSpec, wanted: Mapping[str, Wanted], into: Ledger) -> tuple[Steps, Ends]:
    """Values checked; the ends of rows that were left out are gone with them."""
    checked, keep = check_values(steps, spec, wanted, into)
    return checked, ends.where(keep)


def _resolved(episodes: EpisodeSpec, reading: Reading) -> Reading:
    """The reading with the file's columns of episode and step."""
    renamed = dict(reading.columns)
    of_id, of_step = renamed.pop(episodes.id, episodes.id), renamed.pop(episodes.step, episodes.step)
    cut = reading.cut
    if cut.by == "column" and cut.column is None:
        cut = replace(cut, column=of_id)
    return replace(reading, columns=renamed, cut=cut, step=of_step)
