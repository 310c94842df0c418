"""The log's folder: what lies in it, who writes, and what may be shipped."""

from log_scripts import SetClock, decision
from policyloop.log import folder as log_folder
from policyloop.log.folder import Beat
from policyloop.log.writer import LogConfig, LogWriter

A = "0195f3c4-0000-7000-8000-00000000000a"
B = "0195f3c4-0000-7000-8000-00000000000b"


def touch(folder, *names):
    for writer, segment, is_sealed in names:
        path = log_folder.sealed_path if is_sealed else log_folder.open_path
        path(folder, writer, segment).touch()


def test_segments_are_listed_by_writer_and_number_and_other_files_are_not(tmp_path):
    touch(tmp_path, (B, 1, True), (A, 10, False), (A, 9, True))
    for other in (f"{A}.beat", f"{A}.lock", f"{A}-{3:016d}.plog.open.new", "notes.txt", "x-0000000000000001.plog"):
        (tmp_path / other).touch()

    assert [(file.writer, file.segment, file.is_sealed) for file in log_folder.segments(tmp_path)] == [
        (A, 9, True),
        (A, 10, False),
        (B, 1, True),
    ]


def test_a_writers_line_is_shipped_up_to_its_first_open_segment(tmp_path):
    touch(tmp_path, (A, 1, True), (A, 2, False), (A, 3, True), (B, 7, True), (B, 9, True))

    assert [(file.writer, file.segment) for file in log_folder.shippable(tmp_path)] == [(A, 1), (B, 7), (B, 9)]


def test_a_missing_folder_is_an_empty_one(tmp_path):
    assert log_folder.segments(tmp_path / "none") == []
    assert log_folder.shippable(tmp_path / "none") == []
    assert log_folder.beats(tmp_path / "none") == {}


def test_only_living_writers_beat(tmp_path):
    clock = SetClock()
    config = LogConfig(seal_after_s=0, low_water_bytes=0)
    log = LogWriter(tmp_path, clock=clock, config=config)
    log_folder.lock_path(tmp_path, A).touch()
    log_folder.beat_path(tmp_path, A).write_text('{"time": 5, "segment": 1, "pid": 1}')
    log.append(decision(1))
    clock.pass_s(1)
    log.roll()

    living = log_folder.beats(tmp_path)
    log.close()

    assert list(living) == [log.writer]
    assert (living[log.writer].time, living[log.writer].segment) == (clock.now, 1)
    assert log_folder.beats(tmp_path) == {}


def test_a_beat_that_a_power_cut_emptied_promises_nothing(tmp_path):
    config = LogConfig(seal_after_s=0, low_water_bytes=0)
    log = LogWriter(tmp_path, clock=SetClock(), config=config)
    log_folder.beat_path(tmp_path, log.writer).write_bytes(b"")

    assert log_folder.beats(tmp_path) == {log.writer: Beat(time=0, segment=0, pid=0)}
    log.close()
