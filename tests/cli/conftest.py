"""Runs the command line in a folder of its own, as a user would."""

from typing import NamedTuple

import pytest

from policyloop.cli.app import main


class Ran(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def policyloop(tmp_path, monkeypatch, capsys):
    """A function that runs `policyloop ARGS` in tmp_path and answers its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*args):
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        printed = capsys.readouterr()
        code = left.value.code
        return Ran(0 if code is None else code, printed.out, printed.err)

    return run
