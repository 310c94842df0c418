"""The supervisor: what dies is started again, all drain together, and nothing outlives it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CHILD = """
import pathlib, signal, sys, threading
from policyloop.run.supervisor import stop_with_supervisor
stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())
stop_with_supervisor()
with open(sys.argv[1], "a") as f: f.write(f"{__import__('os').getpid()}\\n")
stop.wait(60)
with open(sys.argv[1] + ".ended", "a") as f: f.write("drained\\n")
"""
PARENT = """
import sys
from policyloop.run.supervisor import supervise
def tell(said):
    with open(sys.argv[2] + ".told", "a") as f: f.write(said)
sys.exit(supervise([[sys.executable, "-c", open(sys.argv[1]).read(), sys.argv[2]]] * 2, tell=tell))
"""


def start(tmp_path: Path):
    (tmp_path / "child.py").write_text(CHILD)
    pids = tmp_path / "pids"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "child.py"), str(pids)])
    return parent, pids


def lines(path: Path) -> list[str]:
    return path.read_text().split() if path.exists() else []


def eventually(holds):
    for _ in range(400):
        if holds():
            return True
        time.sleep(0.05)
    return False


def test_sigterm_drains_every_child_and_exits_0(tmp_path):
    parent, pids = start(tmp_path)
    assert eventually(lambda: len(lines(pids)) == 2)

    parent.terminate()

    assert parent.wait(30) == 0
    assert lines(tmp_path / "pids.ended") == ["drained", "drained"]


def test_a_child_that_dies_is_started_again(tmp_path):
    parent, pids = start(tmp_path)
    assert eventually(lambda: len(lines(pids)) == 2)

    os.kill(int(lines(pids)[0]), signal.SIGKILL)

    assert eventually(lambda: len(lines(pids)) == 3)
    parent.terminate()
    assert parent.wait(30) == 0
    assert (tmp_path / "pids.told").read_text().startswith("a process was killed by signal 9 and is started again: -c")


def test_no_child_outlives_a_supervisor_that_was_killed(tmp_path):
    parent, pids = start(tmp_path)
    assert eventually(lambda: len(lines(pids)) == 2)

    parent.kill()
    parent.wait()

    assert eventually(lambda: lines(tmp_path / "pids.ended") == ["drained", "drained"])
