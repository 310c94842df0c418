"""The page of the Improve protocol is true: its loop is applied, its code runs against a server and prints what it says."""

import json
import re
import time
from pathlib import Path

import pytest

from deployed import QUICK, deployed
from policyloop.core.settings import Home
from policyloop.lake import views
from policyloop.run.deployment import open_deployment

PAGE = (Path(__file__).parents[2] / "docs" / "improve.md").read_text(encoding="utf-8")
DECISION = "2I2MR4toRgTZnCuwVRuIHeNZGVX"


def block(start: str) -> str:
    """The one code block that begins like that."""
    (found,) = re.findall(rf"^```{start}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    return found


@pytest.fixture(scope="module")
def themes(tmp_path_factory):
    """The page's loop, with a window in which a test can wait."""
    loop = block("yaml").replace("window: 1h", "window: 1s")
    with deployed(tmp_path_factory.mktemp("themes"), loop=loop, settings=QUICK) as running:
        yield running


def example_of(running, name):
    """The example of a decision, once it is there; the wait ends with the test's own patience."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        with open_deployment(Home(running.home)) as deployment:
            found = [row for row in views.examples(deployment.lake, "themes").to_pylist() if row["decision_id"] == name]
        if found:
            return found[0]
        time.sleep(0.2)
    raise AssertionError(f"no example of {name}")


def test_the_code_prints_what_the_page_says_and_the_example_has_the_reward(themes, capsys):
    code = block("python").replace("http://127.0.0.1:8900", themes.url)

    exec(compile(code, "docs/improve.md", "exec"), {})

    (printed,) = re.findall(r"^prints\n\n```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    assert capsys.readouterr().out == printed
    example = example_of(themes, DECISION)
    (told,) = re.findall(r"the decision's example has the reward ([0-9.]+)", PAGE)
    assert example["reward"] == float(told)
    assert example["propensity_kind"] == "estimated"
    assert example["density"] == re.findall(r"`density`: `(.*?)`", PAGE)[0].replace(" ", "")


def test_the_command_brings_in_files(themes):
    record = {"message_id": "2I2MRNEMhBCZJqXSJfVdsBT9GZE", "model": "Theme.Picker", "item": "dark", "count": 1}
    (themes.folder / "records.jsonl").write_text(json.dumps(record))
    (command,) = re.findall(r"^policyloop (import improve \w+) ", PAGE, re.MULTILINE)

    told = themes.run(*command.split(), "records.jsonl")

    assert told.startswith("imported 1 decision and 0 outcomes.")
    assert example_of(themes, record["message_id"])["reward"] == 0.0
