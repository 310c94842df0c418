"""The project that a command works on: the current folder with its policyloop.yaml, its loop files and its data folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from policyloop.core.errors import Fault, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.settings import PROJECT_FILE, Settings, read_settings
from policyloop.core.spec_file import is_loop_file, read_spec_file
from policyloop.run.deployment import Deployment, check_is_there, open_deployment


def settings_of(home: Path | None, flags: Mapping[str, Any] | None = None) -> Settings:
    """The project's settings.

    Args:
        home: the flag `--home`; None where it was not given.
        flags: `section.key` -> value of the command's other flags; None values were not given.
    """
    return read_settings(Path.cwd(), flags={"home.path": None if home is None else str(home), **(flags or {})})


def loop_files(folder: Path) -> list[Path]:
    """The loop files of a project: every `*.yaml` or `*.yml` with a top-level `loop:` key, in alphabetical order."""
    found = [*folder.glob("*.yaml"), *folder.glob("*.yml")]
    return sorted(path for path in found if path.name != PROJECT_FILE and is_loop_file(path))


def read_specs(paths: Sequence[Path], settings: Settings) -> list[LoopSpec]:
    """The specs of loop files, over the project's defaults.

    Raises:
        Invalid: the faults of all files at once, or two files are about one loop.
    """
    specs: dict[Path, LoopSpec] = {}
    faults: dict[Path, list[Fault]] = {}
    for path in paths:
        try:
            specs[path] = read_spec_file(path, defaults=settings.loop_defaults)
        except Invalid as error:
            faults[path] = list(error.faults)
    file_of: dict[str, Path] = {}
    for path, spec in specs.items():
        first = file_of.setdefault(spec.loop, path)
        if first != path:
            told = f"is '{spec.loop}', the loop of {first} already; expected one file for each loop."
            faults[path] = [Fault("$.loop", told, "name_taken")]
    if faults:
        listed = [_in_file(path, fault) for path, found in faults.items() for fault in found]
        raise Invalid(listed, subject=f"what is in {', '.join(str(path) for path in faults)}")
    return list(specs.values())


def _in_file(path: Path, fault: Fault) -> Fault:
    """The fault with the file it is in; one that says which already stays."""
    return fault if fault.where == str(path) else replace(fault, where=f"{path}: {fault.where}")


def unapplied(loop: str, deployment: Deployment, settings: Settings) -> Path | None:
    """The file of a loop in this folder, where it says something else than what is applied; files with faults say nothing."""
    for path in loop_files(Path.cwd()):
        try:
            spec = read_spec_file(path, defaults=settings.loop_defaults)
        except Invalid:
            continue
        if spec.loop == loop:
            return path if deployment.registry.plan(spec) else None
    return None


@contextmanager
def deployment_of(settings: Settings) -> Iterator[Deployment]:
    """The data folder that the settings name, opened; made where it is missing."""
    with open_deployment(settings.home) as deployment:
        yield deployment


@contextmanager
def open_project(home: Path | None) -> Iterator[Deployment]:
    """The project's data folder, opened, for commands that look at what is there: a missing one is not made.

    Raises:
        NothingToDo: there is no data folder yet.
    """
    settings = settings_of(home)
    check_is_there(settings.home)
    with deployment_of(settings) as deployment:
        yield deployment
