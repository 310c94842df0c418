"""Reading the log back: what it holds about a decision, and the last time that it gave."""

import shutil

import pytest

from log_scripts import START_US, SetClock, decision, outcome
from policyloop.log import folder as log_folder
from policyloop.log.replay import find_events, last_time_us, read_segment
from policyloop.log.segment import BadHeader
from policyloop.log.writer import LogConfig, LogWriter

CONFIG = LogConfig(seal_after_s=0, low_water_bytes=0)


@pytest.fixture
def log(tmp_path):
    log = LogWriter(tmp_path / "log", clock=SetClock(), config=CONFIG)
    yield log
    log.close()


def test_a_decision_and_its_outcomes_are_found_in_sealed_and_open_segments(log, tmp_path):
    log.append(decision(1))
    log.append(decision(11))
    log.roll()
    log.wait(log.append(outcome(1)))

    found = find_events(tmp_path / "log", "decision-1")

    assert [event for _, event in found] == [decision(1), outcome(1)]
    assert [(record.segment, record.seq) for record, _ in found] == [(1, 1), (2, 3)]


def test_a_decision_that_is_not_in_the_log_is_not_found(log, tmp_path):
    log.wait(log.append(decision(1, context='{"note":"decision-2"}')))

    assert find_events(tmp_path / "log", "decision-2") == []
    assert find_events(tmp_path / "none", "decision-1") == []


def test_segments_that_cannot_be_read_do_not_hide_the_others(log, tmp_path):
    log.append(decision(1))
    log.roll()
    log.append(decision(1))
    log.roll()
    first = log_folder.segments(tmp_path / "log")[0]
    first.path.write_bytes(b"nothing")

    assert len(find_events(tmp_path / "log", "decision-1")) == 1


def test_the_last_time_is_that_of_the_latest_event_or_heartbeat(tmp_path):
    folder = tmp_path / "log"
    clock = SetClock()
    log = LogWriter(folder, clock=clock, config=CONFIG)
    at_start = last_time_us(folder)
    log.wait(log.append(decision(1, at=START_US + 7)))
    of_the_open_segment = last_time_us(folder)
    clock.pass_s(1)
    log.roll()
    of_the_heartbeat = last_time_us(folder)
    log.append(decision(2, at=START_US + 1_000_009))
    log.close()

    assert (at_start, of_the_open_segment, of_the_heartbeat) == (START_US, START_US + 7, START_US + 1_000_000)
    assert last_time_us(folder) == START_US + 1_000_009


def test_the_last_time_of_a_sealed_segment_without_its_seal_comes_from_its_records(log, tmp_path):
    log.append(decision(1, at=START_US + 5))
    log.close()
    (file,) = log_folder.segments(tmp_path / "log")
    data = file.path.read_bytes()
    file.path.write_bytes(data[:-8])

    assert last_time_us(tmp_path / "log") == START_US + 5


def test_an_empty_folder_has_no_last_time(tmp_path):
    assert last_time_us(tmp_path) == 0
    assert last_time_us(tmp_path / "none") == 0


def test_a_copy_under_another_name_is_not_read_as_that_segment(log, tmp_path):
    log.append(decision(1))
    log.roll()
    (file, _) = log_folder.segments(tmp_path / "log")
    copy = log_folder.sealed_path(tmp_path / "log", log.writer, 9)
    shutil.copy(file.path, copy)

    with pytest.raises(BadHeader, match="it is a copy under another name") as told:
        read_segment(log_folder.segments(tmp_path / "log")[2])

    assert told.value.kind == "wrong_name"
