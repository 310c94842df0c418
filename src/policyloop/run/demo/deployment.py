"""The demo's deployment: a folder of its own with a loop file that anyone may read, and `policyloop up` on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from policyloop.core.errors import PolicyloopError
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_file import read_spec
from policyloop.core.spec_template import template_of
from policyloop.simulate.dataset import Dataset

LOOP = "demo"
_START_S = 60.0
_STOP_S = 40.0
# Quick rounds: a batch is in the tables a moment after its last outcome.
SETTINGS = "log: {seal_after_s: 0.2}\nwork: {every_s: 0.1}\nserver: {workers: 2, log_level: warning}\n"
_LOOP = {
    "outcomes": {"correct": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "correct", "range": [0, 1], "window": "10m", "close": "final"},
    "baseline": "uniform",
    "explore": {"name": "squarecb", "floor": 0.001},
}


class DemoFailed(PolicyloopError):
    """The demo's processes did not do what they should."""

    code = "demo_failed"
    status = 500


def write_project(folder: Path, document: Mapping[str, Any], *, settings: str = SETTINGS) -> LoopSpec:
    """Write the project file and the loop file.

    Args:
        folder: made where it is missing.
        document: the keys of the loop file.
        settings: the project file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "policyloop.yaml").write_text(settings, encoding="utf-8")
    spec = read_spec(document)
    (folder / f"{spec.loop}.yaml").write_text(template_of(spec), encoding="utf-8")
    return spec


def document_of(data: Dataset, *, rows_per_round: int) -> dict[str, Any]:
    """The loop of a labelled table."""
    return {"loop": LOOP, **data.document, **_LOOP, "train": {"every": f"{rows_per_round} examples"}}


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run `policyloop up` in the folder; gives its address, and ends it with the block.

    Raises:
        DemoFailed: it did not start, or did not end cleanly.
    """
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("POLICYLOOP_")}
    log = folder / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own command, no shell
            [sys.executable, "-m", "policyloop", "up", "--port", str(port)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(process, url, log)
            yield url
        finally:
            process.terminate()
            code = process.wait(_STOP_S)
    if code != 0:
        raise DemoFailed(f"`policyloop up` ended with exit code {code}; {log} tells why.")


def _wait_until_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s:
        if process.poll() is not None:
            break
        try:
            with urlopen(f"{url}/readyz", timeout=1):  # noqa: S310 - our own address
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise DemoFailed(f"`policyloop up` was not ready within {_START_S:.0f} s; {log} tells why.")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
