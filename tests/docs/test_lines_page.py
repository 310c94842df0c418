"""The page of lines of versions is true: what it tells to type is typed here, in a smaller game, and its queries answer."""

import json
import re
import shlex
from pathlib import Path

import pytest

from policyloop.cli.app import main
from policyloop.core.spec_file import read_spec
from policyloop.run.demo import tetris
from policyloop.simulate.environment import open_environment

PAGE = (Path(__file__).parents[2] / "docs" / "lines.md").read_text(encoding="utf-8")
COMMANDS = [shlex.split(line) for line in re.findall(r"^policyloop (.*)$", PAGE, re.MULTILINE)]
(RECIPE,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SMALLER = {"300": "40", "96": "12", "20": "4"}  # episodes
SMALL = {
    "updates: 2000": "updates: 6",
    "checkpoint_every: 1000": "checkpoint_every: 3",
    "channels: []": "channels: [], width: 16, depth: 1",
}


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    """A function that runs a command of the page in a folder, and answers what it printed."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        told = capsys.readouterr()
        assert (left.value.code or 0) == 0, (words, told.err)
        return told.out

    return run


def smaller(command):
    """With fewer episodes."""
    at = command.index("--episodes") + 1 if "--episodes" in command else None
    return [SMALLER[word] if i == at else word for i, word in enumerate(command)]


def with_recipe(file):
    """The loop file that was made, its sections replaced by those of the page, in sizes for a test."""
    text = file.read_text(encoding="utf-8")
    recipe = RECIPE
    for large, small in SMALL.items():
        assert large in recipe
        recipe = recipe.replace(large, small)
    for key in ("learner", "explore", "train"):
        text = re.sub(rf"^{key}:.*?(?=^\S|\Z)", "", text, flags=re.DOTALL | re.MULTILINE)
    file.write_text(text + "\n" + recipe, encoding="utf-8")


def test_what_the_page_tells_to_type_can_be_typed(typed, tmp_path):
    pytest.importorskip("jax", reason="needs the extra rl")
    answers = {}
    for i, command in enumerate(COMMANDS):
        if command[0] in ("demo", "play"):
            continue  # both have tests of their own
        if command[0] == "apply":
            with_recipe(tmp_path / "tetris.yaml")
        models = json.loads(typed("models", "tetris", "--json")) if "MODEL" in command else []
        words = [models[0]["model"][:12] if word == "MODEL" else word for word in smaller(command)]
        answers[i, command[0]] = typed(*words)

    (line,) = (told for (_, name), told in answers.items() if name == "line")
    rows = [row.split() for row in line.splitlines()]
    (table,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert rows[0] == table.splitlines()[0].split()
    assert [row[0] for row in rows[1:4]] == ["0", "1", "2"]
    assert rows[1][1:4] == ["random", "cold", "start"]
    queries = [told for (_, name), told in answers.items() if name == "sql"]
    assert len(queries) == 2
    assert all("imported:random" in told and "score" in told for told in queries)


def test_its_recipe_is_that_of_the_demo():
    own = open_environment("tetris", {"rows": 12, "columns": 8}).problem.loop_file()
    sections = ("learner", "explore", "train")
    text = "\n".join(f"{key}: {json.dumps(value)}" for key, value in own.items() if key not in sections)
    learner = read_spec(f"{text}\n{RECIPE}").learner

    defaults = {"width": 256, "depth": 2}
    played = {**tetris.SMALL.learner, "updates": tetris.SMALL.updates}
    told = {"name": learner.name, **learner.settings}
    assert told == {key: value for key, value in played.items() if key in told}
    assert {key: played[key] for key in set(played) - set(told)} == defaults
