"""The lake: Delta tables in one place, opened, read and committed to; a snapshot is their versions.

Question answered: which rows has this table, now or at that version, and are these new ones there for good?
A committed row on a local disk is synced before `commit` returns, because the segments it came from are deleted next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import TableNotFoundError

from policyloop.lake import power_cut
from policyloop.lake.schema import PARTITIONS, SCHEMAS
from policyloop.storage.objects import sync, sync_file

Snapshot = dict[str, int]

# Opening a table reads the commits since the last checkpoint, and the shipper commits every few seconds.
_CONFIGURATION = {"delta.checkpointInterval": "50"}


class Lake:
    """The tables of a deployment. Holds no state but where they are; every call opens what it needs."""

    def __init__(self, place: Path | str, *, storage_options: Mapping[str, str] | None = None) -> None:
        """Name the place.

        Args:
            place: a folder, or a URL such as `s3://bucket/lake`.
            storage_options: what deltalake needs to reach a bucket.
        """
        self._place = str(place).rstrip("/")
        self._folder = None if "://" in self._place else Path(self._place)
        self._options = dict(storage_options or {})

    def open(self, table: str, *, version: int | None = None) -> DeltaTable:
        """A handle on a table as it is now, or at a version; a table that is not there is made, empty."""
        uri = f"{self._place}/{table}"
        try:
            return DeltaTable(uri, version=version, storage_options=self._options)
        except TableNotFoundError:
            self._make(table, uri)
        return DeltaTable(uri, version=version, storage_options=self._options)

    def rows(
        self, table: str, *, where: str | None = None, columns: Sequence[str] | None = None, version: int | None = None
    ) -> pa.Table:
        """Raw rows, in no particular order; the same event may be there twice (views.py has each once).

        Args:
            table: its name.
            where: an SQL condition such as `in_hours` gives; None for all rows.
            columns: those wanted, in that order; None for all of the schema.
            version: of the table; None for the newest.
        """
        names = list(columns) if columns is not None else SCHEMAS[table].names
        schema = pa.schema([SCHEMAS[table].field(name) for name in names])
        handle = self.open(table, version=version)
        there = _there(handle, names)
        # `scan` and not `to_pyarrow_dataset`: the latter's threaded reads abort the process at exit.
        return _whole(pa.table(handle.scan(columns=there, predicate=where)), schema)

    def tables(self, table: str, *, where: str | None = None, at_least: int) -> Iterator[pa.Table]:
        """The same rows, all columns, `at_least` rows or a little more at a time: for what may not fit in memory."""
        schema = SCHEMAS[table]
        handle = self.open(table)
        reader = pa.RecordBatchReader.from_stream(handle.scan(columns=_there(handle, schema.names), predicate=where))
        some: list[pa.RecordBatch] = []
        for batch in reader:
            some.append(batch)
            if sum(b.num_rows for b in some) >= at_least:
                yield _whole(pa.Table.from_batches(some), schema)
                some = []
        if some:
            yield _whole(pa.Table.from_batches(some), schema)

    def commit(self, handle: DeltaTable, rows: pa.Table, *, segments: Mapping[str, int] | None = None) -> None:
        """Append rows by one commit through that very handle, durable on return.

        Args:
            handle: of `open`; when another commit of the same writers came since, this one fails.
            rows: in the table's schema.
            segments: writer -> last segment whose rows these are; recorded in the same commit.
        """
        marks = [Transaction(writer, segment) for writer, segment in (segments or {}).items()]
        before = handle.version()
        properties = CommitProperties(app_transactions=marks or None)
        write_deltalake(handle, rows, mode="append", schema_mode=_schema_mode(handle, rows), commit_properties=properties)
        self._make_durable(handle, before)

    def replace(self, table: str, rows: pa.Table, *, where: str) -> None:
        """Put rows in the place of those for which `where` holds, by one commit, durable on return."""
        self.replace_through(self.open(table), rows, where=where)

    def replace_through(self, handle: DeltaTable, rows: pa.Table, *, where: str) -> None:
        """The same through that very handle, for what was read at its version.

        Raises:
            CommitFailedError: another commit touched such rows since, and nothing was changed.
        """
        before = handle.version()
        write_deltalake(handle, rows, mode="overwrite", predicate=where, schema_mode=_schema_mode(handle, rows))
        self._make_durable(handle, before)

    def remove(self, table: str, *, where: str) -> None:
        """Take out the rows for which `where` holds; older versions keep them until they are cleaned away."""
        handle = self.open(table)
        before = handle.version()
        handle.delete(where)
        self._make_durable(handle, before)

    def mend(self) -> list[str]:
        """Take back what a power cut left half-made in local tables; returns what was done, in words."""
        if self._folder is None:
            return []
        return [told for table in SCHEMAS for told in power_cut.mend(self._folder / table)]

    def snapshot(self, tables: Iterable[str] = tuple(SCHEMAS)) -> Snapshot:
        """Table -> version, of those that exist."""
        return {table: self.open(table).version() for table in tables if self.exists(table)}

    def exists(self, table: str) -> bool:
        """Whether the table was ever written to."""
        return bool(DeltaTable.is_deltatable(f"{self._place}/{table}", self._options))

    def files(self, table: str, *, loop: str | None = None) -> list[str]:
        """Paths of the data files that a table has now, of one loop or of all; none where it was never written to."""
        if not self.exists(table):
            return []
        files = pa.table(self.open(table).get_add_actions(flatten=True))
        if loop is not None and files.num_rows:
            files = files.filter(pc.equal(files["partition.loop"], loop))
        return [f"{self._place}/{table}/{unquote(path)}" for path in files["path"].to_pylist()]

    def hours(self, table: str, *, loop: str) -> list[str]:
        """Hours of a loop that have rows, in order; `unknown` comes last."""
        found = {part["hour"] for part in self.open(table).partitions() if part["loop"] == loop}
        return sorted(found)

    def loops(self, table: str) -> list[str]:
        """Loops that have rows, in alphabetical order."""
        return sorted({part["loop"] for part in self.open(table).partitions()})

    def fragmented(self, table: str, *, at_least: int) -> list[tuple[str, str | None]]:
        """(loop, hour) of a table that lie in that many files or more; the hour is None where the table is not filed by it."""
        files = pa.table(self.open(table).get_add_actions(flatten=True))
        if not files.num_rows:
            return []
        loops = files["partition.loop"].to_pylist()
        is_by_hour = "partition.hour" in files.column_names
        hours = files["partition.hour"].to_pylist() if is_by_hour else [None] * len(loops)
        return sorted(place for place, n in Counter(zip(loops, hours, strict=True)).items() if n >= at_least)

    def merge_files(self, table: str, *, loop: str, hour: str | None) -> int:
        """Put the small files of an hour, or of a loop (None), together, in their order. Returns how many went into others."""
        handle = self.open(table)
        before = handle.version()
        hours = [] if hour is None else [("hour", "=", hour)]
        merged = handle.optimize.compact(partition_filters=[("loop", "=", loop), *hours])
        self._make_durable(handle, before)
        return int(merged["numFilesRemoved"])

    def vacuum(self, table: str, *, retention_hours: int, keep: Sequence[int] = ()) -> int:
        """Delete data files that only versions older than that, and not among `keep`, use. Returns how many went."""
        handle = self.open(table)
        handle.cleanup_metadata()
        oldest = min((entry["version"] for entry in handle.history()), default=0)
        deleted = handle.vacuum(
            retention_hours,
            dry_run=False,
            enforce_retention_duration=False,
            keep_versions=[version for version in keep if version >= oldest] or None,
        )
        return len(deleted)

    def _make(self, table: str, uri: str) -> None:
        """An empty table."""
        if self._folder is not None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = DeltaTable.create(
            uri,
            SCHEMAS[table],
            mode="ignore",
            partition_by=PARTITIONS[table],
            configuration=_CONFIGURATION,
            storage_options=self._options,
        )
        self._make_durable(handle, -1)

    def _make_durable(self, handle: DeltaTable, before: int) -> None:
        """Sync the files of all commits after version `before`: the Delta library renames, but does not sync."""
        if self._folder is None:
            return
        table = Path(unquote(handle.table_uri.removeprefix("file://")))
        log = table / "_delta_log"
        for version in range(before + 1, handle.version() + 1):
            for path in _added(log / f"{version:020d}.json"):
                sync_file(table / path, top=table)
            for file in log.glob(f"{version:020d}*"):
                sync(file)
        checkpoint = log / "_last_checkpoint"
        if checkpoint.exists():
            sync(checkpoint)
        sync(log)
        sync(table)


def in_hours(loop: str, *hours: str) -> str:
    """The condition for rows of a loop, of those hours or, with none given, of all."""
    condition = f"loop = {_quoted(loop)}"
    if not hours:
        return condition
    return f"{condition} AND hour IN ({', '.join(_quoted(hour) for hour in hours)})"


def _there(handle: DeltaTable, names: Sequence[str]) -> list[str]:
    """Those of the columns that the table has."""
    there = {field.name for field in handle.schema().fields}
    return [name for name in names if name in there]


def _schema_mode(handle: DeltaTable, rows: pa.Table) -> Literal["merge"] | None:
    """How to write rows that may have columns that the table does not have yet."""
    return None if len(_there(handle, rows.column_names)) == rows.num_columns else "merge"


def _whole(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """The rows in the schema; a column that they do not have is null."""
    if rows.num_columns == len(schema):
        return rows.cast(schema)
    missing = [field for field in schema if field.name not in rows.column_names]
    assert all(field.nullable for field in missing), "a column that came later is nullable"
    columns = {name: rows[name] for name in rows.column_names}
    columns |= {field.name: pa.nulls(rows.num_rows, field.type) for field in missing}
    return pa.table({name: columns[name] for name in schema.names}).cast(schema)


def _quoted(text: str) -> str:
    doubled = text.replace("'", "''")
    return f"'{doubled}'"


def _added(commit: Path) -> Iterator[str]:
    """Paths, below the table's folder, of the data files that a commit added."""
    for line in commit.read_bytes().splitlines():
        action = msgspec.json.decode(line)
        if "add" in action:
            yield unquote(action["add"]["path"])
