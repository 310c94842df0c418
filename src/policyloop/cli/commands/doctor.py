"""Say why a loop is not learning: causes, the gravest first, with numbers and what to do; leaves with 3 when there are some."""

from __future__ import annotations

import msgspec
import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from policyloop.care.doctor.cause import Cause, Diagnosis
from policyloop.care.doctor.diagnose import diagnose
from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json
from policyloop.core.clock import iso

EXIT_UNWELL = 3  # 1 is our mistake and 2 the user's
_COLOUR = {"stops": "bold red", "misleads": "bold yellow", "slows": "bold cyan"}


def run(loop: LoopName, home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Say why a loop is not learning: the causes that are found, the gravest first, with numbers and what to do.

    Leaves with 0 when the loop is healthy, a young one too, and with 3 when a cause was found.
    """
    with open_project(home) as deployment:
        found = diagnose(deployment, loop)
    if as_json:
        write_json(_as_map(found))
    else:
        Console(highlight=False).print(screen_of(found))
    if not found.is_healthy:
        raise typer.Exit(EXIT_UNWELL)


def screen_of(found: Diagnosis) -> RenderableType:
    """A diagnosis as rich text."""
    parts: list[RenderableType] = [Text(found.sentence, style="bold")]
    for place, cause in enumerate(found.causes, 1):
        parts += [Text(""), *_told(place, cause)]
    if found.notes:
        parts += [Text(""), *(Text(note) for note in found.notes)]
    return Group(*parts)


def _told(place: int, cause: Cause) -> list[RenderableType]:
    """One cause: its name, what is seen, and what to do."""
    title = Text.assemble(f"{place}. ", (cause.name, "bold"), "  ", (cause.severity, _COLOUR[cause.severity]))
    lines = Table.grid(padding=(0, 1, 0, 0))
    lines.add_column(width=2, justify="right")
    lines.add_row("", Text(cause.sentence))
    lines.add_row("->", Text(cause.advice))
    return [title, lines]


def _as_map(found: Diagnosis) -> dict[str, object]:
    """All of it, for scripts."""
    told: dict[str, object] = msgspec.to_builtins(found)
    return {**told, "at": iso(found.at), "healthy": found.is_healthy, "sentence": found.sentence}
