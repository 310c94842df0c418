"""The house: one order of rooms, told in four places that must agree; every file opens with what it is."""

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import policyloop

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "policyloop"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
APART = ("client", "testing")
FILES = sorted(SOURCE.rglob("*.py"))
PARSED = [(f.relative_to(SOURCE), text := f.read_text(encoding="utf-8"), ast.parse(text)) for f in FILES]
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(SOURCE)], "policyloop."))
# A word that says nothing about what a file holds.
NO_NAMES = {"utils", "util", "helpers", "common", "misc", "base", "manager"}
# Libraries of the extras in pyproject.toml, by the name that is imported.
OPTIONAL = {"torch", "vowpalwabbit"}
# Run by alembic alone, inside a migration.
NOT_IMPORTABLE = {"policyloop.storage.migrations.env"}


def rooms_of_docstring():
    return re.findall(r"^    (\w+) {2,}\S", policyloop.__doc__, re.MULTILINE)


def rooms_of_architecture():
    """room -> whether the paper says that it is still to come."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)/` \|(.*)\|$", text, re.MULTILINE)
    return {room: "(to come)" in rest for room, rest in rows}


def rooms_of_layers():
    contract, _ = PROJECT["tool"]["importlinter"]["contracts"]  # the other is of the rooms of run/
    return [layer.strip("()").removeprefix("policyloop.") for layer in reversed(contract["layers"])]


def test_the_table_of_contents_the_paper_and_the_import_layers_tell_one_order():
    told = rooms_of_docstring()

    assert len(told) == 20
    assert [room for room in rooms_of_architecture() if room not in APART] == told
    assert rooms_of_layers() == told


def test_every_room_is_there_or_said_to_come_and_nothing_else_is_there():
    is_to_come = rooms_of_architecture()
    there = {file.parent.name for file in SOURCE.glob("*/__init__.py")}

    assert there == {room for room, later in is_to_come.items() if not later}


def test_files_open_with_what_they_are_and_stay_short():
    faults = []
    for file, text, tree in PARSED:
        docstring = ast.get_docstring(tree) or ""
        if not docstring.split("\n", 1)[0].rstrip().endswith((".", "?", ":", ";")):
            faults.append(f"{file}: its docstring does not open with a sentence")
        if text.count("\n") > 400:
            faults.append(f"{file}: {text.count(chr(10))} lines; expected at most 400")
        if NO_NAMES & {file.stem, file.parent.name}:
            faults.append(f"{file}: a name that says nothing")

    assert faults == []


def test_functions_stay_short_and_import_nothing():
    faults = []
    for file, _, tree in PARSED:
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or file.parent.name == "versions":
                continue  # a migration is a list, and it is never changed
            first = node.body[0]
            n_lines = node.end_lineno - (first.end_lineno if ast.get_docstring(node) else first.lineno - 1)
            if n_lines > 50:
                faults.append(f"{file}: {node.name} has {n_lines} lines; expected at most 50")
            if any(isinstance(inner, ast.Import | ast.ImportFrom) for inner in ast.walk(node)):
                faults.append(f"{file}: {node.name} imports something")

    assert faults == []


def test_every_module_imports_that_needs_no_library_left_out():
    for name in MODULES:
        try:
            if name not in NOT_IMPORTABLE:
                importlib.import_module(name)
        except ModuleNotFoundError as error:
            assert (error.name or "").split(".")[0] in OPTIONAL, name


def test_what_stands_apart_is_not_imported_by_the_stages():
    stages = rooms_of_docstring()[:13]
    pattern = re.compile(r"^\s*(?:from|import) policyloop\.(client|testing)\b", re.MULTILINE)

    assert [str(file) for file, text, _ in PARSED if file.parts[0] in stages and pattern.search(text)] == []


def test_every_public_name_is_there():
    for name in policyloop.__all__:
        assert getattr(policyloop, name).__name__ == name
    assert policyloop.__version__ == PROJECT["project"]["version"]
    with pytest.raises(AttributeError, match="no attribute 'Agent'"):
        policyloop.Agent  # noqa: B018


def test_the_client_is_one_class_under_two_names():
    from policyloop.client import Client  # noqa: PLC0415

    assert policyloop.Client is Client


def test_importing_the_package_loads_none_of_its_rooms():
    script = "import sys, policyloop; print([m for m in sys.modules if m.startswith('policyloop.')])"

    told = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, cwd=ROOT / "src").stdout

    assert told.strip() == "[]"
