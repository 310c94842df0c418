"""The page of learners of episodes: every learner, every setting with its default, and code that runs."""

import ast
import re
import sys
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from made_history import MOVE, corridor
from policyloop.core import plugins
from policyloop.core.errors import BadSetting
from policyloop.core.plugin_settings import names_with, settings_of
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.core.spec_learning import EPISODES_LEARNER
from policyloop.learn.offline import check_learner
from policyloop.learn.train import LEARNERS

PAGE = (Path(__file__).parents[2] / "docs" / "episode-learners.md").read_text(encoding="utf-8")
PYTHON = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
SHARED = ("learning_rate", "width", "depth", "batch", "target_rate", "layer_norm", "channels")
IN_JAX = [
    name
    for name in names_with(LEARNERS, "create_episodic")
    if set(SHARED) <= set(settings_of(LEARNERS, name, "create_episodic"))
]


def defaults_of(name):
    """Setting -> default, read without importing JAX."""
    file = plugins.folder_of(LEARNERS) / f"{name}.py"
    made = next(n for n in ast.parse(file.read_text(encoding="utf-8")).body if getattr(n, "name", "") == "create_episodic")
    return {
        arg.arg: ast.literal_eval(default)
        for arg, default in zip(made.args.kwonlyargs, made.args.kw_defaults, strict=True)
        if default is not None
    }


def written(value):
    if isinstance(value, bool):
        return str(value).lower()
    return (
        str(list(value)) if isinstance(value, tuple) else f"{value:.10f}".rstrip("0") if 0 < abs(value) < 1e-3 else str(value)
    )


def test_every_learner_of_episodes_is_on_the_page():
    assert set(IN_JAX) == {"bc", "cql", "cql_discrete", "dqn", "iql", "rebrac", "td3_bc"}
    for name in (*IN_JAX, "fqi"):
        assert f"| `{name}` |" in PAGE


def test_shared_settings_are_told_with_every_learners_default():
    (heading,) = re.findall(r"^\| setting \| meaning \|(.*)\|$", PAGE, re.MULTILINE)
    names = re.findall(r"`(\w+)`", heading)
    assert set(names) == set(IN_JAX)

    for setting in SHARED:
        (row,) = re.findall(rf"^\| `{setting}` \|[^|]*\|(.*)\|$", PAGE, re.MULTILINE)
        told = [cell.strip() for cell in row.split("|")]
        assert told == [written(defaults_of(name)[setting]) for name in names], setting


def test_every_other_setting_is_told_with_its_default():
    told = {
        (name, setting): default
        for name, setting, default in re.findall(r"^\| `(\w+)` \| `(\w+)` \| (\S+) \|", PAGE, re.MULTILINE)
    }

    own = {(name, s): written(value) for name in IN_JAX for s, value in defaults_of(name).items() if s not in SHARED}
    assert told == own


def test_its_recipe_is_read():
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    loop = """
loop: cart
context: {x: number}
actions: {kind: continuous, box: {force: {min: -1, max: 1}}}
episodes: {}
reward: {expression: "next.x", range: [0, 1]}
"""
    learner = to_mapping(read_spec(loop + text))["learner"]

    assert (learner["name"], learner["updates"], learner["width"]) == ("rebrac", 20000, 128)


def test_its_population_learns():
    pytest.importorskip("jax", reason="needs the extra rl")
    code, _ = PYTHON
    # the sizes of tests/learn/networks, where the same is compiled
    small = '"width": 16, "depth": 1, "batch": 32, "layer_norm": False, "seed": 1'
    names = {"train": corridor(15), "held_out": corridor(5, seed=1), "actions": MOVE}

    exec(code.replace('"seed": 1', small).replace("1000", "3"), names)

    assert [sorted(told) for told in names["told"]] == [["conservative", "critic_loss", "q_mean", "td_error"]] * 2
    assert names["policy"].act(corridor(1).state).shape == (20, 1)


def test_its_test_of_a_learner_of_your_own_runs(monkeypatch):
    mine = SimpleNamespace(create_episodic=partial(plugins.load(LEARNERS, "fqi").create_episodic, n_trees=3))
    monkeypatch.setitem(sys.modules, "my_learner", mine)
    names = {}

    exec(PYTHON[1], names)

    names["test_it_keeps_its_promise"](names["PROMISES"][0])


KINDS = {
    "numbers": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "labels": {"labels": ["left", "right"]},
    "both": {"kind": "tuple", "parts": {"gear": ["low", "high"], "force": {"min": -1, "max": 1}}},
}

IN_WORDS = {
    "numbers": {"numbers"},
    "labels": {"labels"},
    "numbers, or labels": {"numbers", "labels"},
    "numbers, also with labels beside them": {"numbers", "both"},
}


def taken_by(name):
    """The kinds of actions that a learner can be applied with."""
    found = set()
    for kind, actions in KINDS.items():
        learner = {"name": name, **({"command": "true"} if name == "outside" else {})}
        spec = read_spec(
            {
                "loop": "cart",
                "context": {"x": "number"},
                "actions": actions,
                "episodes": {},
                "reward": {"expression": "next.x", "range": [-1, 1]},
                "learner": learner,
            }
        )
        try:
            check_learner(spec)
        except BadSetting:
            continue
        found.add(kind)
    return found


@pytest.mark.parametrize("name", [*IN_JAX, "fqi"])
def test_the_table_says_which_actions_a_learner_takes(name):
    pytest.importorskip("lightgbm" if name == "fqi" else "jax", reason="needs its library")
    (told,) = re.findall(rf"^\| `{name}` \| ([^|]*) \|", PAGE.partition("## Settings")[0], re.MULTILINE)

    assert IN_WORDS[told] == taken_by(name)


def test_the_page_of_loop_files_names_the_learners_of_each_kind_of_action():
    pytest.importorskip("jax", reason="needs the extra rl")
    takers = {name: taken_by(name) for name in (*IN_JAX, "fqi", "outside")}
    page = (Path(__file__).parents[2] / "docs" / "loop-spec.md").read_text(encoding="utf-8")

    for kind, said in (("continuous", "numbers"), ("discrete", "labels"), ("tuple", "both")):
        ((usual, others),) = re.findall(rf"^\| `{kind}` \| `(\w+)` \| (.*) \|$", page, re.MULTILINE)
        assert usual == EPISODES_LEARNER[kind]
        assert {usual, *re.findall(r"`(\w+)`", others)} == {name for name, kinds in takers.items() if said in kinds}
