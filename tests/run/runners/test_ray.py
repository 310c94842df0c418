"""The Ray runner: searches and rollouts are tasks of a cluster of two nodes on this machine, which asks for a token."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="the extra policyloop[ray] is not installed")

from made_history import ladder
from made_loops import LADDER
from policyloop.core import plugins
from policyloop.core.errors import BadSetting
from policyloop.core.spec_file import read_spec
from policyloop.run.episodes.job_folder import JobFolder
from policyloop.run.episodes.tuning import search
from policyloop.run.runners import local
from policyloop.run.training import RUNNERS

RAY = str(Path(sys.executable).parent / "ray")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


WAIT = """
import logging, sys, time, ray
for _ in range(60):
    try:
        if not ray.is_initialized():
            ray.init(logging_level=logging.ERROR, log_to_driver=False)
        if sum(node["Alive"] for node in ray.nodes()) == int(sys.argv[1]):
            sys.exit(0)
    except Exception:
        pass
    time.sleep(0.5)
sys.exit("the cluster did not come up")
"""


def _until_there(n_nodes, environment):
    """Wait for the cluster to have so many nodes."""
    subprocess.run([sys.executable, "-c", WAIT, str(n_nodes)], env=environment, check=True)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two nodes on loopback with a token, ended by their process ids; gives the environment that reaches them."""
    port, folder = free_port(), tmp_path_factory.mktemp("ray")
    environment = {
        **os.environ,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    alike = ["--num-cpus=1", "--object-store-memory=80000000", "--block", "--disable-usage-stats"]
    head = [f"--port={port}", "--head", "--node-ip-address=127.0.0.1", "--include-dashboard=false", f"--temp-dir=/tmp/r{port}"]
    nodes = []
    with (folder / "words").open("wb") as words:
        for arguments in (head, [f"--address=127.0.0.1:{port}", "--node-ip-address=127.0.0.1"]):
            nodes.append(
                subprocess.Popen(
                    [RAY, "start", *alike, *arguments], env=environment, stdout=words, stderr=words, start_new_session=True
                )
            )
            _until_there(len(nodes), {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"})
    yield {**environment, "RAY_ADDRESS": f"127.0.0.1:{port}"}
    for node in reversed(nodes):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            node.wait(20)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(node.pid, signal.SIGKILL)
        node.wait()


def run(environment, script):
    """A Python script in a process of its own, that uses the cluster."""
    ran = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=180)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return ran.stdout


@pytest.mark.slow
def test_tasks_run_on_both_nodes_and_answer_in_order(cluster):
    script = (
        "import ray\n"
        "from policyloop.core import plugins\n"
        "from run_parts import placed\n"
        "runner = plugins.load('policyloop.run.runners', 'ray').create()\n"
        "found = list(runner.each(placed, range(12), n_workers=4))\n"
        "print([square for square, _ in found], len({node for _, node in found}))\n"
    )

    assert run(cluster, script).split("\n")[0] == f"{[i**2 for i in range(12)]} 2"


@pytest.mark.slow
def test_a_search_on_the_cluster_is_the_search_made_here(cluster, tmp_path):
    script = (
        "import pathlib, sys\n"
        "from made_history import ladder\n"
        "from made_loops import LADDER\n"
        "from policyloop.core import plugins\n"
        "from policyloop.core.spec_file import read_spec\n"
        "from policyloop.run.episodes.job_folder import JobFolder\n"
        "from policyloop.run.episodes.tuning import search\n"
        "runner = plugins.load('policyloop.run.runners', 'ray').create()\n"
        f"found = search(ladder(40), read_spec(LADDER), n_attempts=3, seed=3, job_id=1,\n"
        f"    folder=JobFolder(pathlib.Path({str(tmp_path / 'there')!r})), runner=runner, n_workers=2)\n"
        "print([attempt.curve for attempt in found.attempts])\n"
    )

    there = run(cluster, script).strip()

    here = search(
        ladder(40),
        read_spec(LADDER),
        n_attempts=3,
        seed=3,
        job_id=1,
        folder=JobFolder(tmp_path / "here"),
        runner=local.create(),
    )
    assert there == str([attempt.curve for attempt in here.attempts])


@pytest.mark.slow
def test_who_has_another_token_is_not_let_in(cluster):
    script = (
        "from policyloop.core import plugins\n"
        "from run_parts import placed\n"
        "runner = plugins.load('policyloop.run.runners', 'ray').create()\n"
        "try:\n    print(list(runner.each(placed, [1], n_workers=1)))\n"
        "except Exception as error:\n    print('refused', type(error).__name__)\n"
    )

    told = run({**cluster, "RAY_AUTH_TOKEN": "0" * 64}, script)

    assert told.startswith("refused BadSetting")


def test_a_cluster_without_a_token_is_not_used(monkeypatch):
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)

    with pytest.raises(BadSetting, match="RAY_AUTH_MODE is not set; expected token"):
        plugins.load(RUNNERS, "ray").create()
