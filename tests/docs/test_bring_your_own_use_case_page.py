"""docs/bring-your-own-use-case.md is true: its commands run in order in an empty folder, and better policies come of them."""

import json
import os
import re
import shlex
import shutil
import sys
import time
from pathlib import Path

import pytest
import yaml

from policyloop.cli.app import main

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bring-your-own-use-case.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


COMMANDS = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
LOOP, OWN = blocks("yaml")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("room.py", "my_ppo.py"):
        shutil.copy(ROOT / "examples" / name, tmp_path)
    (tmp_path / "room.yaml").write_text(LOOP, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def run(folder, monkeypatch, capsys):
    """A function that runs one command of the page as it stands there, in that folder, and answers what it printed."""

    def ran(command):
        words = [word for word in command if not re.match(r"[A-Z_]+=", word)]
        with monkeypatch.context() as patched, pytest.raises(SystemExit) as left:
            for variable in command[: -len(words)]:
                patched.setenv(*variable.split("=", 1))
            main(words[1:])
        printed = capsys.readouterr()
        assert (left.value.code or 0) == 0, printed.err
        return printed.out

    return ran


def test_its_function_is_that_of_the_example():
    (code,) = blocks("python")

    assert code in (ROOT / "examples" / "room.py").read_text(encoding="utf-8")


def test_the_example_of_an_own_algorithm_is_as_short_as_it_says():
    assert len((ROOT / "examples" / "my_ppo.py").read_text(encoding="utf-8").splitlines()) < 80


def test_its_commands_run_in_order_and_make_better_policies(folder, run):
    def mean_return(command):
        return json.loads(run([*command, "--json"]))["mean_return"]

    apply, history, train, listing, models, trial, line, tune, report, apply_own, train_own = COMMANDS
    run(apply)
    before = mean_return(history)
    time.sleep(1.0)  # the window of the last step

    run(train)
    assert "OFFLINE-CHOSEN" in run(listing)
    assert "offline-chosen" in run(models)
    (model,) = json.loads(run([*models, "--json"]))
    tried = [model["model"] if word == "MODEL" else word for word in trial]
    by_fqi = mean_return(tried)
    run(["policyloop", "join", "room"])
    rows = json.loads(run([*line, "--json"]))
    assert rows[0]["policy"] == "imported:random"
    run(tune)
    assert yaml.safe_load((folder / "recipe.yaml").read_text(encoding="utf-8"))["learner"]["name"] == "fqi"
    run(report)
    assert "trial 3" in (folder / "room-report.html").read_text(encoding="utf-8")

    body = {**yaml.safe_load(LOOP), **yaml.safe_load(OWN)}
    (folder / "room.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    run(apply_own)
    run(train_own)
    newest = json.loads(run([*models, "--json"]))[0]["model"]
    by_own = mean_return([newest if word == "MODEL" else word for word in trial])

    assert before < -120  # standard errors of all three are below 15
    assert by_fqi > before + 60
    assert by_own > before + 60
