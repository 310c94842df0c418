"""The local runner: a child per job, its end and its last words told, and no child beyond its time."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from policyloop.core import plugins

RUNNER = plugins.load("policyloop.run.runners", "local").create()


def end_of(running, now_s=0.0, tries=200):
    for _ in range(tries):
        ended = running.poll(now_s)
        if ended:
            return ended
        time.sleep(0.05)
    pytest.fail("the child did not end")


def test_a_child_that_ends_well_says_nothing():
    ended = end_of(RUNNER.start("calendar", ["2026"], now_s=0, max_runtime_s=60))

    assert (ended.is_ok, ended.message) == (True, "")


def test_the_last_words_of_a_failing_child_are_kept():
    ended = end_of(RUNNER.start("calendar", ["no-year"], now_s=0, max_runtime_s=60))

    assert not ended.is_ok
    assert "ended with exit code 2" in ended.message
    assert "no-year" in ended.message


def test_a_child_is_stopped_when_its_time_is_over():
    running = RUNNER.start("http.server", ["0", "--bind", "127.0.0.1"], now_s=0, max_runtime_s=5)

    assert running.poll(4.9) is None
    ended = running.poll(5.0)

    assert not ended.is_ok
    assert ended.message.startswith("took longer than its max_runtime and was stopped.")


def test_a_child_ends_when_its_worker_was_killed(tmp_path):
    """The worker is a process that starts a waiting child and is then killed."""
    (tmp_path / "waiting.py").write_text(
        "import os, pathlib, sys, time\n"
        "from policyloop.run.supervisor import stop_with_supervisor\n"
        "stop_with_supervisor()\n"
        "pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))\n"
        "time.sleep(60)\n"
    )
    worker = (
        "import sys, time\n"
        "from policyloop.run.runners import local\n"
        "running = local.create().start('waiting', [sys.argv[1]], now_s=0, max_runtime_s=60)\n"
        "time.sleep(60)\n"
    )
    pid_file = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-c", worker, str(pid_file)], cwd=tmp_path)
    wait_until(lambda: pid_file.exists() and pid_file.read_text())

    process.kill()
    process.wait()

    wait_until(lambda: not is_alive(int(pid_file.read_text())))


def wait_until(holds, tries=400):
    for _ in range(tries):
        if holds():
            return
        time.sleep(0.05)
    pytest.fail("it did not come to hold")


def is_alive(pid):
    """Whether the process runs; a dead one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
