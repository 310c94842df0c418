"""Write a loop's examples, episodes or model to a file that another system reads."""

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
from policyloop.core.model import short
from policyloop.interop.exported_row import PARTS, ExportedRow, exported_rows
from policyloop.run.episodes.history_files import write_file
from policyloop.run.model_out import write_model

_FORMATS = "policyloop.interop.formats"
# A format that can be written has a function `write`; reading the files is faster than importing them.
WRITTEN = tuple(
    plugins.as_written(_FORMATS, name)
    for name in plugins.ours(_FORMATS)
    if "\ndef write(" in (plugins.folder_of(_FORMATS) / f"{name}.py").read_text(encoding="utf-8")
)

_OF_EPISODES, _OF_MODELS = plugins.ours("policyloop.interop.histories"), plugins.ours("policyloop.interop.models")
_FORMATS_IN_WORDS = f"{'|'.join(WRITTEN)} of examples; {'|'.join(_OF_EPISODES)} of episodes; {'|'.join(_OF_MODELS)} of a model."


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
        typer.Argument(
            metavar="FORMAT",
            help=_FORMATS_IN_WORDS,
            show_default=False,
        ),
    ],
    loop: LoopName,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write; - for the screen.", show_default=False)],
    *,
    since: Annotated[
        str | None, typer.Option("--since", help="How far back, such as 12h, 7d or 4w; else all.", show_default=False)
    ] = None,
    part: Annotated[str, typer.Option("--part", help="all, learned (what models learn from) or held-out (the rest).")] = "all",
    model: Annotated[
        str,
        typer.Option("--model", help="Of onnx, safetensors and torch: a digest or its start, champion, previous or anchor."),
    ] = "champion",
    stochastic: Annotated[
        bool, typer.Option("--stochastic", help="Of onnx: draw the action by noise that goes in, and tell its density.")
    ] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Write a loop's examples, episodes or model to a file that another system reads.

    An example is a decision whose window has closed, with its reward. Those whose probabilities are not known are left
    out, and counted. Episodes are written whole; models must be networks, as learners of episodes make them, or of another
    program, which leave as ONNX alone.
    """
    name = plugins.file_name(file_format)
    if name in _OF_MODELS:
        with open_project(home) as deployment:
            of, files = write_model(deployment, loop, file, file_format=name, name=model, is_stochastic=stochastic)
        _tell_model(of, [str(written) for written in files], as_json=as_json)
        return
    if name in _OF_EPISODES:
        _export_episodes(name, loop, file, since=since, part=part, home=home, as_json=as_json)
        return
    _export_examples(file_format, loop, file, since=since, part=part, home=home, as_json=as_json)


def _export_examples(
    file_format: str, loop: str, file: Path, *, since: str | None, part: str, home: Path | None, as_json: bool
) -> None:
    """Examples, one after another."""
    if plugins.as_written(_FORMATS, file_format) not in WRITTEN:
        raise UnknownName("format to export", file_format, [*WRITTEN, *_OF_EPISODES, *_OF_MODELS])
    _check_part(part)
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        if spec.episodes is not None:
            told = f"is for loops without episodes, and loop '{spec.loop}' has them; expected {', '.join(_OF_EPISODES)}."
            raise Invalid([Fault(plugins.as_written(_FORMATS, file_format), told)])
        oldest = 0 if since is None else since_us(since, now_us=deployment.clock.now_us())
        rows = Counted(exported_rows(deployment.lake, deployment.registry, spec, since=oldest, part=part))
        with _opened(file) as out:
            plugins.load(_FORMATS, file_format).write(out, rows, spec)
    if as_json:
        write_json({"loop": spec.loop, "file": str(file), "n_written": rows.n_written, "n_left_out": rows.n_left_out})
        return
    write_note(f"wrote {counted(rows.n_written, 'example')} of {spec.loop}.")
    if not rows.n_written and not rows.n_left_out:
        write_note(
            f"note: no decision's window has closed, as far as was asked; `policyloop join {spec.loop}` says what waits."
        )
    if rows.n_left_out:
        write_note(f"note: {counted(rows.n_left_out, 'example')} without known probabilities left out.")


def _export_episodes(
    file_format: str, loop: str, file: Path, *, since: str | None, part: str, home: Path | None, as_json: bool
) -> None:
    """Episodes, whole."""
    _check_part(part)
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        oldest = None if since is None else since_us(since, now_us=deployment.clock.now_us())
        rows = write_file(deployment, spec, file, file_format=file_format, part=part, since=oldest)
    if as_json:
        write_json({"loop": spec.loop, "file": str(file), "n_episodes": rows.n_episodes, "n_steps": len(rows)})
        return
    write_note(f"wrote {counted(rows.n_episodes, 'episode')} of {spec.loop}, {counted(len(rows), 'step')}.")


def _tell_model(model: str, files: list[str], *, as_json: bool) -> None:
    if as_json:
        write_json({"model": model, "files": files})
    else:
        write_note(f"wrote model {short(model)}: {' and '.join(files)}.")


def _check_part(part: str) -> None:
    if part not in PARTS:
        raise Invalid([Fault("--part", unknown("part", part, PARTS), "unknown_name")])


def _opened(file: Path) -> AbstractContextManager[BinaryIO]:
    """The file, new or overwritten, or the screen, which stays open.

    Raises:
        Invalid: it cannot be written.
    """
    try:
        return nullcontext(sys.stdout.buffer) if str(file) == "-" else file.open("wb")
    except OSError as error:
        raise Invalid([Fault(str(file), f"cannot be written: {error.strerror}.", "unwritable")]) from None
