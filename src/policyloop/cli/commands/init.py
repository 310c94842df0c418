"""Write a loop file to start from, with every key and what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from policyloop.cli.options import AsJson
from policyloop.cli.screen import write_json, write_note
from policyloop.cli.table_file import read_columns
from policyloop.cli.words import actions_in_words, counted
from policyloop.core import plugins
from policyloop.core.errors import Fault, Invalid, UnknownName
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.core.spec_inference import infer_document
from policyloop.core.spec_template import EXAMPLE, EXAMPLE_OF_CANDIDATES, template_of
from policyloop.core.spec_warnings import warnings_of

_PROTOCOLS = "policyloop.interop.protocols"
_COMMA = re.compile(r"[-+]?\d*,\d+")


def run(
    name: Annotated[str, typer.Argument(metavar="LOOP", help="Name of the new loop.", show_default=False)],
    table: Annotated[
        Path | None, typer.Option("--from", help="A table of past data to infer the fields from.", show_default=False)
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Column of that table whose values become the actions.", show_default=False)
    ] = None,
    like: Annotated[
        str | None,
        typer.Option("--like", help="A protocol whose clients the loop is for, such as personalizer.", show_default=False),
    ] = None,
    candidates: Annotated[
        bool, typer.Option("--candidates", help="The caller brings the actions along, with features.")
    ] = False,
    decimal: Annotated[str, typer.Option("--decimal", help="What stands before decimals in that table: . or ,")] = ".",
    out: Annotated[Path | None, typer.Option("--out", help="File to write; LOOP.yaml by default.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """Write a loop file to start from, with every key and what it means.

    With --from, fields, types, bounds and category values come from a table: CSV, tab- or space-separated.
    With --candidates, the caller sends the actions with each decision.
    With --like personalizer, the loop stands behind an endpoint for clients of that service.
    An existing file is never overwritten.
    """
    if label is not None and table is None:
        raise Invalid([Fault("--label", f"is '{label}' without a table; expected --from FILE beside it.")])
    if decimal not in (".", ","):
        raise Invalid([Fault("--decimal", f"is '{decimal}'; expected . or ,")])
    columns = {} if table is None else read_columns(table, decimal=decimal)
    if (like is not None) + (table is not None) + candidates > 1:
        raise Invalid([Fault("--from", "stands beside --like or --candidates; expected one of the three.")])
    if like is not None:
        document = _document_like(like)
    elif candidates:
        document = EXAMPLE_OF_CANDIDATES
    else:
        document = EXAMPLE if table is None else infer_document(columns, label=label)
    spec = read_spec({"loop": name, **document})
    about = [] if table is None else [*_about_bounds(spec, table), *_about_commas(columns, decimal)]
    path = Path(f"{name}.yaml") if out is None else out
    _write(path, template_of(spec, about=about))
    if as_json:
        write_json({"loop": spec.loop, "file": str(path), "notes": [*about, *warnings_of(spec)]})
        return
    for note in [*about, *warnings_of(spec)]:
        write_note(f"note: {note}")
    typer.echo(f"wrote {path} ({counted(len(spec.context), 'field')}, {actions_in_words(spec)}).")
    typer.echo(f"Next: edit it, then `policyloop apply {path}`.")


def _write(path: Path, text: str) -> None:
    """A new file; one that is there stays as it is."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Invalid([Fault(str(path), "exists already; expected a new name, or --out OTHER.yaml.", "exists")]) from None
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be written: {error.strerror}.", "unwritable")]) from None


def _about_bounds(spec: LoopSpec, table: Path) -> list[str]:
    """What to know of bounds that come from a table."""
    if all(field.min is None and field.max is None for field in spec.context.values()):
        return []
    return [
        f"Bounds of numbers are those of {table.name} and as far again beyond as its values span. What lies outside is "
        f"refused: put what can really be."
    ]


def _about_commas(columns: Mapping[str, Sequence[str]], decimal: str) -> list[str]:
    """That values which were taken for words look like numbers."""
    found = [name for name, cells in columns.items() if all(map(_COMMA.fullmatch, cells))]
    if decimal != "." or not found:
        return []
    return [f"{', '.join(found)} look like numbers with a decimal comma, and were read as words: expected `--decimal ,`."]


def _document_like(like: str) -> Mapping[str, Any]:
    """The loop that a protocol's clients expect.

    Raises:
        UnknownName: no protocol of that name has a loop of its own.
    """
    loops = {name: getattr(plugins.load(_PROTOCOLS, name), "LOOP", None) for name in plugins.names(_PROTOCOLS)}
    known = {name: loop for name, loop in loops.items() if loop is not None}
    if like not in known:
        raise UnknownName("protocol with a loop of its own", like, known)
    document: Mapping[str, Any] = known[like]
    return document
