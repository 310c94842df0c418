"""`policyloop import history`: a file is read, shown with a picture, and brought in; or a loop file is made of it.

Question answered: what does a person see before anything is learned from the file?
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import typer

from policyloop.cli.project import deployment_of, loop_files, read_specs, settings_of
from policyloop.cli.screen import write_json, write_note, write_table
from policyloop.cli.words import counted
from policyloop.core.errors import BadExpression, Fault, Invalid, UnknownLoop
from policyloop.core.expression import Expression
from policyloop.core.loop import LoopSpec
from policyloop.core.settings import Settings
from policyloop.core.spec_episodes import ACTION
from policyloop.core.spec_file import read_spec
from policyloop.core.spec_template import template_of
from policyloop.interop.historian.plot import draw
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.proposal import propose, roomy_steps
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
    standing, is_applied = _standing(loop, settings)
    path = Path(f"{loop}.yaml")
    document = _proposed(file, path, loop, reading, new) if standing is None else {}
    spec = standing or read_spec({"loop": loop, **document})
    prepared = prepare(file, spec, reading)
    shown, steps = show(prepared, spec)
    shown = replace(shown, notes=(*shown.notes, *(_unused(new, spec) if standing is not None else ())))
    picture = None if plot == _NO_PLOT or not len(steps) else draw(steps, spec, Path(plot or f"{spec.loop}-history.png"))
    told: dict[str, Any] = {"loop": loop, "file": str(file), "shown": asdict(shown)}
    told |= {"plot": None if picture is None else str(picture), "written": False}
    if not as_json:
        _show(shown, picture)
    if standing is None and not dry_run:
        document["episodes"]["max_steps"] = roomy_steps(int(shown.length.most))
        _write_loop(path, read_spec({"loop": loop, **document}), file)
        told["loop_file"] = str(path)
    if is_applied and not dry_run:
        with deployment_of(settings) as deployment:
            brought = bring_in(deployment, spec, prepared.history, policy=policy)
        told |= {"written": brought.is_new, "history": brought.history}
        if not as_json:
            _say_written(brought.is_new, brought.n_decisions, spec)
    elif not as_json:
        typer.echo(_not_imported(loop, path, is_new=standing is None, is_applied=is_applied, is_dry=dry_run))
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


def _proposed(file: Path, path: Path, loop: str, reading: Reading, new: NewLoop) -> dict[str, Any]:
    """A loop of the columns, where no file is in the way of its own."""
    if path.exists():
        raise Invalid([Fault(str(path), f"exists already, and is not of a loop named '{loop}'; expected another name.")])
    return propose(file, reading, actions=new.actions, outcomes=new.outcomes, reward=new.reward)


def _unused(new: NewLoop, spec: LoopSpec) -> list[str]:
    """What was said for a new loop, and differs from what the loop says that is there."""
    known = {part.name for part in spec.actions.box} | {choice.name for choice in spec.actions.choices}
    known |= {ACTION} if spec.actions.labels else set()
    is_other = {
        "--actions": bool(new.actions) and set(new.actions) != known,
        "--outcomes": bool(new.outcomes) and set(new.outcomes) != set(spec.outcomes),
        "--reward": new.reward is not None and not _is_reward(new.reward, spec),
    }
    options = [option for option, differs in is_other.items() if differs]
    if not options:
        return []
    return [
        f"{' and '.join(options)} counted for nothing: loop '{spec.loop}' is there, and its loop file says something else. "
        f"Edit that file, and `policyloop apply` it."
    ]


def _is_reward(text: str, spec: LoopSpec) -> bool:
    """Whether that is the loop's reward, however it is written."""
    try:
        return Expression.parse(text, spec.reward.expression.names) == spec.reward.expression
    except BadExpression:
        return False


def _write_loop(path: Path, spec: LoopSpec, file: Path) -> None:
    """The loop file, where none is."""
    about = [
        f"Made of {file.name}. Bounds of fields are those of the data and as far again beyond; bounds of actions are what was",
        "done, and no model will ever leave them. Put what can really be.",
    ]
    try:
        with path.open("x", encoding="utf-8") as out:
            out.write(template_of(spec, about=about))
    except FileExistsError:
        raise Invalid([Fault(str(path), "came to be meanwhile; expected another name.")]) from None
    except OSError as error:
        raise Invalid([Fault(str(path), f"cannot be written: {error.strerror}.", "unwritable")]) from None


def _not_imported(loop: str, path: Path, *, is_new: bool, is_applied: bool, is_dry: bool) -> str:
    """Why nothing came in, and what to do with a loop that is not applied."""
    if is_dry and is_applied:
        return "Nothing was imported (--dry-run)."
    if is_dry and is_new:
        return f"Nothing was imported, and no loop file written (--dry-run). Next: without it, {path} is made of this file."
    wrote = f"wrote {path}: a loop made of this file. Look at it before anything else.\n" if is_new else ""
    edit = f"edit {path}, then " if is_new else ""
    next_ = f"Next: {edit}`policyloop apply`, then this command again."
    return f"{wrote}Nothing was imported: loop '{loop}' is not applied yet. {next_}"


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
