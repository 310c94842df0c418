"""The log's writer: what it acknowledges is on the disk, in order, and others can tell how far it is."""

import asyncio
import dataclasses
import json
import os
import sys
import threading

import pytest

from fault_fs import FailingFiles
from log_scripts import START_US, SetClock, decision, outcome, until
from policyloop.core.clock import SystemClock
from policyloop.core.errors import BadSetting, Invalid, LogUnavailable
from policyloop.log import folder as log_folder
from policyloop.log.files import SystemFiles
from policyloop.log.line import Line
from policyloop.log.recover import recover
from policyloop.log.replay import read_segment, time_of
from policyloop.log.writer import LogConfig, LogWriter

BY_HAND = LogConfig(seal_after_s=0, low_water_bytes=0)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def log(tmp_path, clock):
    log = LogWriter(tmp_path / "log", clock=clock, config=BY_HAND)
    yield log
    log.close()


def records_in(folder):
    return [record for file in log_folder.segments(folder) for record in read_segment(file).records]


def test_a_waited_for_event_can_be_read_back_at_once_by_anyone(log, tmp_path):
    seq = log.append(decision(1))
    log.wait(seq)

    (record,) = records_in(tmp_path / "log")

    assert (record.writer, record.seq) == (log.writer, seq)
    assert record.event() == decision(1)


def test_an_event_is_synced_before_it_is_acknowledged(tmp_path, clock):
    order = []

    class Watched(SystemFiles):
        def pwrite(self, fd, data, offset):
            order.append("write")
            super().pwrite(fd, data, offset)

        def fdatasync(self, fd):
            super().fdatasync(fd)
            order.append("sync")

    log = LogWriter(tmp_path, clock=clock, config=BY_HAND, files=Watched())
    order.clear()
    log.wait(log.append(decision(1)))
    order.append("ack")
    log.close()

    assert order[:3] == ["write", "sync", "ack"]


def test_seqs_count_from_one_and_the_log_keeps_the_order_of_appending(log, tmp_path):
    seqs = [log.append(decision(n) if n % 2 else outcome(n)) for n in range(50)]
    log.wait(seqs[-1])

    assert seqs == list(range(1, 51))
    assert [record.event().decision_id for record in records_in(tmp_path / "log")] == [f"decision-{n}" for n in range(50)]


def test_thirty_two_threads_lose_nothing_and_share_their_syncs(tmp_path):
    n_syncs = 0

    class Counting(SystemFiles):
        def fdatasync(self, fd):
            nonlocal n_syncs
            n_syncs += 1
            super().fdatasync(fd)

    log = LogWriter(tmp_path, clock=SystemClock(), config=BY_HAND, files=Counting())
    acked = []

    def play(thread):
        for n in range(40):
            event = decision(thread * 1000 + n)
            seq = log.append(event)
            log.wait(seq)
            acked.append((seq, event.decision_id))

    threads = [threading.Thread(target=play, args=(thread,)) for thread in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()

    assert sorted(acked) == [(record.seq, record.event().decision_id) for record in records_in(tmp_path)]
    assert len(acked) == 32 * 40
    assert n_syncs < 32 * 40 / 2


def test_an_event_loop_waits_without_blocking(log, tmp_path):
    async def play():
        await asyncio.gather(*(log.durable(log.append(decision(n))) for n in range(100)))

    asyncio.run(play())

    assert len(records_in(tmp_path / "log")) == 100


def test_times_never_decrease_within_a_writer(log, tmp_path):
    times = [START_US + 50, START_US + 10, START_US + 60, START_US + 55]

    for n, at in enumerate(times):
        log.append(decision(n, at=at) if n % 2 else outcome(n, at=at))
    log.roll()

    stored = [time_of(record.event()) for record in records_in(tmp_path / "log")]
    assert stored == [START_US + 50, START_US + 50, START_US + 60, START_US + 60]


def test_rolling_seals_what_was_appended_and_beats(log, tmp_path, clock):
    folder = tmp_path / "log"
    log.append(decision(1))
    clock.pass_s(1)

    log.roll()

    files = log_folder.segments(folder)
    assert [(file.segment, file.is_sealed) for file in files] == [(1, True), (2, False)]
    found = read_segment(files[0])
    assert found.seal is not None
    assert found.seal.n_records == 1
    assert json.loads((folder / f"{log.writer}.beat").read_bytes()) == {
        "time": START_US + 1_000_000,
        "segment": 1,
        "pid": os.getpid(),
    }


def test_rolling_an_empty_segment_only_beats(log, tmp_path, clock):
    clock.pass_s(5)

    log.roll()

    assert [(file.segment, file.is_sealed) for file in log_folder.segments(tmp_path / "log")] == [(1, False)]
    assert log_folder.beats(tmp_path / "log")[log.writer] == log_folder.Beat(START_US + 5_000_000, 0, os.getpid())


def test_no_event_is_older_than_a_heartbeat_that_went_before_it(log, tmp_path, clock):
    stamped_at = clock.now_us()
    clock.pass_s(1)
    log.roll()

    log.append(decision(1, at=stamped_at))  # stamped before the heartbeat, appended after it
    log.roll()

    (record,) = records_in(tmp_path / "log")
    assert time_of(record.event()) == START_US + 1_000_000


def test_a_segment_is_sealed_at_the_next_multiple_on_the_clock(tmp_path, clock):
    clock.now = START_US + 1_500_000
    log = LogWriter(tmp_path, clock=clock, config=LogConfig(seal_after_s=2, low_water_bytes=0))
    log.wait(log.append(decision(1)))
    before = [file.is_sealed for file in log_folder.segments(tmp_path)]

    clock.now = START_US + 2_000_000
    until(lambda: len(log_folder.shippable(tmp_path)) == 1)

    assert before == [False]
    assert [len(read_segment(file).records) for file in log_folder.shippable(tmp_path)] == [1]
    log.close()


def test_a_full_segment_is_followed_by_the_next_without_a_gap(tmp_path, clock):
    log = LogWriter(tmp_path, clock=clock, config=dataclasses.replace(BY_HAND, segment_bytes=65_536))
    for n in range(300):
        seq = log.append(decision(n, context="x" * 1000))
    log.wait(seq)
    log.close()

    files = log_folder.segments(tmp_path)
    assert [file.segment for file in files] == list(range(1, len(files) + 1))
    assert len(files) > 4
    assert all(file.path.stat().st_size <= 65_536 for file in files)
    assert [record.seq for record in records_in(tmp_path)] == list(range(1, 301))


def test_an_event_larger_than_a_segment_gets_one_of_its_own(tmp_path, clock):
    log = LogWriter(tmp_path, clock=clock, config=dataclasses.replace(BY_HAND, segment_bytes=65_536))
    for n, size in enumerate((10, 3_000_000, 10)):
        log.wait(log.append(decision(n, context="x" * size)))
    log.close()

    assert [len(read_segment(file).records) for file in log_folder.segments(tmp_path)] == [1, 1, 1]


def test_an_event_over_four_mebibytes_is_refused_with_its_size(log):
    with pytest.raises(Invalid, match=r"expected at most 4,194,304"):
        log.append(decision(1, context="x" * 2**22))


def test_closing_seals_everything_and_leaves_nothing_else(tmp_path, clock):
    log = LogWriter(tmp_path, clock=clock, config=BY_HAND)
    log.append(decision(1))

    log.close()
    log.close()

    assert [path.name for path in tmp_path.iterdir()] == [f"{log.writer}-{1:016d}.plog"]
    assert len(records_in(tmp_path)) == 1


def test_closing_an_unused_log_leaves_an_empty_folder(tmp_path, clock):
    LogWriter(tmp_path, clock=clock, config=BY_HAND).close()

    assert list(tmp_path.iterdir()) == []


def test_a_closed_log_refuses_events(tmp_path, clock):
    log = LogWriter(tmp_path, clock=clock, config=BY_HAND)
    log.close()

    assert not log.is_writable
    with pytest.raises(LogUnavailable, match="it is closed"):
        log.append(decision(1))
    with pytest.raises(LogUnavailable, match="it is closed"):
        log.roll()


def test_a_living_writers_segment_is_locked_and_recovery_leaves_it_alone(log, tmp_path):
    folder = tmp_path / "log"
    log.wait(log.append(decision(1)))

    assert recover(folder, files=SystemFiles()) == []

    (file,) = log_folder.segments(folder)
    assert log_folder.is_locked(file.path)
    log.wait(log.append(decision(2)))
    assert len(records_in(folder)) == 2


def test_fast_mode_acknowledges_at_once_and_writes_soon(tmp_path, clock):
    files = FailingFiles()
    log = LogWriter(tmp_path, clock=clock, config=dataclasses.replace(BY_HAND, mode="fast"), files=files)

    for n in range(10):
        log.wait(log.append(decision(n)), timeout_s=0)
    log.close()

    assert len(records_in(tmp_path)) == 10


def test_fast_mode_waits_for_the_disk_when_something_is_unsynced_for_longer_than_fifty_milliseconds(tmp_path, clock):
    may_sync = threading.Event()

    class Stuck(SystemFiles):
        def fdatasync(self, fd):
            may_sync.wait(10)
            super().fdatasync(fd)

    may_sync.set()
    log = LogWriter(tmp_path, clock=clock, config=dataclasses.replace(BY_HAND, mode="fast"), files=Stuck())
    may_sync.clear()
    seq = log.append(decision(1))
    log.wait(seq, timeout_s=0)

    clock.pass_s(0.06)
    with pytest.raises(LogUnavailable):
        log.wait(seq, timeout_s=0.01)
    may_sync.set()

    log.wait(seq, timeout_s=10)
    log.close()


def test_only_the_owner_may_read_the_log(log, tmp_path):
    if sys.platform == "win32":
        pytest.skip("no POSIX modes here")

    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "log").iterdir()} == {0o600}


def test_two_writers_of_one_name_would_write_over_each_other_so_the_second_is_refused(log, tmp_path, clock):
    with pytest.raises(FileExistsError, match="a writer of this name is there already"):
        Line(tmp_path / "log", log.writer, clock=clock, files=SystemFiles(), segment_bytes=65_536)

    log.wait(log.append(decision(1)))
    assert len(log_folder.beats(tmp_path / "log")) == 1


def test_a_folder_that_cannot_be_made_is_told(tmp_path, clock):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(LogUnavailable, match="the log cannot be written"):
        LogWriter(tmp_path / "file" / "log", clock=clock)


@pytest.mark.parametrize(
    ("setting", "value", "expected"),
    [
        ("segment_bytes", 1000, r"log\.segment_bytes is 1000; expected 65,536 to 268,435,456"),
        ("group_wait_s", 2, r"log\.group_wait_s is 2; expected 0 to 1 second"),
        ("low_water_bytes", -1, r"log\.low_water_bytes is -1; expected 0 or more"),
        ("seal_after_s", 1e9, r"log\.seal_after_s is 1000000000\.0; expected 0 to 3600"),
        ("mode", "quick", r"log\.mode is 'quick'; expected durable or fast"),
    ],
)
def test_a_setting_out_of_range_names_itself_and_the_range(setting, value, expected):
    with pytest.raises(BadSetting, match=expected):
        LogConfig(**{setting: value})
