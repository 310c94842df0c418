"""Options that many commands share, so that each has one name and one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

LoopName = Annotated[str, typer.Argument(metavar="LOOP", help="Name of the loop.", show_default=False)]
HomeFolder = Annotated[Path | None, typer.Option("--home", help="Data folder, instead of the project's.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Answer in JSON, for scripts.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
UnderSupervisor = Annotated[bool, typer.Option("--under-supervisor", hidden=True, help="End together with the supervisor.")]
