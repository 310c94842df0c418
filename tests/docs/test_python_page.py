"""The page about Python is true: its blocks run in order, on a deployment with visitors and against a server."""

import re
import sys
from pathlib import Path

import pytest

from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.reading import names_in_order
from policyloop.run.deployment import open_deployment
from policyloop.run.loop import Loop
from shop import SHOP, Shop

sys.path.insert(0, str(Path(__file__).parents[1] / "client"))
from scripted_server import ScriptedServer

PAGE = (Path(__file__).parents[2] / "docs" / "python.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
OUTPUT = re.findall(r"^```text\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def server():
    running = ScriptedServer()
    yield running
    running.stop()


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder whose loop `shop` has 300 visits, most of them decided by a model."""
    monkeypatch.chdir(tmp_path)
    with open_deployment(Home(tmp_path / "policyloop-data"), SystemClock()) as deployment:
        deployment.registry.apply(read_spec(SHOP))
        shop = Shop(deployment)
        shop.visit(100)
        with Loop.open("shop") as loop:
            loop.train()
        shop.visit(200)
        shop.log.close()


def blocks_with(word):
    found = [block for block in BLOCKS if word in block]
    assert found
    return found


def run(blocks, **names):
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)
    return names


def test_the_clients_calls_run(server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = [block.replace("http://127.0.0.1:8900", server.url) for block in blocks_with("Client(")]

    names = run(blocks)

    decide, outcome, ranked, registered, named = server.bodies()
    assert decide["context"] == {"hour": 9, "device": "phone"}
    assert outcome[0]["outcomes"] == {"clicked": True}
    assert (ranked["actions"], ranked["n"], ranked["exclude"]) == (names["hats"], 2, ["fez"])
    assert (registered["actions"], named["action_set"]) == (names["hats"], names["shelf"])


def test_the_loop_s_calls_run(project, capsys):
    names = run(blocks_with("loop."))

    told = capsys.readouterr().out.splitlines()
    assert told[0] == "300 examples"
    assert re.match(r"TrainResult\(model \w{12} from \d+ examples: (PROMOTE|RETIRE|INCONCLUSIVE)\.", told[1])
    assert told[2].startswith("Evaluation(")
    assert set(names["frame"]["label"]) == {"calm", "bold"}
    assert str([*names_in_order(), *names_in_order(), "logged"]) in told[4]


def test_every_call_of_a_loop_is_in_the_table():
    named = set(re.findall(r"`loop\.(\w+)\(", PAGE))

    public = {name for name, value in vars(Loop).items() if callable(value) and not name.startswith("_")}
    assert named == public - {"close"}


def test_the_estimates_are_those_that_are_printed(capsys):
    run(blocks_with("estimators import"))

    assert capsys.readouterr().out == OUTPUT[0]
