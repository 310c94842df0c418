"""A deployment as a user runs it: `policyloop up` in a folder with a loop file, on a free port, ended by its process id."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

QUICK = "log: {seal_after_s: 0.1, segment_bytes: 1048576}\nwork: {every_s: 0.05}\nserver: {log_level: error}\n"
LOOP = """\
loop: shop
context: {hour: {type: integer, min: 0, max: 23}, device: {type: category, values: [phone, desktop]}}
actions: {kind: discrete, labels: [calm, bold]}
outcomes: {clicked: {type: boolean, take: max}}
reward: {expression: clicked, range: [0, 1], window: 10m, close: final}
baseline: uniform
explore: {name: epsilon_greedy, floor: 0.1}
train: {every: 60 examples}
"""


class Deployed:
    """A running deployment."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], port: int) -> None:
        self.folder = folder
        self.home = folder / "policyloop-data"
        self.process = process
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path: str, body: object = None, method: str | None = None):
        """One request on a connection of its own, so that over time every worker is met."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(self.url + path, data=data, headers={"content-type": "application/json"}, method=method)
        with urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def run(self, *arguments: str) -> str:
        """One policyloop command in the project's folder; its standard output."""
        command = [sys.executable, "-m", "policyloop", *arguments]
        return subprocess.run(command, cwd=self.folder, check=True, capture_output=True, text=True).stdout

    def status(self):
        """What `policyloop status --json` says of the loop."""
        return json.loads(self.run("status", "shop", "--json"))["loops"][0]

    def workers(self) -> list[int]:
        """Process ids of the server processes."""
        found = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                if int(stat.read_text().rsplit(")", 1)[1].split()[1]) == self.process.pid:
                    command = (stat.parent / "cmdline").read_bytes().split(b"\0")
                    if b"serve" in command:
                        found.append(int(stat.parent.name))
        return found

    def stop(self) -> int:
        """SIGTERM to the supervisor; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(45)


@contextlib.contextmanager
def deployed(folder: Path, *, loop: str = LOOP, settings: str = QUICK, port: int | None = None) -> Iterator[Deployed]:
    """Run `policyloop up` until the end of the block, on a port of its own or on one that it had before."""
    folder.mkdir(exist_ok=True)
    (folder / "policyloop.yaml").write_text(settings)
    (folder / "shop.yaml").write_text(loop)
    port = port or _free_port()
    command = [sys.executable, "-m", "policyloop", "up", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POLICYLOOP_")}
    with (folder / "up.log").open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=subprocess.STDOUT)
    running = Deployed(folder, process, port)
    try:
        eventually(lambda: is_ready(running))
        yield running
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(45)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_ready(running: Deployed) -> bool:
    """Whether it answers /readyz well."""
    assert running.process.poll() is None, (running.folder / "up.log").read_text()
    try:
        with urlopen(f"{running.url}/readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:
        return False


def eventually(holds, *, within_s: float = 60.0) -> None:
    """Wait until it holds; fails when it does not within the time."""
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, f"did not come to hold within {within_s} s"
        time.sleep(0.05)
