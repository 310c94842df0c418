"""Files of the Improve track protocol: JSON lines as its ingest wrote them (gzip or plain), and its decision Parquet.

JSON lines: one record each; those of models that are neither the loop's name nor an alias are left out. Parquet:
decision_id, item, context, count, sample and rewards (JSON texts; rewards by their message id); a row without a count is
rewards that came before their decision. Further columns are ignored. Rewards come in one by one under their own ids, so
that a file imported twice, or one that repeats another's rewards, counts once.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.interop.imported_row import ImportedReport, ImportedRow, Row
from policyloop.interop.improve_events import density_of, report, tracked, whole_of
from policyloop.interop.improve_record import ImproveDecision, ImproveReward, read_record

_PARQUET, _GZIP = b"PAR1", b"\x1f\x8b"
_COLUMNS = ("decision_id", "item", "context", "count", "sample", "rewards")
_NEEDED = ("decision_id", "count")
_ROWS_AT_ONCE = 10_000
_MAX_LINE = 2**20


def read(path: Path, spec: LoopSpec, *, policy: str, outcome: str | None) -> Iterator[Row]:
    """The file's records, in order.

    Args:
        path: the file; what it is, is told by its first bytes.
        spec: the loop that they are imported into.
        policy: name of the policy that decided.
        outcome: what rewards are reported as; None: `reward`, or the loop's only outcome.

    Raises:
        Invalid: the file cannot be read, or has no record of the loop.
    """
    try:
        with path.open("rb") as file:
            start = file.peek(len(_PARQUET))
            if start.startswith(_PARQUET):
                yield from _rows_of_parquet(path, file, spec, policy, outcome)
            else:
                lines = gzip.GzipFile(fileobj=file) if start.startswith(_GZIP) else file
                yield from _rows_of_lines(path, lines, spec, policy, outcome)
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        reason = getattr(error, "strerror", None) or str(error).split("\n", 1)[0]
        told = f"cannot be read: {reason}; expected JSON lines, gzip or plain, or Parquet."
        raise Invalid([Fault(str(path), told, "unreadable")]) from None


def _rows_of_lines(
    path: Path, lines: BinaryIO | gzip.GzipFile, spec: LoopSpec, policy: str, outcome: str | None
) -> Iterator[Row]:
    """A row per record of the loop's models."""
    ours, others = 0, dict[str, None]()
    names = (spec.loop, *spec.aliases)
    for n, line in enumerate(iter(lambda: lines.readline(_MAX_LINE), b""), start=1):
        if not line.strip():
            continue
        where = f"line {n}"
        try:
            record = read_record(line, now_us=None, where=where)
            if record.model not in names:
                others[record.model] = None
                continue
            ours += 1
            yield _row(record, where, spec, policy, outcome)
        except Invalid as error:
            ours += 1
            yield from error.faults
    if not ours:
        told = f"has no record of {', '.join(names)}; expected some. Its models are {', '.join(others) or 'none'}: name the one"
        raise Invalid([Fault(str(path), f"{told} that this loop stands for in the loop's aliases.")])


def _row(
    record: ImproveDecision | ImproveReward, where: str, spec: LoopSpec, policy: str, outcome: str | None
) -> ImportedRow | ImportedReport:
    """The record in our words.

    Raises:
        Invalid: it does not fit the loop.
    """
    if isinstance(record, ImproveReward):
        return ImportedReport(where, report(record, spec, name=outcome, where=where))
    decision = tracked(record, spec, policy=policy, where=where)
    return ImportedRow(where, decision, {}, density=density_of(record), extra=whole_of(record, spec))


def _rows_of_parquet(path: Path, file: io.BufferedReader, spec: LoopSpec, policy: str, outcome: str | None) -> Iterator[Row]:
    """A row per decision, and one per reward."""
    with pq.ParquetFile(file) as table:
        names = table.schema_arrow.names
        missing = [name for name in _NEEDED if name not in names]
        if missing:
            raise Invalid([Fault(str(path), f"has no column {', '.join(missing)}; expected {', '.join(_COLUMNS)}.")])
        n = 0
        for batch in table.iter_batches(_ROWS_AT_ONCE, columns=[name for name in _COLUMNS if name in names]):
            for cells in batch.to_pylist():
                n += 1
                yield from _rows_of_cells(cells, f"row {n}", spec, policy, outcome)


def _rows_of_cells(cells: Mapping[str, Any], where: str, spec: LoopSpec, policy: str, outcome: str | None) -> Iterator[Row]:
    """One row of a Parquet file."""
    try:
        for line in _records_of(cells, spec.loop, where):
            yield _row(read_record(line, now_us=None, where=where), where, spec, policy, outcome)
    except Invalid as error:
        yield from error.faults


def _records_of(cells: Mapping[str, Any], model: str, where: str) -> Iterator[bytes]:
    """The records that were merged into a row, as they were sent."""
    name = cells["decision_id"]
    if cells["count"] is not None:
        whole = int(cells["count"]) if float(cells["count"]).is_integer() else cells["count"]
        said = {"message_id": name, "model": model, "count": whole}
        said |= {
            key: _json(cells[key], f"{where}.{key}") for key in ("item", "context", "sample") if cells.get(key) is not None
        }
        yield msgspec.json.encode(said)
    rewards = _json(cells.get("rewards") or "{}", f"{where}.rewards")
    if not isinstance(rewards, dict):
        raise Invalid([Fault(f"{where}.rewards", "is no JSON object; expected rewards by their message ids.")])
    for message_id, reward in rewards.items():
        yield msgspec.json.encode({"message_id": message_id, "model": model, "decision_id": name, "reward": reward})


def _json(text: str | bytes, where: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, TypeError, RecursionError):
        raise Invalid([Fault(where, "is no JSON text; expected the value as JSON.")]) from None
