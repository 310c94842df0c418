"""A command's signature, read without importing what the command works with."""

import subprocess
import sys

import pytest

from policyloop.cli.app import COMMANDS, typed_name
from policyloop.core import plugins

HEAVY = ("numpy", "pyarrow", "duckdb", "sqlalchemy", "sklearn", "matplotlib", "asyncio", "policyloop.run", "policyloop.lake")
LINES = [[typed_name(name)] for name in plugins.ours(COMMANDS)] + [
    ["simulate", "table"],
    ["simulate", "ranking"],
    ["simulate", "gate"],
    ["config", "show"],
]


@pytest.fixture(scope="module")
def imported_by_help():
    """For each command line, what its --help imported that it should not; one process asks them all in turn."""
    script = (
        "import sys\n"
        "from policyloop.cli.app import main\n"
        f"for line in {LINES!r}:\n"
        "    try: main([*line, '--help'])\n"
        "    except SystemExit: pass\n"
        f"    print('after', *line, *(name for name in {HEAVY!r} if name in sys.modules), file=sys.stderr)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    return ran.stderr.splitlines()


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_help_imports_nothing_heavy(imported_by_help, line):
    assert imported_by_help[LINES.index(line)] == " ".join(["after", *line])


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_the_signature_says_what_the_whole_file_says(policyloop, monkeypatch, line):
    from_signature = policyloop(*line, "--help")
    monkeypatch.setattr("policyloop.cli.app.signature_module", plugins.load)

    from_whole_file = policyloop(*line, "--help")

    assert from_signature == from_whole_file
    assert from_signature.out.startswith("Usage: policyloop")


def test_a_mistyped_option_is_told_before_anything_is_imported():
    script = (
        "import sys\n"
        "from policyloop.cli.app import main\n"
        "try: main(['status', '--wach'])\n"
        "except SystemExit as left: code = left.code\n"
        "sys.exit('imported numpy' if 'numpy' in sys.modules else code)\n"
    )

    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)

    assert ran.returncode == 2
    assert "--watch" in ran.stderr
