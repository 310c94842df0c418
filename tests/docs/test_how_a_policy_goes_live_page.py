"""docs/how-a-policy-goes-live.md is true: its states, verdicts, numbers, keys and commands are those that there are."""

import re
import shlex
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml
from typer.main import get_command

from policyloop.cli import app
from policyloop.core.loop import GateSpec, TrainSpec
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import LOG_DECISIONS, RAMP_EVENTS, SHADOW_DECISIONS, State
from policyloop.gate.rules import proven_better
from policyloop.gate.verdict import Call

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "how-a-policy-goes-live.md").read_text(encoding="utf-8")
SHOWN = " ".join(ElementTree.parse(DOCS / "how-a-policy-goes-live.svg").getroot().itertext())
COMMANDS = sorted(
    set(re.findall(r"`(policyloop [a-z][^`]*)`", PAGE)) | set(re.findall(r"^(policyloop .+)$", PAGE, re.MULTILINE))
)


def rows(title):
    """The first cells of the table under a heading."""
    return re.findall(r"^\| ([A-Z-]+) \|", PAGE.split(f"## {title}")[1].split("\n## ")[0], re.MULTILINE)


def test_the_table_has_every_state_in_its_order_and_the_picture_has_them_too():
    states = [state.value for state in State]

    assert sorted(rows("What happens to a challenge")) == sorted(states)
    assert rows("What happens to a challenge")[:6] == states[:6]
    assert [state for state in states if state not in SHOWN] == []


def test_the_table_has_every_verdict():
    assert sorted(rows("What the verdicts mean")) == sorted(Call)


def test_the_numbers_are_those_of_the_code():
    usual = GateSpec()

    assert f"{LOG_DECISIONS} settled decisions were looked at" in PAGE
    assert f"{SHADOW_DECISIONS} settled decisions" in PAGE
    assert f"{RAMP_EVENTS} settled decisions" in PAGE
    assert (f"{SHADOW_DECISIONS} settled" in SHOWN, f"{RAMP_EVENTS} settled" in SHOWN) == (True, True)
    told = f"at least {proven_better.FEWEST_EVENTS:,} events, {proven_better.FEWEST_TELLING} of them"
    assert told in PAGE
    assert proven_better.LARGEST_SHARE == 0.1  # "a tenth of all"
    assert (usual.canary, usual.ramp, TrainSpec().split) == (0.1, 0.5, 0.8)  # "1 to 10 %", "half", "a fifth"


def test_the_gate_of_the_page_is_one_that_a_loop_may_have():
    (block,) = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    loop = {
        "loop": "front-page",
        "context": {"hour": {"type": "integer", "min": 0, "max": 23}},
        "actions": {"labels": ["calm", "bold"]},
        "outcomes": {"dwell_s": {"type": "number", "min": 0, "take": "last"}},
        "reward": {"expression": "min(dwell_s, 60) / 60", "range": [0, 1]},
    }

    gate = read_spec(loop | yaml.safe_load(block)).gate

    assert (gate.approval, gate.hold_out, [guard.name for guard in gate.guards]) == ("manual", 0.05, ["dwell_s", "$errors"])


@pytest.mark.parametrize("told", COMMANDS)
def test_every_command_is_there_with_its_options(told):
    command, context = get_command(app.root), None
    words = shlex.split(told)[1:]
    while hasattr(command, "get_command") and words and not words[0].startswith("-"):
        found = command.get_command(context, words[0])
        assert found is not None, told
        command, words = found, words[1:]
    options = {name for parameter in command.params for name in parameter.opts}

    assert [word for word in words if word.startswith("--") and word not in options] == []
