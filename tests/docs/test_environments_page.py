"""The page on environments: it names those that there are and what they bring, and what it tells to type can be typed."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from policyloop.cli.app import main
from policyloop.core import plugins
from policyloop.core.errors import MissingLibrary
from policyloop.run.episodes.rollout import EPISODES_OF_A_PART
from policyloop.simulate.environment import FAMILY, open_environment
from policyloop.simulate.environments import cartpole

PAGE = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")
ROWS = {
    name: (told, actors) for name, told, actors in re.findall(r"^\| `(\w+)` \| ([^|]+) \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE)
}
PYTHON = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
LINES = re.findall(r"^policyloop (.*)$", PAGE, re.MULTILINE)
NEEDS = {"gymnasium": {"id": "CartPole-v1"}, "callable": {"function": "room:step", "actions": ["heat", "wait"]}}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "room.py").write_text(PYTHON[1])


def typed(line):
    with pytest.raises(SystemExit) as left:
        main(shlex.split(line))
    return left.value.code or 0


def test_every_environment_is_on_the_page_with_its_actions_and_policies():
    assert set(ROWS) == set(plugins.ours(FAMILY))
    for name, (told, actors) in ROWS.items():
        try:
            environment = open_environment(name, NEEDS.get(name))
        except MissingLibrary:
            continue
        assert re.findall(r"`(\w+)`", actors) == list(environment.actors), name
        if told[0].isdigit():
            assert told == f"{len(environment.problem.actions.labels)} labels", name


def test_the_first_example_plays_itself(capsys):
    exec(compile(PYTHON[0], "environments.md", "exec"), {})

    mean, share = map(float, capsys.readouterr().out.split())
    assert mean > 1000
    assert 0 < share < 1


def test_its_test_of_an_environment_of_your_own_runs(monkeypatch):
    monkeypatch.setitem(sys.modules, "my_environment", cartpole)
    names = {}

    exec(PYTHON[2], names)

    names["test_it_keeps_its_promise"](names["PROMISES"][0])


def test_the_commands_on_the_page_can_be_typed():
    assert EPISODES_OF_A_PART == 8
    small = [line.replace("--episodes 2000", "--episodes 4").replace("--episodes 20", "--episodes 2") for line in LINES]

    codes = {line: typed(line + (" --plot none" if line.startswith("import") else "")) for line in small}

    assert len(codes) == 6
    assert set(codes.values()) == {0}, codes
