"""The log on a failing disk: no false acknowledgement, a clear refusal, and it heals by itself (RELIABILITY D6, D7)."""

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from fault_fs import FailingFiles, HastyFiles
from log_scripts import START_US, decision, until
from policyloop.core.clock import SystemClock
from policyloop.core.errors import LogUnavailable
from policyloop.log import folder as log_folder
from policyloop.log.recover import recover
from policyloop.log.replay import read_segment
from policyloop.log.writer import LogConfig, LogWriter

CONFIG = LogConfig(segment_bytes=65_536, seal_after_s=0, low_water_bytes=2**20)


@pytest.fixture
def files():
    return FailingFiles()


@pytest.fixture
def log(tmp_path, files):
    log = LogWriter(tmp_path, clock=SystemClock(), config=CONFIG, files=files)
    yield log
    log.close()


def acked(log, n):
    """Whether the n-th event was acknowledged."""
    try:
        log.wait(log.append(decision(n)), timeout_s=10)
    except LogUnavailable:
        return False
    return True


def ids_after_recovery(log, folder):
    log.close()
    recover(folder, files=HastyFiles())
    assert all(file.is_sealed for file in log_folder.segments(folder))
    found = [read_segment(file) for file in log_folder.segments(folder)]
    assert not any(scan.damages for scan in found)
    return [record.event().decision_id for scan in found for record in scan.records]


def acked_again(log, n):
    """Whether the n-th event is acknowledged once a new segment has been begun."""
    until(lambda: log.is_writable)
    return acked(log, n)


@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_after_one_failed_call_nothing_unacknowledged_is_ever_acknowledged_and_a_new_segment_is_begun(
    log, files, tmp_path, call
):
    assert acked(log, 1)
    files.fail(call, errno.EIO)

    assert not acked(log, 2)
    assert acked_again(log, 3)

    with pytest.raises(LogUnavailable, match="Input/output error"):
        log.wait(2)
    assert [file.segment for file in log_folder.segments(tmp_path)] == [1, 2]
    assert ids_after_recovery(log, tmp_path) == ["decision-1", "decision-3"]


def test_a_descriptor_whose_sync_failed_is_not_synced_again(tmp_path):
    synced, failed = [], []

    class Watched(FailingFiles):
        def fdatasync(self, fd):
            inode = os.fstat(fd).st_ino
            synced.append(inode)
            try:
                super().fdatasync(fd)
            except OSError:
                failed.append(inode)
                raise

    files = Watched()
    log = LogWriter(tmp_path, clock=SystemClock(), config=CONFIG, files=files)
    files.fail("fdatasync", errno.EIO)

    assert not acked(log, 1)
    assert acked_again(log, 2)
    log.close()

    assert synced.count(failed[0]) == 2  # once when it was made, once when it failed


def test_all_threads_that_wait_when_a_sync_fails_are_refused_or_safe(log, files, tmp_path):
    safe, refused = [], []

    def play(thread):
        for n in range(30):
            event = thread * 100 + n
            (safe if acked(log, event) else refused).append(f"decision-{event}")

    files.fail("fdatasync", errno.EIO, after=5)
    threads = [threading.Thread(target=play, args=(thread,)) for thread in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    kept = ids_after_recovery(log, tmp_path)
    assert refused
    assert len(safe) + len(refused) == 16 * 30
    assert set(safe) <= set(kept)
    assert len(kept) == len(set(kept))


@pytest.mark.parametrize("call", ["pwrite", "truncate", "fdatasync", "rename", "fsync_dir"])
def test_a_seal_that_fails_loses_nothing(log, files, tmp_path, call):
    assert acked(log, 1)
    files.fail(call, errno.EIO)

    log.roll()

    assert acked_again(log, 2)
    assert sorted(ids_after_recovery(log, tmp_path)) == ["decision-1", "decision-2"]


@pytest.mark.parametrize("call", ["create", "fallocate", "pwrite", "fdatasync", "rename", "fsync_dir"])
def test_a_log_whose_first_segment_cannot_be_made_refuses_and_heals(tmp_path, call):
    files = FailingFiles()
    log = LogWriter(tmp_path / "log", clock=SystemClock(), config=CONFIG, files=files)
    log.append(decision(1))
    files.break_for_good(call, errno.EIO)
    log.roll()
    until(lambda: not log.is_writable)

    files.mend()
    until(lambda: log.is_writable)

    assert acked(log, 2)
    numbers = [file.segment for file in log_folder.segments(tmp_path / "log")]
    assert numbers == list(range(1, len(numbers) + 1))
    log.close()


def test_a_full_disk_refuses_within_a_second_and_heals_when_there_is_room(log, files, tmp_path):
    assert acked(log, 1)
    files.break_for_good("fallocate", errno.ENOSPC)
    files.break_for_good("pwrite", errno.ENOSPC)

    seq = log.append(decision(2))
    with pytest.raises(LogUnavailable, match="No space left on device"):
        log.wait(seq, timeout_s=1)
    with pytest.raises(LogUnavailable, match="No space left on device"):
        log.append(decision(3))
    assert not log.is_writable

    files.mend()
    until(lambda: log.is_writable)
    assert acked(log, 4)
    assert ids_after_recovery(log, tmp_path) == ["decision-1", "decision-4"]


def test_below_the_low_water_mark_events_are_refused_before_the_disk_is_full(log, files, tmp_path):
    assert acked(log, 1)
    files.free_bytes = 2**20 - 1

    until(lambda: not log.is_writable)
    with pytest.raises(LogUnavailable, match=r"only 1,048,575 bytes are free .* expected log.low_water_bytes, 1,048,576"):
        log.append(decision(2))

    files.free_bytes = 2**20
    until(lambda: log.is_writable)
    assert acked(log, 3)
    assert ids_after_recovery(log, tmp_path) == ["decision-1", "decision-3"]


def test_a_disk_that_is_full_at_the_start_is_waited_for(tmp_path, files):
    files.free_bytes = 0
    log = LogWriter(tmp_path, clock=SystemClock(), config=CONFIG, files=files)
    was_writable = log.is_writable

    files.free_bytes = 2**30
    until(lambda: log.is_writable)

    assert not was_writable
    assert acked(log, 1)
    log.close()


def test_a_heartbeat_that_cannot_be_written_stops_nothing(log, files):
    files.break_for_good("create", errno.ENOSPC)

    log.roll()

    files.mend()
    assert acked(log, 1)


def test_a_segment_that_was_given_up_holds_back_the_later_ones_until_it_is_recovered(log, files, tmp_path):
    assert acked(log, 1)
    files.fail("fdatasync", errno.EIO)
    assert not acked(log, 2)
    assert acked_again(log, 3)
    log.roll()

    before = log_folder.shippable(tmp_path)
    recover(tmp_path, files=HastyFiles())
    after = log_folder.shippable(tmp_path)

    assert [(file.segment, file.is_sealed) for file in log_folder.segments(tmp_path)] == [(1, True), (2, True), (3, False)]
    assert before == []
    assert [file.segment for file in after] == [1, 2]


def test_a_mistake_in_the_committer_lets_no_one_wait_for_ever(tmp_path, monkeypatch):
    log = LogWriter(tmp_path, clock=SystemClock(), config=CONFIG)
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(log._line, "commit", lambda *_, **__: 1 / 0)

    seq = log.append(decision(1, at=START_US))

    with pytest.raises(LogUnavailable):
        log.wait(seq, timeout_s=10)
    until(lambda: not log.is_writable)
    log.close()


_LIMITED = """
import resource, sys
from pathlib import Path
from log_scripts import decision
from policyloop.core.clock import SystemClock
from policyloop.core.errors import LogUnavailable
from policyloop.log.writer import LogConfig, LogWriter

log = LogWriter(Path(sys.argv[1]), clock=SystemClock(), config=LogConfig(seal_after_s=0, low_water_bytes=0))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1_200_000, hard))
n, n_refused = 0, 0
while n_refused == 0:
    try:
        log.wait(log.append(decision(n, context="x" * 10_000)))
        print(n, flush=True)
    except LogUnavailable as error:
        n_refused += 1
    n += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
while n < 1000:
    try:
        log.wait(log.append(decision(n, context="x" * 10_000)))
        print(n, flush=True)
        break
    except LogUnavailable:
        pass
log.close()
"""


def test_a_file_size_limit_costs_only_what_was_refused_and_is_healed_from(tmp_path):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}

    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, str(tmp_path)], capture_output=True, text=True, env=environment, timeout=60
    )
    recover(tmp_path, files=HastyFiles())

    assert done.returncode == 0, done.stderr
    printed = [f"decision-{line}" for line in done.stdout.split()]
    kept = [record.event().decision_id for file in log_folder.segments(tmp_path) for record in read_segment(file).records]
    assert len(printed) > 50
    assert [name for name in kept if name in set(printed)] == printed
