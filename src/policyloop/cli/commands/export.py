"""Write a loop's examples to a file that another system reads."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note
from policyloop.cli.since import since_us
from policyloop.cli.words import counted
from policyloop.core import plugins
from policyloop.core.errors import Fault, Invalid, UnknownName, unknown
from policyloop.interop.exported_row import PARTS, ExportedRow, exported_rows

_FORMATS = "policyloop.interop.formats"
# A format that can be written has a function `write`; reading the files is faster than importing them.
WRITTEN = tuple(
    plugins.as_written(_FORMATS, name)
    for name in plugins.ours(_FORMATS)
    if "\ndef write(" in (plugins.folder_of(_FORMATS) / f"{name}.py").read_text(encoding="utf-8")
)


class Counted:
    """The rows that go into a file, and how many went and how many did not."""

    def __init__(self, rows: Iterator[ExportedRow | None]) -> None:
        self._rows = rows
        self.n_written = self.n_left_out = 0

    def __iter__(self) -> Iterator[ExportedRow]:
        for row in self._rows:
            if row is None:
                self.n_left_out += 1
            else:
                self.n_written += 1
                yield row


def run(
    file_format: Annotated[
        str,
        typer.Argument(metavar="FORMAT", help="|".join(WRITTEN), show_default=False),
    ],
    loop: LoopName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for the screen.", show_default=False)],
    *,
    since: Annotated[
        str | None, typer.Option("--since", help="How far back, such as 12h, 7d or 4w; else all.", show_default=False)
    ] = None,
    part: Annotated[str, typer.Option("--part", help="all, learned (what models learn from) or held-out (the rest).")] = "all",
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write a loop's examples to a file that another system reads.

    An example is a decision whose window has closed, with its reward. Those whose probabilities are not known are left
    out, and counted.
    """
    if plugins.as_written(_FORMATS, file_format) not in WRITTEN:
        raise UnknownName("format to export", file_format, WRITTEN)
    if part not in PARTS:
        raise Invalid([Fault("--part", unknown("part", part, PARTS), "unknown_name")])
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        oldest = 0 if since is None else since_us(since, now_us=deployment.clock.now_us())
        rows = Counted(exported_rows(deployment.lake, deployment.registry, spec, since=oldest, part=part))
        with _opened(file) as out:
            plugins.load(_FORMATS, file_format).write(out, rows, spec)
    if as_json:
        write_json({"loop": spec.loop, "file": str(file), "n_written": rows.n_written, "n_left_out": rows.n_left_out})
        return
    write_note(f"wrote {counted(rows.n_written, 'example')} of {spec.loop}.")
    if rows.n_left_out:
        write_note(f"note: {counted(rows.n_left_out, 'example')} without known probabilities left out.")


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    """The file, new or overwritten, or the screen, which stays open.

    Raises:
        Invalid: it cannot be written.
    """
    try:
        return nullcontext(sys.stdout.buffer) if str(file) == "-" else file.open("wb")
    except OSError as error:
        raise Invalid([Fault(str(file), f"cannot be written: {error.strerror}.", "unwritable")]) from None
