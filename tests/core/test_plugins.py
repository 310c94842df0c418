"""The folder listing is the registry: names without importing, suggestions, and missing libraries in words."""

import sys

import pytest

from policyloop.core import plugins
from policyloop.core.errors import MissingLibrary, UnknownName

FAMILY = "policyloop.run.runners"


def test_a_file_in_the_folder_is_a_plugin_and_its_first_line_is_its_summary():
    assert plugins.ours(FAMILY) == ("local", "ray")
    assert plugins.summary(FAMILY, "local") == "On this machine: a fresh child process per job, started by exec, never by fork."


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(UnknownName, match="no runner is named 'lokal'; did you mean 'local'"):
        plugins.load(FAMILY, "lokal")


def test_a_missing_library_says_what_to_install(tmp_path, monkeypatch):
    package = tmp_path / "outside"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "cql.py").write_text("import jax\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(sys.modules, "jax", None)

    with pytest.raises(
        MissingLibrary, match=r"cql needs the library 'jax', which is not installed; run: pip install 'policyloop\[rl\]'"
    ):
        plugins.load("outside", "cql")
