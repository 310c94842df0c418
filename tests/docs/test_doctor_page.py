"""The page of the doctor is true: its commands run on a loop, and every cause that there is, is in its table."""

import json
import re
import shlex
from pathlib import Path

import pytest

from clinic import Clinic
from policyloop.care.doctor.diagnose import CAUSES
from policyloop.cli.app import main
from policyloop.core import plugins
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment

PAGE = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(block) for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]


class RunningClock(SystemClock):
    """The machine's time, for a clinic that only ever lets it run."""

    at = 0


@pytest.fixture
def said(tmp_path, monkeypatch, capsys):
    """A function that runs a command of the page and answers its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    with open_deployment(Home(tmp_path / "policyloop-data"), RunningClock()) as deployment:
        clinic = Clinic(deployment, loop="front-page")
        clinic.visit(800)
        clinic.refresh()
        clinic.visit(800)
        clinic.settle()
        clinic.log.close()

    def run(command, *more):
        with pytest.raises(SystemExit) as left:
            main([*command[1:], *more])
        return left.value.code or 0, capsys.readouterr().out

    return run


def test_both_commands_run_as_the_page_says(said):
    assert [command[:2] for command in COMMANDS] == [["policyloop", "doctor"], ["policyloop", "features"]]
    doctor, features = COMMANDS

    assert said(doctor) == (0, "Loop 'front-page' is healthy: 1,600 decisions, 1,600 examples.\n")
    code, table = said(features)
    assert code == 0
    assert re.search(r"^device +\+0\.\d+ ± 0\.\d+ +\+\d+\.\d % ±.* used *$", table, re.MULTILINE), table


def test_scripts_get_the_keys_that_the_page_names(said):
    doctor, features = COMMANDS

    _, told = said(doctor, "--json")
    assert {"healthy", "sentence", "causes", "notes", "needs"} <= set(json.loads(told))
    _, weighed = said(features, "--json")
    for key in json.loads(weighed)["fields"][0]:
        assert f"`{key}`" in PAGE, key


def test_the_python_on_the_page_runs(said, capsys):
    for block in re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE):
        exec(compile(block, "docs/doctor.md", "exec"), {})

    healthy, weighed = capsys.readouterr().out.splitlines()
    assert healthy == "True []"
    assert "hour" in weighed


def test_every_cause_is_in_the_table():
    rows = re.findall(r"^\| `([\w-]+)` \|", PAGE, re.MULTILINE)

    assert sorted(rows) == sorted(plugins.as_written(CAUSES, name) for name in plugins.ours(CAUSES))
