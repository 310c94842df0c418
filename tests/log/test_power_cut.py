"""A power cut after any call loses nothing that was acknowledged (RELIABILITY D2)."""

import random
import shutil

import pytest

from fault_fs import Disk, FaultFS, HastyFiles, put
from log_scripts import START_US, SetClock, decision
from policyloop.core.event import encode
from policyloop.log import folder as log_folder
from policyloop.log.recover import recover
from policyloop.log.replay import read_segment
from policyloop.log.writer import LogConfig, LogWriter

N_EVENTS = 200
SURVIVALS = ("nothing", "everything", "a part")


@pytest.fixture(scope="module")
def script(tmp_path_factory):
    """200 events in groups of one to five, some too large for the segment at hand, with rolls; what was sent, by seq."""
    folder = tmp_path_factory.mktemp("log")
    files = FaultFS(folder)
    log = LogWriter(folder, clock=SetClock(), files=files, config=LogConfig(segment_bytes=65_536, seal_after_s=0))
    rng = random.Random(7)
    sent = {}
    while len(sent) < N_EVENTS:
        n_before = len(sent)
        for n in range(n_before, min(N_EVENTS, n_before + rng.randint(1, 5))):
            event = decision(n, at=START_US + n, context="x" * rng.randint(1, 1200))
            sent[log.append(event)] = encode(event)
        log.wait(len(sent))
        files.note(len(sent))
        if n_before // 40 < len(sent) // 40:
            log.roll()
    log.close()
    return files, sent


def recovered(folder):
    """Recover a folder and read it: payload by seq. What is read must be undamaged."""
    recover(folder, files=HastyFiles())
    files = log_folder.segments(folder)
    records = []
    for file in files:
        found = read_segment(file)
        assert file.is_sealed
        assert found.damages == []
        records.extend(found.records)
    by_seq = {record.seq: record.payload for record in records}
    assert len(by_seq) == len(records), "a record appears twice"
    return by_seq


def check(folder, disk, sent):
    """Nothing acknowledged is lost, nothing is invented, and nothing is left behind."""
    found = recovered(folder)
    n_acked = disk.notes[-1] if disk.notes else 0
    assert set(range(1, n_acked + 1)) <= found.keys()
    assert all(sent[seq] == payload for seq, payload in found.items())
    assert recover(folder, files=HastyFiles()) == []
    assert {path.suffix for path in folder.iterdir() if not path.name.endswith(".lock.new")} <= {".plog"}


def test_a_power_cut_after_any_call_loses_no_acknowledged_record(script, tmp_path):
    files, sent = script
    rng = random.Random(11)
    disk = Disk()

    for call in files.journal:
        disk.apply(call)
        for survives in SURVIVALS:
            folder = put(disk.cut(survives, rng), tmp_path / "cut")
            check(folder, disk, sent)
            shutil.rmtree(folder)

    assert disk.notes[-1] == N_EVENTS
    assert len(files.journal) > 250  # the script makes enough calls to mean something


def test_a_power_cut_during_recovery_loses_no_acknowledged_record(script, tmp_path):
    files, sent = script
    rng = random.Random(13)
    disk = Disk()

    for n, call in enumerate(files.journal):
        disk.apply(call)
        if n % 7:
            continue
        folder = put(disk.cut("a part", rng), tmp_path / "first")
        faulty = FaultFS(folder)
        recover(folder, files=faulty)
        second = Disk()
        for recovery_call in faulty.journal:
            second.apply(recovery_call)
            if recovery_call.name != "existing":
                again = put(second.cut("a part", rng), tmp_path / "second")
                check(again, disk, sent)
                shutil.rmtree(again)
        shutil.rmtree(folder)
