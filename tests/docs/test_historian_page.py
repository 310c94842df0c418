"""The tutorial from a historian to a controller is true: its commands run in order, and a better controller comes of them."""

import json
import re
import runpy
import shlex
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from policyloop.cli.app import main
from policyloop.interop.historian.reading import REPAIRS

PAGE = (Path(__file__).parents[2] / "docs" / "from-your-historian-to-a-better-controller.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


COMMANDS = [shlex.split(line) for block in blocks("sh") for line in block.splitlines()]
PORT_OF_THE_PAGE = "8900"
HEAD, REFUSAL, SHOWN = blocks("text")


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """A function that runs a command of the page in an empty folder and answers its exit code and what it printed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)

    def ran(words, *more):
        if words[0] == "python":
            runpy.run_path(words[1], run_name="__main__")
            return 0, "", ""
        with pytest.raises(SystemExit) as left:
            main([*words[1:], *more])
        printed = capsys.readouterr()
        return left.value.code or 0, printed.out, printed.err

    return ran


@pytest.fixture
def done(run):
    """The same for a command that succeeds: what it printed."""

    def ran(words, *more):
        code, out, err = run(words, *more)
        assert code == 0, err
        return out

    return ran


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def asked(curl, port):
    """What a curl of the page is answered."""
    url = "http://" + curl[2].replace("localhost", "127.0.0.1").replace(PORT_OF_THE_PAGE, port)
    request = urllib.request.Request(url, curl[-1].encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def wait_until_it_answers(port, *, at_most_s=90):
    end = time.monotonic() + at_most_s
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError("the server never answered")


def test_the_commands_run_in_order_and_a_better_controller_comes_of_them(tmp_path, run, done):
    (tmp_path / "plant.py").write_text(blocks("python")[0], encoding="utf-8")
    commands = iter(COMMANDS)

    done(next(commands))
    assert (tmp_path / "historian.csv").read_text().startswith(HEAD)
    code, _, said = run(next(commands))
    assert (code, said) == (2, f"error: {REFUSAL}")
    assert SHOWN.strip() in done(next(commands))
    with Image.open(tmp_path / "tank-history.png") as page:
        assert page.size[0] > 1000

    (tmp_path / "tank.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    for _ in range(3):  # apply, import, join
        done(next(commands))
    (score,) = json.loads(done(next(commands), "--json"))
    assert score["episodes"] == 80
    done(next(commands))

    done(next(commands))
    (model,) = json.loads(done(next(commands), "--json"))
    with_model = [[model["model"][:12] if word == "MODEL" else word for word in command] for command in commands]
    card, of_model, of_baseline, challenge, status, promote, up, first, second, of_server, join, scores = with_model
    assert "Why it was chosen offline" in done(card)
    earned = json.loads(done(of_model, "--json"))["mean_return"]
    assert earned > score["score"] / 1.5 > json.loads(done(of_baseline, "--json"))["mean_return"]
    done(challenge)
    assert "challenge 1: FROZEN" in done(status)
    done(promote)

    port = free_port()
    line = [sys.executable, "-m", "policyloop", *up[1:], "--workers", "1", "--port", port]
    server = subprocess.Popen(line, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_it_answers(port)
        assert asked(first, port)["values"]["valve"] > 50
        assert 30 <= asked(second, port)["values"]["valve"] <= 100
        over_http = [word.replace(PORT_OF_THE_PAGE, port) for word in of_server]
        assert json.loads(done(over_http, "--json"))["mean_return"] > score["score"]
    finally:
        server.terminate()
        server.wait(timeout=60)
    done(join)
    assert {row["policy"] for row in json.loads(done(scores, "--json"))} >= {"imported:history", "baseline"}


@pytest.mark.parametrize("repair", REPAIRS)
def test_every_repair_is_on_the_page(repair):
    assert f"| `{repair}` | {REPAIRS[repair]} |" in PAGE
