"""docs/export-and-interchange.md is true: its commands and its code run, its table lists every format."""

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from episodes_of_a_cart import REWARDED
from policyloop.cli.app import main
from policyloop.core import plugins
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.interop.histories import minari
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes.transitions import transitions_of
from running_app import running_app
from small_network import CART, promote_network

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "export-and-interchange.md").read_text(encoding="utf-8")
FIELDS = dict.fromkeys(("x", "v", "th", "w", "goal"), "number")
FORCE = {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}}
POLE = CART | REWARDED | {"loop": "cart-pole", "context": FIELDS, "actions": FORCE, "limits": {}}


def blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_table_lists_every_format():
    listed = set(re.findall(r"^\| `(\w+) LOOP", PAGE, re.MULTILINE))

    assert listed == {*plugins.ours("policyloop.interop.models"), *plugins.ours("policyloop.interop.histories")}


def test_its_commands_and_its_code_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cart-pole.yaml").write_text(yaml.safe_dump(POLE, sort_keys=False))
    states = [[0.1 * i, 0, 0, 0, 0.5] for i in range(2)]
    row = {"obs": states, "new_obs": [states[1], [0.2, 0, 0, 0, 0.5]], "actions": [[0.1], [0.2]], "rewards": [1, 2]}
    rows = [{"eps_id": [n] * 2, **row} for n in range(40)]
    run("apply")
    (tmp_path / "first.json").write_text("\n".join(json.dumps(row) for row in rows))
    run("import", "rllib", "cart-pole", "first.json")
    run("join", "cart-pole")
    with open_deployment(Home(Path("policyloop-data"))) as deployment:
        promote_network(deployment, "cart-pole")
        spec = deployment.registry.standing("cart-pole").spec
        minari.write(tmp_path / "downloads" / "cart", transitions_of(deployment, spec)[0], spec)

    commands = [line for block in blocks("sh") for line in block.splitlines() if line.startswith("policyloop")]
    for line in commands:
        run(*shlex.split(line, comments=True)[1:])

    assert len(commands) == 7
    assert "checked 40 episodes" in capsys.readouterr().out
    exec(compile(blocks("python")[0], "docs/export-and-interchange.md", "exec"), {})


def test_its_test_of_a_format_of_your_own_runs(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "my_format", minari)
    names = {}

    exec(blocks("python")[-1], names)

    names["test_it_keeps_its_promise"](names["PROMISES"][0], tmp_path)


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in arguments])
    assert left.value.code in (None, 0), arguments


def test_the_request_over_http_is_answered(tmp_path):
    with open_deployment(Home(tmp_path / "data")) as deployment:
        deployment.registry.apply(read_spec(POLE))
        promote_network(deployment, "cart-pole")
    (body,) = re.findall(r"-d '(.*?)'", PAGE)

    with running_app(tmp_path) as app:
        answer = app.ask("POST", "/v1/loops/cart-pole/predict", body.encode())

    assert answer.status == 200
    assert set(answer.json) == {"model", "names", "mean", "standard_deviation", "value"}
