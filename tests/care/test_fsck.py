"""fsck: every fault of the log's files is named with its place, and a repair keeps all that was logged (RELIABILITY D4, D5)."""

import shutil

import pytest

from fault_fs import HastyFiles
from log_scripts import START_US, SetClock, decision
from policyloop.care.fsck import check, repair
from policyloop.log import folder as log_folder
from policyloop.log import segment
from policyloop.log.replay import read_segment
from policyloop.log.writer import LogConfig, LogWriter

CONFIG = LogConfig(segment_bytes=65_536, seal_after_s=0, low_water_bytes=0)


@pytest.fixture
def folder(tmp_path):
    """Three sealed segments of three records each, and an open one of a dead writer with two."""
    living, dead = tmp_path / "living", tmp_path / "log"
    log = LogWriter(living, clock=SetClock(), config=CONFIG)
    for n in range(9):
        log.append(decision(n, at=START_US + n))
        if n % 3 == 2:
            log.roll()
    log.append(decision(9))
    log.wait(log.append(decision(10)))
    shutil.copytree(living, dead)
    log.close()
    return dead


def files_of(folder):
    return [file.path for file in log_folder.segments(folder)]


def ids_in(folder):
    found = [read_segment(file) for file in log_folder.segments(folder)]
    return [int(record.event().decision_id.removeprefix("decision-")) for scan in found for record in scan.records]


def flip(path, offset):
    data = bytearray(path.read_bytes())
    data[offset] ^= 0x20
    path.write_bytes(data)


def bytes_in(folder):
    return sorted(path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".plog" in path.name)


def test_a_good_log_has_no_findings_and_needs_no_repair(folder):
    assert check(folder) == []

    repair(folder, files=HastyFiles())

    assert ids_in(folder) == list(range(11))
    assert check(folder) == []


def test_a_missing_folder_has_no_findings(tmp_path):
    assert check(tmp_path / "none") == []


def test_a_flipped_bit_is_found_with_its_place_and_costs_one_record(folder):
    path = files_of(folder)[1]
    flip(path, segment.HEADER_BYTES + 40)
    damaged = path.read_bytes()

    (finding,) = check(folder)
    (mended, _) = repair(folder, files=HastyFiles())

    assert (finding.kind, finding.path, finding.offset) == ("corrupt", path, segment.HEADER_BYTES)
    assert finding.is_loss
    assert finding.message.endswith("; record 4 is lost.")
    assert mended.kept_in is not None
    assert mended.kept_in.read_bytes() == damaged
    assert check(folder) == []
    assert ids_in(folder) == [0, 1, 2, 4, 5, 6, 7, 8, 9, 10]


def test_repaired_records_keep_their_identity(folder):
    before = {r.seq: r for file in log_folder.segments(folder) for r in read_segment(file).records}
    flip(files_of(folder)[0], segment.HEADER_BYTES + 40)

    repair(folder, files=HastyFiles())

    after = {r.seq: r for file in log_folder.segments(folder) for r in read_segment(file).records}
    assert after == {seq: record for seq, record in before.items() if seq != 1}


@pytest.mark.parametrize(("offset", "kind"), [(0, "wrong_magic"), (20, "bad_header"), (4000, "bad_header")])
def test_a_damaged_header_costs_no_record_at_all(folder, offset, kind):
    path = files_of(folder)[2]
    flip(path, offset)

    (finding,) = check(folder)
    repair(folder, files=HastyFiles())

    assert (finding.kind, finding.path) == (kind, path)
    assert check(folder) == []
    assert ids_in(folder) == list(range(11))


def test_an_open_segment_with_a_damaged_header_is_mended_before_recovery_gives_it_up(folder):
    path = files_of(folder)[3]
    flip(path, 20)

    repair(folder, files=HastyFiles())

    assert ids_in(folder) == list(range(11))
    assert [file.is_sealed for file in log_folder.segments(folder)] == [True] * 4
    assert (folder / "quarantine" / path.name).exists()


def test_a_torn_tail_is_found_and_is_no_loss(folder):
    path = files_of(folder)[3]
    end = read_segment(log_folder.segment_file(path)).end
    flip(path, end - 30)

    (finding,) = check(folder)
    (mended,) = repair(folder, files=HastyFiles())

    assert (finding.kind, finding.is_loss) == ("torn_tail", False)
    assert "are dropped" in mended.message
    assert ids_in(folder) == list(range(10))
    assert check(folder) == []


def test_a_zero_filled_end_is_found_and_the_records_before_it_are_kept(folder):
    path = files_of(folder)[0]
    data = path.read_bytes()
    path.write_bytes(data[:-200] + bytes(200))

    findings = check(folder)
    repair(folder, files=HastyFiles())

    assert {finding.kind for finding in findings} == {"corrupt"}
    assert check(folder) == []
    assert ids_in(folder)[:3] == [0, 1, 3]


def test_a_segment_of_a_newer_format_is_reported_and_left_alone(folder, monkeypatch):
    monkeypatch.setattr(segment, "FORMAT", 2)
    path = files_of(folder)[0]
    newer = segment.encode_header(segment.Header(log_folder.segment_file(path).writer, 1, 1, START_US))
    path.write_bytes(newer + path.read_bytes()[4096:])
    before = path.read_bytes()
    monkeypatch.undo()

    (finding,) = check(folder)
    repair(folder, files=HastyFiles())

    assert finding.kind == "newer_format"
    assert "Read it with the Policyloop that wrote it" in finding.message
    assert path.read_bytes() == before


def test_a_copy_of_a_segment_under_another_number_is_put_aside(folder):
    first, *_ = log_folder.segments(folder)
    copy = log_folder.sealed_path(folder, first.writer, 5)
    shutil.copy(first.path, copy)

    (finding,) = check(folder)
    repair(folder, files=HastyFiles())

    assert (finding.kind, finding.path) == ("duplicate", copy)
    assert first.path.name in finding.message
    assert (folder / "quarantine" / copy.name).exists()
    assert check(folder) == []
    assert ids_in(folder) == list(range(11))


def test_a_segment_under_a_wrong_name_gets_its_own_back(folder):
    first, *_ = log_folder.segments(folder)
    first.path.rename(log_folder.sealed_path(folder, first.writer, 5))

    kinds = {finding.kind for finding in check(folder)}
    repair(folder, files=HastyFiles())

    assert kinds == {"wrong_name"}
    assert check(folder) == []
    assert ids_in(folder) == list(range(11))


def test_a_segment_that_is_there_open_and_sealed_keeps_the_sealed_one(folder):
    first, *_ = log_folder.segments(folder)
    shutil.copy(first.path, log_folder.open_path(folder, first.writer, first.segment))

    (finding,) = check(folder)
    repair(folder, files=HastyFiles())

    assert finding.kind == "duplicate"
    assert not finding.is_loss
    assert check(folder) == []
    assert ids_in(folder) == list(range(11))


def test_a_missing_segment_in_the_middle_is_named(folder):
    path = files_of(folder)[1]
    path.unlink()

    (finding,) = check(folder)

    assert (finding.kind, finding.path) == ("missing_segment", path)
    assert "segments 1 and 3 of the writer are there and this one is not" in finding.message
    assert finding.is_loss


def test_shipped_segments_are_not_missed(folder):
    files_of(folder)[0].unlink()

    assert check(folder) == []


def test_a_file_of_foreign_bytes_is_put_aside_and_then_known_to_be_there(folder):
    path = files_of(folder)[1]
    path.write_bytes(b"something else entirely" * 300)

    (before,) = check(folder)
    repair(folder, files=HastyFiles())
    (after,) = check(folder)

    assert before.kind == "wrong_magic"
    assert after.kind == "missing_segment"
    assert f"it was put aside as {folder / 'quarantine' / path.name}" in after.message


def test_a_record_that_holds_no_event_is_reported(folder):
    path = files_of(folder)[0]
    header = segment.decode_header(path.read_bytes())
    seed = segment.seed_of(header.writer, header.segment)
    frame = segment.encode_frame(seed, 1, (9, 1, b"?"), durable_offset=4096)
    seal = segment.encode_seal(seed, 2, segment.Seal(1, START_US), durable_offset=4096 + len(frame))
    path.write_bytes(segment.encode_header(header) + frame + seal)

    (finding,) = check(folder)

    assert finding.kind == "unreadable_event"
    assert "record 1 (kind 9, form 1)" in finding.message


def test_a_living_writers_log_is_neither_blamed_nor_touched(tmp_path):
    log = LogWriter(tmp_path, clock=SetClock(), config=CONFIG)
    log.wait(log.append(decision(1)))
    (path,) = files_of(tmp_path)
    with path.open("r+b") as handle:  # a group that is half-written just now
        handle.seek(read_segment(log_folder.segment_file(path)).end)
        handle.write(b"\xc1\xf5PL half a frame")

    findings = check(tmp_path)
    done = repair(tmp_path, files=HastyFiles())
    log.wait(log.append(decision(2)))
    log.close()

    assert findings == []
    assert done == []
    assert ids_in(tmp_path) == [1, 2]


def test_no_repair_ever_loses_a_byte(folder):
    flip(files_of(folder)[0], 20)
    flip(files_of(folder)[1], segment.HEADER_BYTES + 40)
    files_of(folder)[2].write_bytes(b"x" * 5000)
    damaged = [path.read_bytes() for path in files_of(folder)[:3]]

    repair(folder, files=HastyFiles())

    assert all(data in bytes_in(folder) for data in damaged)
