"""The page of learners is true: it names every one with its settings, and its code prints what it says."""

import inspect
import re
from pathlib import Path

import pytest

from policyloop.core import plugins
from policyloop.core.plugin_settings import names_with, settings_of
from policyloop.core.spec_file import read_spec
from policyloop.learn import boosting, contest
from policyloop.learn.train import LEARNERS
from policyloop.policy.forest import MAX_LEAVES

PAGE = (Path(__file__).parents[2] / "docs" / "learners.md").read_text(encoding="utf-8")
ROWS = {cells[0].strip(" `"): cells for cells in (row.split("|")[1:-1] for row in re.findall(r"^\| `.*$", PAGE, re.MULTILINE))}
OURS = [name for name in names_with(LEARNERS, "create") if name in plugins.ours(LEARNERS)]  # of decisions that are alone


def test_every_learner_has_a_row():
    assert set(ROWS) == set(OURS)


@pytest.mark.parametrize("name", OURS)
def test_its_settings_stand_there(name):
    assert set(re.findall(r"`(\w+)`", ROWS[name][2])) == set(settings_of(LEARNERS, name))


@pytest.mark.parametrize(("name", "setting"), [("linear", "max_weight"), ("automatic", "recipes")])
def test_settings_are_none_where_the_page_says_so(name, setting):
    assert f"`{setting}` none" in ROWS[name][2]
    assert inspect.signature(plugins.load(LEARNERS, name).create).parameters[setting].default is None


def test_the_numbers_of_boosted_and_automatic_are_those_of_the_code():
    assert f"{', '.join(map(str, boosting.ROUNDS[:-1]))} or {boosting.ROUNDS[-1]} per action" in PAGE
    assert f"at most {boosting.MAX_TREES:,} trees" in PAGE
    assert f"{boosting.MAX_TREES // boosting.ROUNDS[-1]} actions" in PAGE
    assert (MAX_LEAVES, boosting.MIN_IN_LEAF, contest.CLEAR) == (9, 5, 2.0)
    assert f"weights are clipped at {contest.MAX_WEIGHT:.0f}" in PAGE


def test_the_code_prints_what_the_page_says(capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (printed,) = re.findall(r"^prints\n\n```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

    exec(compile(code, "docs/learners.md", "exec"), {})

    assert capsys.readouterr().out == printed


def test_what_it_asks_for_in_yaml_is_a_loop():
    for body in re.findall(r"^```yaml\nlearner: (.*)\n```", PAGE, re.MULTILINE):
        text = f"loop: x\nactions: {{labels: [a, b]}}\noutcomes: {{y: {{type: boolean, take: max}}}}\nlearner: {body}\n"

        assert read_spec(text).learner.name in ROWS
