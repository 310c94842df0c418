"""Show the settings, each with where it came from."""

from __future__ import annotations

from pathlib import Path

import typer

from policyloop.cli.options import AsJson, HomeFolder
from policyloop.cli.screen import write_json, write_table
from policyloop.core.settings import Value, read_settings

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Settings of this deployment.", rich_markup_mode=None)


@app.callback()
def _config() -> None:
    """Settings of this deployment; loops are no settings, they are files of their own."""


@app.command()
def show(home: HomeFolder = None, as_json: AsJson = False) -> None:
    """Show each setting, its value and where it came from: default, policyloop.yaml, environment or flag."""
    settings = read_settings(Path.cwd(), flags={"home.path": None if home is None else str(home)})
    values = sorted(settings.values.items())
    if as_json:
        write_json({name: {"value": value.shown, "source": value.source} for name, value in values})
    else:
        rows = [(name, _told(value), value.source, value.setting.about) for name, value in values]
        write_table(("setting", "value", "from", "what it is for"), rows)


def _told(value: Value) -> str:
    """The value as a cell of a table."""
    return ", ".join(value.shown) if isinstance(value.shown, tuple) else str(value.shown)
