"""The command line: finds the command's file by name, runs it, and tells errors in one way.

Question answered: what did the user ask for, and whose mistake is it when it fails?
A listing reads file names and docstrings, and a command's own `--help` its signature: what the command works with is
imported when it runs. Exit codes: 0 done, 2 the user's mistake (the same text as HTTP gives), 1 ours (`doctor` adds 3: the
loop is not well); `POLICYLOOP_DEBUG=1` shows the traceback.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

import policyloop
from policyloop.cli.signature import signature_module
from policyloop.core import plugins
from policyloop.core.errors import PolicyloopError, unknown

COMMANDS = "policyloop.cli.commands"
EXIT_OURS = 1
EXIT_USERS = 2
EXIT_INTERRUPTED = 130
_DEBUG = "POLICYLOOP_DEBUG"


class LazyCommands(TyperGroup):
    """A group whose commands are files of the family, imported when they are run."""

    is_listing = False

    def list_commands(self, ctx: Any) -> list[str]:
        """Names as they are typed, in alphabetical order."""
        return sorted(typed_name(name) for name in plugins.names(COMMANDS))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name; while help is listed, one that has only its first line."""
        file = next((name for name in plugins.names(COMMANDS) if typed_name(name) == cmd_name), None)
        if file is None:
            return None
        if self.is_listing:
            return TyperCommand(cmd_name, short_help=plugins.summary(COMMANDS, file))
        return _command_of(cmd_name, file)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does it, with the nearest name where there is no such command."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            ctx.fail(unknown("command", args[0], self.list_commands(ctx)))
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """The help, without importing the commands that it lists."""
        self.is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self.is_listing = False


def typed_name(file_name: str) -> str:
    """A command as it is typed: `import_` is `import`, since Python keeps that word for itself."""
    return file_name.rstrip("_").replace("_", "-")


def _command_of(name: str, file: str) -> Any:
    """The command in a file: its Typer `app` where it has one, else its function `run`."""
    is_ours = file in plugins.ours(COMMANDS)
    module = signature_module(COMMANDS, file) if is_ours else plugins.load(COMMANDS, file)
    app = getattr(module, "app", None)
    if app is None:
        app = typer.Typer(add_completion=False, rich_markup_mode=None)
        app.command(name, help=module.run.__doc__)(module.run)
    command = get_command(app)
    command.name = name
    for sub in getattr(command, "commands", {}).values():
        sub.short_help = (sub.help or "").partition("\n")[0]  # whole: by itself it would be cut in a list of commands
    return command


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"policyloop {policyloop.__version__}")
        raise typer.Exit


root = typer.Typer(cls=LazyCommands, add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@root.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version and leave."),
) -> None:
    """Makes decisions for other software, learns from what came of them, and changes policies only through a gate.

    Begin with `policyloop demo`, or `policyloop init my-loop` and `policyloop up`.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    try:
        get_command(root)(args, prog_name="policyloop")
    except PolicyloopError as error:
        _tell(error, str(error), error.help)
        sys.exit(EXIT_USERS if error.status < 500 else EXIT_OURS)
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:  # `policyloop models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_OURS)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a short message instead of a traceback
        _tell(error, f"{type(error).__name__}: {error}", f"This is our mistake; {_DEBUG}=1 shows where it happened.")
        sys.exit(EXIT_OURS)


def _tell(error: BaseException, message: str, hint: str | None) -> None:
    """The message on stderr, with the traceback where it is asked for."""
    if os.environ.get(_DEBUG):
        traceback.print_exception(error)
    print(f"error: {message}" + (f"\n{hint}" if hint else ""), file=sys.stderr)
