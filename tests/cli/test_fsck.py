"""`policyloop fsck`: says whether the log is as it was written, by words and exit code."""

import json
from pathlib import Path

from policyloop.core.clock import SystemClock
from policyloop.core.event import Outcome
from policyloop.log.writer import LogWriter


def write_log(folder: Path) -> Path:
    """One sealed segment with three outcomes in it."""
    clock = SystemClock()
    writer = LogWriter(folder, clock=clock)
    for n in range(3):
        last = writer.append(
            Outcome(loop="x", decision_id=f"d{n}", outcome_id=f"o{n}", received_at=clock.now_us(), values={"won": 1.0})
        )
    writer.wait(last)
    writer.close()
    (segment,) = folder.glob("*.plog")
    return segment


def test_a_sound_log_is_exit_0(project, tmp_path):
    write_log(tmp_path / "policyloop-data" / "log")

    ran = project("fsck")

    assert ran.code == 0
    assert ran.out == f"{tmp_path / 'policyloop-data' / 'log'}: all is as it was written.\n"


def test_a_flipped_byte_is_exit_1_and_can_be_repaired(project, tmp_path):
    segment = write_log(tmp_path / "policyloop-data" / "log")
    damaged = bytearray(segment.read_bytes())
    damaged[4096 + 40] ^= 0xFF
    segment.write_bytes(damaged)

    found = project("fsck", "--json")
    repaired = project("fsck", "--repair")

    assert found.code == 1
    assert [finding["is_loss"] for finding in json.loads(found.out)["findings"]] == [True]
    assert repaired.code == 0
    assert f"repaired {segment.name}: " in repaired.out
    assert ".." not in repaired.out


def test_what_was_lost_is_still_told_after_the_repair(project, tmp_path):
    segment = write_log(tmp_path / "policyloop-data" / "log")
    damaged = bytearray(segment.read_bytes())
    damaged[4096 + 40] ^= 0xFF
    segment.write_bytes(damaged)
    project("fsck", "--repair")

    told, as_json = project("fsck"), json.loads(project("fsck", "--json").out)

    assert told.code == 0
    assert f"in quarantine: {segment.name}: corrupt: " in told.out
    assert "record 1 is lost" in told.out
    assert as_json["findings"] == []
    assert [finding["is_loss"] for finding in as_json["in_quarantine"]] == [True]
