"""A process killed at any moment loses no event that it acknowledged, and the log invents none (RELIABILITY D1)."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fault_fs import HastyFiles
from policyloop.log import folder as log_folder
from policyloop.log.recover import recover
from policyloop.log.replay import read_segment

TESTS = Path(__file__).parents[1]
N_KILLS = 20
N_TOGETHER = 2  # writers that share the folder


class Nursery:
    """Starts writers and kills them; see tests/log_nursery.py."""

    def __init__(self, folder, ledgers):
        self._ledgers = ledgers
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / "log_nursery.py"), str(folder), str(ledgers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(TESTS)},
        )

    def ask(self, command, number):
        self._process.stdin.write(f"{command} {number}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()

    def ledger(self, first):
        """What the writer saw acknowledged: complete lines of writer, seq, number."""
        path = self._ledgers / str(first)
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [line.decode().split() for line in lines]

    def close(self):
        self._process.communicate()


@pytest.fixture
def nursery(tmp_path):
    ledgers = tmp_path / "ledgers"
    ledgers.mkdir()
    nursery = Nursery(tmp_path / "log", ledgers)
    yield nursery
    nursery.close()


def test_twenty_kills_lose_no_acknowledged_event_and_leave_nothing_open(nursery, tmp_path):
    folder = tmp_path / "log"
    rng = random.Random(5)
    acked = {}

    for turn in range(0, N_KILLS, N_TOGETHER):
        firsts = [(turn + n) * 1_000_000 for n in range(N_TOGETHER)]
        pids = [nursery.ask("start", first) for first in firsts]
        for first, pid in zip(firsts, pids, strict=True):
            while not nursery.ledger(first):
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 0.1))
            nursery.ask("kill", pid)
            acked.update({(writer, int(seq)): f"decision-{n}" for writer, seq, n in nursery.ledger(first)})
        recover(folder, files=HastyFiles())

    kept = {}
    for file in log_folder.segments(folder):
        found = read_segment(file)
        assert found.damages == []
        for record in found.records:
            assert (record.writer, record.seq) not in kept
            kept[record.writer, record.seq] = record.event().decision_id
    assert len(acked) > 100
    assert acked.items() <= kept.items()
    assert len(set(kept.values())) == len(kept)
    assert {path.suffix for path in folder.iterdir()} == {".plog"}
