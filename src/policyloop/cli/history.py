"""`policyloop import history`: a file is read, shown with a picture, and brought in; or a loop file is made of it.

Question answered: what does a person see before anything is learned from the file?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import typer

from policyloop.cli.project import deployment_of, loop_files, read_specs, settings_of
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.cli.words import counted
from policyloop.core.errors import Fault, Invalid, UnknownLoop
from policyloop.core.loop import LoopSpec
from policyloop.core.settings import Settings
from policyloop.core.spec_file import read_spec
from policyloop.core.spec_template import template_of
from policyloop.interop.historian.plot import draw
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.proposal import propose
from policyloop.interop.historian.reading import Reading
from policyloop.interop.historian.shown import Shown, Spread, show
from policyloop.run.episodes.histories import bring_in

_NO_PLOT = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLoop:
    """What is said of a loop that is not there yet."""

    actions: Sequence[str]
    outcomes: Sequence[str]
    reward: str | None


def import_history(
    file: Path,
    loop: str,
    reading: Reading,
    *,
    new: NewLoop,
    policy: str,
    plot: str | None,
    dry_run: bool,
    home: Path | None,
    as_json: bool,
) -> None:
    """Read, show and bring in.

    Args:
        file: CSV or Parquet.
        loop: its name.
        reading: how the file is read.
        new: for a loop that is not there yet.
        policy: name of who decided.
        plot: file of the picture; None: LOOP-history.png, `none`: no picture.
        dry_run: only show.
        home: data folder, instead of the project's.
        as_json: for scripts.
    """
    settings = settings_of(home)
    spec, is_applied = _standing(loop, settings)
    told: dict[str, Any] = {"loop": loop, "file": str(file)}
    if spec is None:
        spec, path = _new_loop(file, loop, reading, new)
        told["loop_file"] = str(path)
        if not as_json:
            typer.echo(f"wrote {path}: a loop made of this file. Look at it before anything else.")
    prepared = prepare(file, spec, reading)
    shown, steps = show(prepared, spec)
    picture = None if plot == _NO_PLOT or not len(steps) else draw(steps, spec, Path(plot or f"{spec.loop}-history.png"))
    told |= {"shown": asdict(shown), "plot": None if picture is None else str(picture), "written": False}
    if not as_json:
        _show(shown, picture)
    if is_applied and not dry_run:
        with deployment_of(settings) as deployment:
            brought = bring_in(deployment, spec, prepared.history, policy=policy)
        told |= {"written": brought.is_new, "history": brought.history}
        if not as_json:
            _say_written(brought.is_new, brought.n_decisions, spec)
    elif not as_json:
        typer.echo("Nothing was imported (--dry-run)." if dry_run and is_applied else _next_step(loop, told.get("loop_file")))
    if as_json:
        write_json(told)


def split_names(told: Sequence[str] | None) -> list[str]:
    """Names that were given one by one, or with commas between them."""
    return [name.strip() for one in told or () for name in one.split(",") if name.strip()]


def _standing(loop: str, settings: Settings) -> tuple[LoopSpec | None, bool]:
    """The loop as it stands, and whether it is applied; else as its file in the project says; else None."""
    if settings.home.path.is_dir():
        with deployment_of(settings) as deployment:
            try:
                return deployment.registry.standing(loop).spec, True
            except UnknownLoop:
                pass
    named = [spec for spec in read_specs(loop_files(Path.cwd()), settings) if spec.loop == loop]
    return (named[0], False) if named else (None, False)


def _new_loop(file: Path, loop: str, reading: Reading, new: NewLoop) -> tuple[LoopSpec, Path]:
    """A loop file of the columns, written where none is."""
    document = propose(file, reading, actions=new.actions, outcomes=new.outcomes, reward=new.reward)
    spec = read_spec({"loop": loop, **document})
    path = Path(f"{loop}.yaml")
    about = [
        f"Made of {file.name}. Bounds of fields are those of the data and as far again beyond; bounds of actions are what was",
        "done, and no model will ever leave them. Put what can really be.",
    ]
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(template_of(spec, about=about))
    except FileExistsError:
        raise Invalid(
            [Fault(str(path), f"exists already, and is not of a loop named '{loop}'; expected another name.")]
        ) from None
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be written: {error.strerror}.", "unwritable")]) from None
    return spec, path


def _next_step(loop: str, loop_file: str | None) -> str:
    """What to do with a loop that is not applied."""
    edit = f"edit {loop_file}, then " if loop_file is not None else ""
    return f"Nothing was imported: loop '{loop}' is not applied yet. Next: {edit}`policyloop apply`, then this command again."


def _show(shown: Shown, picture: Path | None) -> None:
    """The history for people."""
    ends = f"{shown.n_terminated:,} terminated, {shown.n_truncated:,} truncated"
    made = f"{counted(shown.n_rows, 'row')} made {counted(shown.n_episodes, 'episode')}"
    typer.echo(f"{made} ({ends}), {counted(shown.n_steps, 'step')}.")
    rows = [("steps of an episode", shown.length), ("return of an episode", shown.returns)]
    rows += [*shown.columns.items(), *shown.values.items()]
    write_table(("", "least", "mean", "most"), [(name, *_in_words(spread)) for name, spread in rows])
    for what, counts in (("action", shown.taken), ("acted", shown.sources), ("propensity", shown.kinds)):
        if counts:
            typer.echo(f"{what}: {_shares(counts)}")
    for repair, n in shown.repaired.items():
        typer.echo(f"repaired: {repair}, {n:,} times")
    for note in shown.notes:
        write_note(f"note: {note}")
    if picture is not None:
        typer.echo(f"picture: {picture}")


def _say_written(is_new: bool, n_decisions: int, spec: LoopSpec) -> None:
    if not is_new:
        typer.echo("This history is in the tables already: nothing was written.")
        return
    typer.echo(
        f"imported {counted(n_decisions, 'decision')}. "
        f"Next: `policyloop join {spec.loop}`, then `policyloop train {spec.loop}`."
    )


def _in_words(spread: Spread) -> tuple[str, str, str]:
    return f"{spread.least:,.6g}", f"{spread.mean:,.6g}", f"{spread.most:,.6g}"


def _shares(counts: Mapping[str, int]) -> str:
    """`random 50 %, expert 50 %`."""
    total = sum(counts.values()) or 1
    return ", ".join(f"{name} {n / total:.1%}" for name, n in sorted(counts.items(), key=lambda one: -one[1]))
