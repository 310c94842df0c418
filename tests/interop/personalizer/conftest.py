"""A running endpoint with three loops, its data folder, and a worker's round by hand."""

import contextlib
import fcntl
import shutil
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployed import eventually
from policyloop.core.settings import Home
from policyloop.join.hours import join_loop
from policyloop.lake.watermark import read_watermark
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.run.questions.evaluations import compute_waiting
from policyloop.run.refresh import refresh

PATIENT_S = 60  # machines stall


@dataclass
class Endpoint:
    """A server in a process of its own, and its data folder, opened here too."""

    url: str
    deployment: Deployment

    def of(self, loop):
        """What a client calls its Endpoint."""
        return f"{self.url}/v1/compat/personalizer/{loop}"

    def join(self, loop):
        """Do what the worker does until everything sent so far is joined; windows of a second are over then."""
        until_us = self.deployment.clock.now_us() + 1_100_000

        def is_joined():
            with ship_by_hand(self.deployment) as is_ours:
                assert is_ours
                join_loop(self.deployment.lake, self.deployment.records, self.spec(loop))
            return read_watermark(self.deployment.records) > until_us

        eventually(is_joined)

    def train(self, loop):
        """Join, learn and judge as the worker does; the model's digest."""
        self.join(loop)
        refresh(self.deployment, loop)
        return self.deployment.registry.standing(loop).champion

    def evaluate(self, loop):
        """Compute the evaluations that wait, as the worker's child does."""
        compute_waiting(self.deployment, loop)

    def spec(self, loop):
        return self.deployment.registry.standing(loop).spec


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory):
    home = tmp_path_factory.mktemp("endpoint")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, Path(__file__).with_name("endpoint_server.py"), home, str(port)]
    with (home / "server.log").open("wb") as told:
        process = subprocess.Popen(command, stderr=told)
    try:
        eventually(lambda: is_ready(url, process, home / "server.log"))
        with open_deployment(Home(home / "policyloop-data")) as deployment:
            yield Endpoint(url, deployment)
    finally:
        process.terminate()
        process.wait(PATIENT_S)


def is_ready(url, process, log):
    assert process.poll() is None, log.read_text()
    with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/readyz", timeout=1) as answer:
        return answer.status == 200
    return False


@pytest.fixture(scope="session")
def node_folder():
    """The folder with the JavaScript clients, installed from npm by their lock; skips where that cannot be."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("Node and npm are not installed; the JavaScript clients need them")
    folder = Path(__file__).with_name("node")
    with (folder / "package.json").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # two processes of tests would delete what the other installs
        if not (folder / "node_modules" / ".package-lock.json").exists():
            command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--fetch-retries=1"]
            installed = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if installed.returncode:
                shutil.rmtree(folder / "node_modules", ignore_errors=True)
                pytest.skip(f"npm cannot install the JavaScript clients: {installed.stderr.strip()[-200:]}")
    return folder
