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
MODULES = sorted(m.name for m in pkgutil.walk_packages([str(SOURCE)], "policyloop."))
# A word that says nothing about what a file holds.
NO_NAMES = {"utils", "util", "helpers", "common", "misc", "base", "manager"}
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
    (contract,) = PROJECT["tool"]["importlinter"]["contracts"]
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


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_a_file_opens_with_what_it_is_and_stays_short(file):
    text = file.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text))

    assert docstring, "no docstring"
    assert docstring.split("\n", 1)[0].rstrip().endswith((".", "?", ":", ";")), "the first line is no sentence"
    assert len(text.splitlines()) <= 400, "over 400 lines"
    assert not NO_NAMES & {file.stem, file.parent.name}, "a name that says nothing"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_functions_are_short_and_import_nothing(file):
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            n_lines = node.end_lineno - node.body[0].lineno + 1 if not ast.get_docstring(node) else _lines_after_docstring(node)
            assert n_lines <= 50, f"{node.name} has {n_lines} lines"
            inner = [n for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
            assert not inner, f"{node.name} imports something"


def _lines_after_docstring(node):
    return node.end_lineno - node.body[0].end_lineno


def test_every_module_imports():
    for name in MODULES:
        if name not in NOT_IMPORTABLE:
            importlib.import_module(name)


def test_the_client_and_what_stands_apart_are_not_imported_by_the_stages():
    for file in FILES:
        room = file.relative_to(SOURCE).parts[0]
        if room in (*rooms_of_docstring()[:13],):
            imported = re.findall(r"^\s*(?:from|import) policyloop\.(\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
            assert not set(imported) & set(APART), file


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
