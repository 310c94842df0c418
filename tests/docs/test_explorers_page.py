"""The page of explorers is true: it names every one with its settings, and its code prints what it says."""

import inspect
import re
from pathlib import Path

import pytest
import yaml

from policyloop.core import plugins
from policyloop.core.plugin_settings import names_with, settings_of
from policyloop.core.spec_file import read_spec
from policyloop.policy.scored import EXPLORERS

PAGE = (Path(__file__).parents[2] / "docs" / "explorers.md").read_text(encoding="utf-8")
OF_LABELS = names_with(EXPLORERS, "create")
ROWS = {cells[0].strip(" `"): cells for cells in (row.split("|")[1:-1] for row in re.findall(r"^\| `.*$", PAGE, re.MULTILINE))}


def test_every_explorer_has_a_row():
    assert set(ROWS) == set(plugins.ours(EXPLORERS))


@pytest.mark.parametrize("name", plugins.ours(EXPLORERS))
def test_its_settings_stand_there_with_their_defaults(name):
    told = dict(re.findall(r"`(\w+)` ([0-9.]+)", ROWS[name][2]))

    maker = "create" if name in OF_LABELS else "create_box"
    defaults = inspect.signature(getattr(plugins.load(EXPLORERS, name), maker)).parameters
    assert set(told) == set(settings_of(EXPLORERS, name, maker))
    assert all(float(number) == defaults[setting].default for setting, number in told.items())


def test_the_code_prints_what_the_page_says(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (printed,) = re.findall(r"^prints\n\n```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

    exec(compile(code, "docs/explorers.md", "exec"), {})

    assert capsys.readouterr().out == printed
    assert {line.split()[0] for line in printed.splitlines()} == set(plugins.ours(EXPLORERS))


def test_what_it_asks_for_in_yaml_is_a_loop():
    for body in re.findall(r"\{name: [^}]+\}", PAGE):
        actions = (
            "{labels: [a, b]}"
            if yaml.safe_load(body)["name"] in OF_LABELS
            else "{kind: continuous, box: {x: {min: 0, max: 1}}}\nepisodes: {}"
        )
        text = f"loop: x\nactions: {actions}\noutcomes: {{y: {{type: boolean, take: max}}}}\nexplore: {body}\n"

        assert read_spec(text).explore.name in ROWS
