"""Bringing another system's decisions in: every row is checked first, then all are written through the log, or none.

Question answered: do these rows fit the loop, and what did they become? They go the same way as live events, so that
the same joins, gates and replays hold for them; their policy is `imported:NAME`. Importing a file twice counts once:
decision ids are the file's, and outcome ids follow from them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from policyloop.core.clock import Clock
from policyloop.core.errors import Fault, Invalid
from policyloop.core.event import Logged, Outcome
from policyloop.core.wire import OutcomeRequest
from policyloop.ingest.checks import Checks
from policyloop.ingest.imported import imported_decision
from policyloop.ingest.outcomes import outcome
from policyloop.interop.imported_row import ImportedReport, ImportedRow, Row
from policyloop.log.writer import LogWriter

MAX_FAULTS = 20  # listed; reading stops there
_WAIT_EVERY = 10_000  # events between two waits for the disk, so that the buffer stays small


@dataclass(frozen=True, slots=True)
class Imported:
    """What a file became."""

    n_decisions: int
    n_outcomes: int
    n_repeated: int  # decisions whose id stood in the file before
    n_evidence: int  # decisions with a whole pmf, which the gate can use
    warnings: tuple[str, ...]


def check_rows(rows: Iterator[Row], checks: Checks, *, now_us: int) -> Imported:
    """Check every row, and count what they would become.

    Raises:
        Invalid: some rows do not fit; the first faults are listed.
    """
    faults: list[Fault] = []
    seen: set[str] = set()
    n_decisions = n_outcomes = n_repeated = n_evidence = 0
    warnings: dict[str, None] = {}
    for row in rows:
        if len(faults) >= MAX_FAULTS:
            break
        if isinstance(row, Fault):
            faults.append(row)
            continue
        try:
            _events_of(row, checks, now_us, warnings)
        except Invalid as error:
            faults += error.faults
            continue
        if isinstance(row, ImportedReport):
            n_outcomes += 1
            continue
        n_decisions += 1
        n_outcomes += bool(row.outcomes)
        n_evidence += row.decision.pmf is not None
        n_repeated += row.decision.decision_id in seen
        if row.decision.decision_id is not None:
            seen.add(row.decision.decision_id)
    if faults:
        raise Invalid(faults[:MAX_FAULTS], subject="the file")
    return Imported(n_decisions, n_outcomes, n_repeated, n_evidence, tuple(warnings))


def import_rows(read: Callable[[], Iterator[Row]], checks: Checks, *, writer: LogWriter, clock: Clock) -> Imported:
    """Check every row, then write all of them through the log; on return they are durable.

    Args:
        read: begins the file anew; it is read twice.
        checks: of the loop.
        writer: of a log that has just been opened for this import.
        clock: dates the events.

    Raises:
        Invalid: some rows do not fit; nothing was written.
        LogUnavailable: the log cannot be written; importing again counts nothing twice.
    """
    told = check_rows(read(), checks, now_us=clock.now_us())
    checks.candidates.forget_logged()  # what was only checked is not in the log
    seq = n = 0
    for row in read():
        assert not isinstance(row, Fault), "the file changed while it was imported"
        for event in _events_of(row, checks, clock.now_us(), {}):
            seq = writer.append(event)
            n += 1
            if n % _WAIT_EVERY == 0:
                writer.wait(seq)
    if seq:
        writer.wait(seq)
    return told


def _events_of(row: ImportedRow | ImportedReport, checks: Checks, now_us: int, warnings: dict[str, None]) -> list[Logged]:
    """A report; or the decision, after the set of candidates that it refers to, and its outcomes as one report.

    Raises:
        Invalid: with every fault of the row.
    """
    if isinstance(row, ImportedReport):
        return [_reported(row.report, row.where, checks, now_us, warnings)]
    decision, action_set = imported_decision(row.decision, checks, received_at=now_us, where=row.where)
    if row.density is not None or row.extra is not None:
        kind = decision.propensity_kind if row.density is None else "estimated"  # from the sample, when it is learned from
        decision = msgspec.structs.replace(decision, density=row.density, extra=row.extra, propensity_kind=kind)
    decided: list[Logged] = [decision] if action_set is None else [action_set, decision]
    if not row.outcomes:
        return decided
    request = OutcomeRequest(
        decision_id=decision.decision_id, outcomes=dict(row.outcomes), outcome_id=_outcome_id(decision.decision_id)
    )
    event = _reported(request, row.where, checks, now_us, warnings)
    return [*decided, msgspec.structs.replace(event, decided_at=decision.decided_at)]


def _reported(request: OutcomeRequest, where: str, checks: Checks, now_us: int, warnings: dict[str, None]) -> Outcome:
    """The event of a report; what the user should know of it is added to `warnings`."""
    reported = outcome(request, checks, received_at=now_us, where=where)
    warnings.update(dict.fromkeys(text.removeprefix(f"{where}.outcomes.") for text in reported.warnings))
    return reported.event


def _outcome_id(decision_id: str) -> str:
    """The same for the same decision, so that a second import is a duplicate."""
    return "imported-" + hashlib.blake2b(decision_id.encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()
