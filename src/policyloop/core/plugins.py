"""The folder listing is the registry: a plug-in is one file in a family's folder, its name is the file's name.

A name may be written with `-` where the file has `_`: `no-harm` is no_harm.py. In the families of `_WITH_DASHES` that is how
we write it ourselves.
Packages of others add theirs through the entry-point group of the folder's dotted name. A listing reads file
names and docstrings and imports nothing, so that `--help` stays fast and optional libraries stay optional.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from functools import cache
from pathlib import Path
from types import ModuleType

from policyloop.core.errors import MissingLibrary, UnknownName

_WITH_DASHES = frozenset(
    {
        "policyloop.care.causes",
        "policyloop.evaluate.intervals",
        "policyloop.gate.rules",
        "policyloop.simulate.worlds",
        "policyloop.interop.formats",
    }
)
_EXTRA_OF_LIBRARY = {
    "jax": "rl",
    "vowpalwabbit": "vw",
    "ray": "ray",
    "gymnasium": "sim",
    "h5py": "sim",
    "lz4": "sim",
    "torch": "torch",
}


@cache
def ours(family: str) -> tuple[str, ...]:
    """Names of the plug-ins that ship with the package, in alphabetical order."""
    return tuple(sorted(p.stem for p in folder_of(family).glob("*.py") if p.stem != "__init__"))


@cache
def names(family: str) -> tuple[str, ...]:
    """Names of all plug-ins of a family: ours and those of installed packages."""
    return tuple(sorted({*ours(family), *(e.name for e in importlib.metadata.entry_points(group=family))}))


@cache
def load(family: str, name: str) -> ModuleType:
    """The module of a plug-in.

    Raises:
        UnknownName: no plug-in of the family has that name; the nearest is suggested.
        MissingLibrary: the plug-in needs an optional library that is not installed.
    """
    kind = family.rsplit(".", 1)[-1].removesuffix("s") if not family.endswith("policies") else "policy"
    plugin = file_name(name)
    if plugin not in names(family):
        raise UnknownName(kind, name, [as_written(family, known) for known in names(family)])
    try:
        if plugin in ours(family):
            return importlib.import_module(f"{family}.{plugin}")
        (entry,) = (e for e in importlib.metadata.entry_points(group=family) if e.name == plugin)
        return entry.load()  # type: ignore[no-any-return]
    except ModuleNotFoundError as error:
        library = (error.name or "").split(".")[0]
        if library not in _EXTRA_OF_LIBRARY:
            raise
        raise MissingLibrary(name, library, _EXTRA_OF_LIBRARY[library]) from error


def file_name(name: str) -> str:
    """The name of a plug-in's file or entry point, from the name as people write it."""
    return name.replace("-", "_")


def as_written(family: str, name: str) -> str:
    """The name as lists, help and messages write it, from the name of the file or entry point."""
    return name.replace("_", "-") if family in _WITH_DASHES else name


def summary(family: str, name: str) -> str:
    """First line of a plug-in's docstring, read without importing it; empty for plug-ins of others."""
    file = folder_of(family) / f"{file_name(name)}.py"
    if not file.exists():
        return ""
    with file.open(encoding="utf-8") as lines:  # every file of ours opens with its docstring; parsing it all costs --help 30 ms
        return lines.readline().strip().removeprefix('"""').removesuffix('"""')


def folder_of(family: str) -> Path:
    """Where the files of a family lie."""
    spec = importlib.util.find_spec(family)
    assert spec is not None, family
    assert spec.submodule_search_locations, family
    return Path(next(iter(spec.submodule_search_locations)))
