"""A process killed at any moment loses no event that it acknowledged, and the log invents none (RELIABILITY D1)."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

from fault_fs import HastyFiles
from policyloop.log import folder as log_folder
from policyloop.log.recover import recover
from policyloop.log.replay import read_segment

TESTS = Path(__file__).parents[1]
N_ROUNDS = 5
N_TOGETHER = 4  # writers that share the folder: 20 kills in all


def start(folder, first):
    return subprocess.Popen(
        [sys.executable, str(TESTS / "log_child.py"), str(folder), str(first)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(TESTS)},
    )


def kill_after(child, seconds):
    """Kill the child some time after its first acknowledgement; the complete lines that it printed."""
    first = child.stdout.readline()
    time.sleep(seconds)
    child.kill()
    printed = first + child.stdout.read()
    child.stdout.close()
    child.wait()
    return [line.decode().split() for line in printed.split(b"\n")[:-1]]


def test_twenty_kills_lose_no_acknowledged_event_and_leave_nothing_open(tmp_path):
    rng = random.Random(5)
    acked = {}

    for turn in range(N_ROUNDS):
        children = [start(tmp_path, (turn * N_TOGETHER + n) * 1_000_000) for n in range(N_TOGETHER)]
        for child in children:
            for writer, seq, n in kill_after(child, rng.uniform(0.0, 0.1)):
                acked[writer, int(seq)] = f"decision-{n}"
        recover(tmp_path, files=HastyFiles())

    kept = {}
    for file in log_folder.segments(tmp_path):
        found = read_segment(file)
        assert found.damages == []
        for record in found.records:
            assert (record.writer, record.seq) not in kept
            kept[record.writer, record.seq] = record.event().decision_id
    assert len(acked) > 100
    assert acked.items() <= kept.items()
    assert len(set(kept.values())) == len(kept)
    assert {path.suffix for path in tmp_path.iterdir()} == {".plog"}
