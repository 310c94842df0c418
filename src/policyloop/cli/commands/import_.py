"""Bring in decisions and outcomes that another system logged, from files."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from policyloop.cli.history import NewLoop, import_history, split_names
from policyloop.cli.options import AsJson, HomeFolder, LoopName
from policyloop.cli.project import open_project
from policyloop.cli.screen import write_json, write_note
from policyloop.cli.words import counted
from policyloop.core import plugins
from policyloop.core.duration import show_duration
from policyloop.interop.historian.reading import REPAIRS, read_options
from policyloop.interop.import_rows import Imported
from policyloop.lake.bulk import BroughtHistory
from policyloop.run.episodes.history_files import bring_file
from policyloop.run.importing import import_files

_FORMATS, _HISTORIES = "policyloop.interop.formats", "policyloop.interop.histories"
_FORMAT = "FORMAT"  # the command that any other first word is taken for


class _HistoryOrFormat(TyperGroup):
    """`history` is a command; any other first word names a format."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """As Typer does it, with the format in the place of a command."""
        is_format = bool(args) and args[0] not in self.list_commands(ctx) and not args[0].startswith("-")
        return super().resolve_command(ctx, [_FORMAT, *args] if is_format else args)


class _Format(TyperCommand):
    """The command whose first argument is the word that it is called by."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """As Typer does it, without a name of its own."""
        formatter.write_usage(ctx.parent.command_path, " ".join(self.collect_usage_pieces(ctx)))


app = typer.Typer(cls=_HistoryOrFormat, add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)


@app.callback()
def _import() -> None:
    """Bring in what another system logged, from files: decisions that stand alone, or whole histories of episodes."""


@app.command()
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV or Parquet.", show_default=False)],
    *,
    loop: Annotated[str, typer.Option("--loop", help="Name of the loop; made of the file where there is none.")],
    column: Annotated[
        list[str] | None, typer.Option("--column", help="NAME=COLUMN: the loop's name of a column or tag.")
    ] = None,
    ignore: Annotated[list[str] | None, typer.Option("--ignore", help="A column or tag to leave out.")] = None,
    episodes: Annotated[
        str | None, typer.Option("--episodes", help="Where they begin: column=NAME, gap=30m or steps=240.", show_default=False)
    ] = None,
    end: Annotated[
        str, typer.Option("--end", help="How episodes ended that do not say so: terminated or truncated.")
    ] = "truncated",
    time: Annotated[str | None, typer.Option("--time", help="Column of times.", show_default=False)] = None,
    time_zone: Annotated[str, typer.Option("--time-zone", help="Of times that do not name their own.")] = "UTC",
    time_format: Annotated[
        str | None, typer.Option("--time-format", help="Such as '%d.%m.%Y %H:%M:%S'; ISO 8601 by default.", show_default=False)
    ] = None,
    tag: Annotated[str | None, typer.Option("--tag", help="Long tables: column of tags.", show_default=False)] = None,
    value: Annotated[str | None, typer.Option("--value", help="Long tables: column of values.", show_default=False)] = None,
    quality: Annotated[
        str | None, typer.Option("--quality", help="Long tables: column of qualities.", show_default=False)
    ] = None,
    good: Annotated[
        list[str] | None, typer.Option("--good", help="A quality to trust; good, 192, ok, true and 1 by default.")
    ] = None,
    every: Annotated[
        str | None,
        typer.Option("--every", help="A step's time, such as 1m; readings are put on it.", show_default=False),
    ] = None,
    resample: Annotated[
        list[str] | None, typer.Option("--resample", help="last, mean or interpolate; or NAME=METHOD for one column.")
    ] = None,
    max_gap: Annotated[
        str | None,
        typer.Option(
            "--max-gap", help="How old a reading may be; by default the gap of --episodes, or any age.", show_default=False
        ),
    ] = None,
    lag: Annotated[
        list[str] | None, typer.Option("--lag", help="NAME=STEPS: a field with the value of so many steps before.")
    ] = None,
    decimal: Annotated[str, typer.Option("--decimal", help="What stands before decimals: . or ,")] = ".",
    repair: Annotated[
        list[str] | None,
        typer.Option("--repair", help=f"A fault to mend, or several with commas between: {', '.join(REPAIRS)}."),
    ] = None,
    actions: Annotated[
        list[str] | None, typer.Option("--actions", help="For a new loop: a column that was done, not seen.")
    ] = None,
    outcomes: Annotated[list[str] | None, typer.Option("--outcomes", help="For a new loop: a column that came of it.")] = None,
    reward: Annotated[
        str | None, typer.Option("--reward", help="For a new loop: the reward's expression.", show_default=False)
    ] = None,
    policy: Annotated[str, typer.Option("--policy", help="Name of who decided.")] = "history",
    plot: Annotated[
        str | None,
        typer.Option("--plot", help="The picture: LOOP-history.png by default, or none.", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what it would become, and write nothing but the picture.")
    ] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bring in a history of episodes: a table of steps, or a historian's long export.

    It is shown, with a picture, before it is imported. Every fault is told at once, with its rows; each is
    refused until a repair is asked for by its name. The same history enters once, however often it is imported.

    For example: policyloop import history tank.csv --loop tank --episodes gap=30m --actions valve
    """
    reading = read_options(
        columns=column or [],
        ignore=ignore or [],
        decimal=decimal,
        time=time,
        time_format=time_format,
        time_zone=time_zone,
        tag=tag,
        value=value,
        quality=quality,
        good=good or [],
        every=every,
        resample=resample or [],
        max_gap=max_gap,
        lags=lag or [],
        episodes=episodes,
        end=end,
        repairs=",".join(repair or ()),
    )
    new = NewLoop(actions=split_names(actions), outcomes=split_names(outcomes), reward=reward)
    import_history(file, loop, reading, new=new, policy=policy, plot=plot, dry_run=dry_run, home=home, as_json=as_json)


@app.command(_FORMAT, cls=_Format)
def file_of_format(
    file_format: Annotated[
        str,
        typer.Argument(
            metavar="FORMAT",
            help="|".join([*(plugins.as_written(_FORMATS, n) for n in plugins.ours(_FORMATS)), *plugins.ours(_HISTORIES)]),
            show_default=False,
        ),
    ],
    loop: LoopName,
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE", help="The file, or several; all of them or none.", show_default=False)
    ],
    *,
    policy: Annotated[
        str, typer.Option("--policy", help="Name of the policy that decided, where the file does not say.")
    ] = "file",
    outcome: Annotated[
        str | None,
        typer.Option(
            "--outcome", help="What the reward column is reported as, in loops with several outcomes.", show_default=False
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check every row, and write nothing.")] = False,
    home: HomeFolder = None,
    as_json: AsJson = False,
) -> None:
    """Bring in decisions and outcomes that another system logged, from files.

    Every row is checked before the first is written. They go through the log like live events, as
    `imported:POLICY`; importing the same file again counts nothing twice. Files of episodes go into the tables at once.
    """
    name = plugins.file_name(file_format)
    if name in plugins.ours(_HISTORIES):
        _import_episodes(name, loop, files, policy=policy, dry_run=dry_run, home=home, as_json=as_json)
        return
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        told = import_files(
            deployment, spec, file_format=file_format, files=files, policy=policy, outcome=outcome, dry_run=dry_run
        )
    if as_json:
        write_json({"loop": spec.loop, "written": not dry_run, **asdict(told)})
        return
    _show(told, is_dry=dry_run, window=show_duration(spec.reward.window_s))


def _import_episodes(
    file_format: str, loop: str, files: list[Path], *, policy: str, dry_run: bool, home: Path | None, as_json: bool
) -> None:
    """One file of episodes after another."""
    with open_project(home) as deployment:
        spec = deployment.registry.standing(loop).spec
        for file in files:
            told = bring_file(deployment, spec, file, file_format=file_format, policy=policy, dry_run=dry_run)
            what = f"{counted(told.n_episodes, 'episode')} of {counted(told.n_decisions, 'step')}"
            if as_json:
                write_json({"loop": spec.loop, "file": str(file), "written": not dry_run and told.is_new, **_counts(told)})
            elif dry_run:
                typer.echo(f"checked {what}; nothing was written (--dry-run).")
            elif told.is_new:
                typer.echo(f"imported {what}. `policyloop up` or `policyloop join` makes transitions of them.")
            else:
                typer.echo(f"{file} was imported before: {what}; nothing was done.")


def _counts(told: BroughtHistory) -> dict[str, int]:
    """The counts that a script gets."""
    return {"n_episodes": told.n_episodes, "n_decisions": told.n_decisions}


def _show(told: Imported, *, is_dry: bool, window: str) -> None:
    """What the file became, for people."""
    what = f"{counted(told.n_decisions, 'decision')} and {counted(told.n_outcomes, 'outcome')}"
    typer.echo(f"checked {what}; nothing was written (--dry-run)." if is_dry else f"imported {what}.")
    if told.n_evidence < told.n_decisions:
        n = told.n_decisions - told.n_evidence
        write_note(f"note: {counted(n, 'decision')} came without a whole pmf: learned from, but no evidence for the gate.")
    if told.n_repeated:
        write_note(
            f"note: {counted(told.n_repeated, 'decision')} repeated an id of the file: equal ones count once, "
            f"others not at all."
        )
    for warning in told.warnings:
        write_note(f"note: {warning}")
    if not is_dry:
        typer.echo(f"They become examples {window} from now, by `policyloop up` or `policyloop join`.")
