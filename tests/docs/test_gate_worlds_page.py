"""The page on the gate's worlds: it names those that there are, and what it tells to type can be typed."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from policyloop.cli.app import main
from policyloop.core import plugins
from policyloop.simulate.gate.cells import FLOOR, N_ACTIONS, N_CELLS, N_PAST
from policyloop.simulate.gate.play import GateSettings, play
from policyloop.simulate.gate.world import WORLDS, world_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "gate-worlds.md").read_text(encoding="utf-8")
RESULTS = (ROOT / "benchmarks" / "RESULTS.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8").split("## How often is the gate wrong?")[1].split("\n## ")[0]
ROWS = dict(re.findall(r"^\| `([\w-]+)` \|.*\| ([^|]+) \|$", PAGE, re.MULTILINE))


def test_every_world_is_on_the_page_and_no_other():
    assert set(ROWS) == {plugins.as_written(WORLDS, name) for name in plugins.ours(WORLDS)}


def test_the_canaries_are_those_of_the_worlds():
    for name, told in ROWS.items():
        if name == "twin":
            continue
        world = world_of(name, lift=0.0, canary=None, rng=np.random.default_rng(0))
        share = world.shares[0] if name == "hold-out" else world.shares[1]
        assert round(share, 12) == (0.0 if told == "none" else float(told.split(",")[0])), name


def test_the_numbers_are_those_of_the_code():
    assert "ten kinds of context, five actions, a floor of 0.1" in PAGE
    assert (N_CELLS, N_ACTIONS, FLOOR, N_PAST) == (10, 5, 0.1, 1000)
    assert "every 500 decisions" in PAGE
    assert "20,000 decisions" in PAGE
    assert (GateSettings().look_every, GateSettings().events) == (500, 20_000)


def test_the_command_on_the_page_plays(capsys):
    (line,) = re.findall(r"^policyloop (simulate gate .* --runs) \d+$", PAGE, re.MULTILINE)

    with pytest.raises(SystemExit) as left:
        main([*shlex.split(line), "2"])

    assert left.value.code in (None, 0)
    told = capsys.readouterr().out
    assert "A challenger that truly earns +0.0200 was promoted in" in told


def test_the_largest_lift_of_rare_rewards_is_the_one_on_the_page():
    found = play(GateSettings(world="rare", lift=0.02, runs=1, events=500))

    assert round(found.true_lift, 4) == 0.0024


@pytest.mark.skipif("benchmarks/gate.py" not in RESULTS, reason="the gate's numbers are measured by `make bench`")
def test_the_readme_quotes_what_was_measured():
    (block,) = re.findall(r"```\n(.*?)```", README, re.DOTALL)
    section = RESULTS.split("benchmarks/gate.py")[1].split("\n## ")[0]
    measured = [line[4:] for line in section.splitlines()]
    (runs,) = re.findall(r"^([\d,]+) runs a line, seed", section, re.MULTILINE)

    assert [line for line in block.splitlines() if not any(one.startswith(line) for one in measured)] == []
    assert f"{runs} runs a line" in README
