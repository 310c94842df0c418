"""`policyloop up`: what cannot be served is refused before anything is started or applied; it says so once it serves."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

LOOP = """
loop: front-page
context: {hour: {type: integer}}
actions: {labels: [calm, bold]}
outcomes: {clicked: {type: boolean}}
"""


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.1", "example.com"])
def test_another_address_than_loopback_is_refused_before_anything_is_made(policyloop, tmp_path, monkeypatch, host):
    monkeypatch.setenv("POLICYLOOP_SERVER__HOST", host)
    (tmp_path / "front-page.yaml").write_text(LOOP)

    ran = policyloop("up", "--port", "8941")

    assert ran.code == 2
    assert ran.err.startswith(f"error: server.host is '{host}'; expected 127.0.0.1, ::1 or localhost.")
    assert [path.name for path in Path().iterdir()] == ["front-page.yaml"]


def test_once_it_says_that_it_serves_it_can_be_asked(tmp_path):
    (tmp_path / "front-page.yaml").write_text(LOOP + "reward: {expression: clicked, range: [0, 1]}\n")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "policyloop", "up", "--port", str(port), "--workers", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        line = next(line for line in process.stderr if "policyloop serves" in line)

        assert line.startswith(f"policyloop serves loop front-page on http://127.0.0.1:{port} ")
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    finally:
        os.kill(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
