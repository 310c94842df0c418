"""Examples of a file: decisions that another system logged, for an evaluation that writes nothing down.

Question answered: what would the rows of this file be as examples of the loop? They are read by the formats of `import` and
held against the loop as an import would; every row that does not fit is named with its value, and nothing is estimated then.
A decision id that stands there twice is refused too: whichever row were chosen, the choice would decide the estimate.
Letters: n decisions, m outcomes, k actions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from policyloop.core import plugins
from policyloop.core.candidates import Candidates
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import Decision
from policyloop.core.example import Examples
from policyloop.core.loop import LoopSpec
from policyloop.core.wire import OutcomeRequest
from policyloop.ingest.checks import Checks, checks_of
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import outcome
from policyloop.interop.imported_row import ImportedReport, ImportedRow, Row
from policyloop.join.reward import rewards
from policyloop.join.window import Seen
from policyloop.run.importing import FORMATS

MAX_FAULTS = 20  # listed; reading stops there
_FORMAT_OF_ENDING = {".csv": "joined-csv", ".parquet": "parquet", ".json": "vw-dsjson", ".jsonl": "vw-dsjson"}


@dataclass(slots=True)
class _Read:
    """What was read so far."""

    decisions: list[Decision] = field(default_factory=list)
    sets: list[Candidates] = field(default_factory=list)  # one for each decision, where the caller brings the actions along
    place: dict[str, int] = field(default_factory=dict)  # of each decision, by its id
    first_seen: dict[str, str] = field(default_factory=dict)  # row of each id
    values: list[tuple[str, str, float]] = field(default_factory=list)  # decision id, name, number
    faults: list[Fault] = field(default_factory=list)


def examples_of_file(
    path: Path, spec: LoopSpec, *, salt: bytes, now_us: int, file_format: str | None = None, outcome: str | None = None
) -> Examples:
    """The file's decisions whose propensity is told, as examples.

    Args:
        path: the file.
        spec: the loop that it is about.
        salt: of the deployment: a decision's split is the one that it would have if it were imported.
        now_us: dates the rows, microseconds since 1970 UTC.
        file_format: a plug-in of interop/formats; None: told by the file's ending.
        outcome: what a reward column is; None: the loop's only outcome.

    Raises:
        UnknownName: no format has that name.
        Invalid: the file cannot be read, rows do not fit, an id stands there twice, or no propensity is told.
    """
    reader = plugins.load(FORMATS, file_format or format_of(path))
    checks = checks_of(spec, salt=salt)
    read = _Read()
    rows: Iterator[Row] = reader.read(path, spec, policy="file", outcome=outcome)
    for row in rows:
        if len(read.faults) >= MAX_FAULTS:
            break
        _take(row, read, checks, now_us)
    if read.faults:
        raise Invalid(read.faults[:MAX_FAULTS], subject=str(path))
    examples = _examples(read, spec)
    is_deferred = np.array([decision.is_deferred for decision in read.decisions], dtype=bool)  # and nobody activated it
    known = examples.where(np.isfinite(examples.propensity) & ~examples.is_fallback & ~is_deferred)
    if len(known) == 0:
        told = "has no decision whose propensity is told, so nothing can be estimated; expected the chance of each action."
        raise Invalid([Fault(str(path), told)])
    return known


def format_of(path: Path) -> str:
    """The format that a file's ending stands for.

    Raises:
        Invalid: it stands for none.
    """
    found = _FORMAT_OF_ENDING.get(path.suffix.lower())
    if found is None:
        known = ", ".join(f"{ending} ({name})" for ending, name in _FORMAT_OF_ENDING.items())
        raise Invalid(
            [Fault("--format", f"is missing, and '{path.name}' does not end in {known}; name the format.", "missing")]
        )
    return found


def _take(row: Row, read: _Read, checks: Checks, now_us: int) -> None:
    """Add a row to what was read, or its faults."""
    if isinstance(row, Fault):
        read.faults.append(row)
        return
    try:
        if isinstance(row, ImportedReport):
            _take_report(row.report, row.where, read, checks, now_us)
        else:
            _take_decision(row, read, checks, now_us)
    except Invalid as error:
        read.faults += error.faults


def _take_decision(row: ImportedRow, read: _Read, checks: Checks, now_us: int) -> None:
    decision, _ = imported_decision(row.decision, checks, received_at=now_us, where=row.where)
    name = decision.decision_id
    if name in read.place:
        told = f"is '{name}', which {read.first_seen[name]} has already; expected each decision once."
        raise Invalid([Fault(f"{row.where}.decision_id", told, "duplicate")])
    if row.decision.actions is not None:
        found = checks.candidates.check(row.decision.actions, [], where=row.where)
        assert found is not None, "a set that was good a line ago"
        read.sets.append(found)
    read.place[name], read.first_seen[name] = len(read.decisions), row.where
    read.decisions.append(decision)
    if row.outcomes:
        _take_report(OutcomeRequest(decision_id=name, outcomes=dict(row.outcomes)), row.where, read, checks, now_us)


def _take_report(report: OutcomeRequest, where: str, read: _Read, checks: Checks, now_us: int) -> None:
    event = outcome(report, checks, received_at=now_us, where=where).event
    read.values += [(event.decision_id, name, number) for name, number in event.values.items() if number is not None]


def _examples(read: _Read, spec: LoopSpec) -> Examples:
    decisions = read.decisions
    n = len(decisions)
    sizes = [len(one) for one in read.sets] or [len(spec.labels)] * n
    allowed = np.zeros((n, max(sizes, default=len(spec.labels))), dtype=bool)
    pmf = np.where(allowed, np.nan, 0.0)
    for i, (decision, size) in enumerate(zip(decisions, sizes, strict=True)):
        allowed[i, :size] = True if decision.mask is None else decision.mask
        pmf[i, :size] = np.nan if decision.pmf is None else decision.probabilities()
    return Examples(
        contexts=[msgspec.json.decode(decision.context) for decision in decisions],
        allowed=allowed,
        action=np.array([decision.action[0] for decision in decisions], dtype=np.int64),
        reward=_rewards(read, spec),
        propensity=np.array([decision.propensity for decision in decisions], dtype=np.float64),
        pmf=pmf,
        split=np.array([decision.split for decision in decisions], dtype=np.float64),
        decided_at=np.array([decision.decided_at for decision in decisions], dtype=np.int64),
        is_fallback=np.array([decision.is_fallback for decision in decisions], dtype=bool),
        policy=np.array([decision.policy for decision in decisions], dtype=object),
        candidates=read.sets or None,
    )


def _rewards(read: _Read, spec: LoopSpec) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """(n,) what the decisions earned; all outcomes of the file count, since it says nothing of their time."""
    place_of: Mapping[str, int] = {name: place for place, name in enumerate(spec.outcomes)}
    seen = sorted(
        (read.place[decision], place_of[name], order, number)
        for order, (decision, name, number) in enumerate(read.values)
        if decision in read.place and name in place_of
    )
    columns = list(zip(*seen, strict=True)) or [(), (), (), ()]
    m = len(seen)
    every = Seen(
        decision=np.array(columns[0], dtype=np.int64),
        name=np.array(columns[1], dtype=np.int64),
        value=np.array(columns[3], dtype=np.float64),
        happened_at=np.zeros(m, dtype=np.int64),
        received_at=np.zeros(m, dtype=np.int64),
        final=np.zeros(m, dtype=bool),
    )
    return rewards(spec.reward, spec.outcomes, every, counts=np.ones(m, dtype=bool), n=len(read.decisions)).reward
