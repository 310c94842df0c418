"""Importing files: another system's decisions and outcomes come in through a log of their own, all of them or none.

Question answered: who reads the files, checks them against the loop, and writes them while servers may be running?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from policyloop.core import plugins
from policyloop.core.errors import UnknownName
from policyloop.core.loop import LoopSpec
from policyloop.ingest.checks import checks_of
from policyloop.interop.import_rows import Imported, check_rows, import_rows
from policyloop.interop.imported_row import Row
from policyloop.log.writer import LogWriter
from policyloop.run.deployment import Deployment

FORMATS = "policyloop.interop.formats"
OF_EPISODES = "policyloop.interop.histories"
HISTORY = "history"  # of a historian: read by options of its own


def import_files(
    deployment: Deployment,
    spec: LoopSpec,
    *,
    file_format: str,
    files: Sequence[Path],
    policy: str = "file",
    outcome: str | None = None,
    dry_run: bool = False,
) -> Imported:
    """Check every row of all files, then write all of them through the log.

    Args:
        deployment: where the log is.
        spec: the loop that they are imported into.
        file_format: a plug-in of interop/formats.
        files: what is read, in order.
        policy: name of the policy that decided, where a file does not say.
        outcome: what the reward column is reported as; None: the loop's only outcome.
        dry_run: only check.

    Raises:
        UnknownName: no format has that name.
        Invalid: a file cannot be read, or some rows do not fit; nothing was written.
        LogUnavailable: the log cannot be written; importing again counts nothing twice.
    """
    known = [*plugins.ours(FORMATS), *plugins.ours(OF_EPISODES)]
    if plugins.file_name(file_format) not in {*plugins.names(FORMATS), *known}:
        raise UnknownName("format", file_format, [HISTORY, *(plugins.as_written(FORMATS, name) for name in known)])
    reader = plugins.load(FORMATS, file_format)
    checks = checks_of(spec, salt=deployment.registry.salt)
    read = partial(_rows, files, partial(reader.read, spec=spec, policy=policy, outcome=outcome))
    if dry_run:
        return check_rows(read(), checks, now_us=deployment.clock.now_us())
    writer = LogWriter(deployment.home.log, clock=deployment.clock)
    try:
        return import_rows(read, checks, writer=writer, clock=deployment.clock)
    finally:
        writer.close()


def _rows(files: Sequence[Path], read: Callable[[Path], Iterator[Row]]) -> Iterator[Row]:
    """The rows of all files, in order; where there are several, each says which file it stands in."""
    for file in files:
        for row in read(file):
            yield row if len(files) == 1 else replace(row, where=f"{file.name} {row.where}")
