"""Recovery: what a dead writer left open is sealed; what cannot be read is kept aside, never deleted."""

import os
import shutil

import pytest

from fault_fs import FailingFiles, HastyFiles
from log_scripts import START_US, SetClock, decision
from policyloop.log import folder as log_folder
from policyloop.log.recover import quarantine, recover
from policyloop.log.replay import read_segment
from policyloop.log.writer import LogConfig, LogWriter

CONFIG = LogConfig(segment_bytes=65_536, seal_after_s=0, low_water_bytes=0)


@pytest.fixture
def left(tmp_path):
    """A folder as a killed writer leaves it: one sealed segment, one open with three records in two groups."""
    living, dead = tmp_path / "living", tmp_path / "dead"
    log = LogWriter(living, clock=SetClock(), config=CONFIG)
    log.append(decision(0))
    log.roll()
    log.wait(log.append(decision(1, at=START_US + 1)))
    log.append(decision(2, at=START_US + 2))
    log.wait(log.append(decision(3, at=START_US + 3)))
    shutil.copytree(living, dead)
    log.close()
    return dead


def open_segment(folder):
    (path,) = folder.glob("*.open")
    return path


def test_an_open_segment_of_a_dead_writer_is_sealed_with_all_its_records(left):
    (recovery,) = recover(left, files=HastyFiles())

    assert recovery.n_records == 3
    assert recovery.damages == []
    files = log_folder.segments(left)
    assert [file.is_sealed for file in files] == [True, True]
    found = read_segment(files[1])
    assert [record.event().decision_id for record in found.records] == ["decision-1", "decision-2", "decision-3"]
    assert found.seal is not None
    assert (found.seal.n_records, found.seal.last_time) == (3, START_US + 3)


def test_recovery_takes_the_dead_writers_lock_and_heartbeat_away(left):
    assert {path.suffix for path in left.iterdir()} == {".plog", ".open", ".lock", ".beat"}

    recover(left, files=HastyFiles())

    assert {path.suffix for path in left.iterdir()} == {".plog"}


def test_a_torn_tail_is_dropped_and_reported_with_its_offset(left):
    path = open_segment(left)
    end = read_segment(log_folder.segment_file(path)).end
    data = path.read_bytes()
    path.write_bytes(data[: end - 20] + bytes(len(data) - end + 20))

    (recovery,) = recover(left, files=HastyFiles())

    assert recovery.n_records == 2
    (damage,) = recovery.damages
    assert damage.kind == "torn"
    assert damage.offset < end - 20 <= damage.end
    assert read_segment(log_folder.segments(left)[1]).damages == []


def test_corruption_in_the_middle_costs_only_the_damaged_records_and_stays_visible(left):
    path = open_segment(left)
    data = bytearray(path.read_bytes())
    data[4096 + 60] ^= 1
    path.write_bytes(data)

    (recovery,) = recover(left, files=HastyFiles())

    assert [damage.kind for damage in recovery.damages] == ["corrupt"]
    found = read_segment(log_folder.segments(left)[1])
    assert found.is_corrupt
    assert [record.event().decision_id for record in found.records] == ["decision-2", "decision-3"]


def test_an_open_segment_without_records_is_sealed_too_so_that_the_numbers_have_no_hole(tmp_path):
    living, dead = tmp_path / "living", tmp_path / "dead"
    log = LogWriter(living, clock=SetClock(), config=CONFIG)
    shutil.copytree(living, dead)
    log.close()

    (recovery,) = recover(dead, files=HastyFiles())

    assert recovery.n_records == 0
    assert read_segment(log_folder.segments(dead)[0]).damages == []


def test_what_the_writer_did_not_know_to_be_durable_is_written_again_before_the_seal(left):
    calls = []

    class Watched(HastyFiles):
        def pwrite(self, fd, data, offset):
            calls.append(("pwrite", offset))
            super().pwrite(fd, data, offset)

        def fdatasync(self, fd):
            calls.append(("fdatasync",))

        def rename(self, source, target):
            calls.append(("rename",))
            super().rename(source, target)

    found = read_segment(log_folder.segments(left)[1])

    recover(left, files=Watched())

    expected = [("pwrite", found.durable_offset), ("fdatasync",), ("pwrite", found.end), ("fdatasync",), ("rename",)]
    assert calls == expected
    assert found.durable_offset < found.end


def test_recovery_that_fails_can_be_run_again(left):
    files = FailingFiles()
    files.fail("rename", 5)

    with pytest.raises(OSError, match="Input/output error"):
        recover(left, files=files)
    (recovery,) = recover(left, files=files)

    assert recovery.n_records == 3
    assert read_segment(log_folder.segments(left)[1]).damages == []


def test_a_segment_whose_header_is_lost_is_moved_to_quarantine(left):
    path = open_segment(left)
    data = path.read_bytes()
    path.write_bytes(bytes(4096) + data[4096:])

    (recovery,) = recover(left, files=HastyFiles())

    assert recovery.path == left / "quarantine" / path.name
    assert recovery.path.read_bytes()[4096:] == data[4096:]
    assert "expected b'PLOOPLOG'" in str(recovery.refusal)
    assert not path.exists()


def test_a_segment_of_a_newer_format_is_left_for_the_version_that_wrote_it(left, monkeypatch):
    path = open_segment(left)
    before = path.read_bytes()
    monkeypatch.setattr("policyloop.log.segment.FORMAT", 0)

    (recovery,) = recover(left, files=HastyFiles())

    assert "it has format 1; this version reads format 0" in str(recovery.refusal)
    assert path.read_bytes() == before


def test_copies_in_quarantine_never_replace_one_another(left):
    path = open_segment(left)

    first = quarantine(path, files=HastyFiles())
    second = quarantine(path, files=HastyFiles())

    assert first != second
    assert first.read_bytes() == second.read_bytes() == path.read_bytes()


def test_a_folder_that_does_not_exist_has_nothing_to_recover(tmp_path):
    assert recover(tmp_path / "none", files=HastyFiles()) == []
    assert not os.path.lexists(tmp_path / "none")
