"""The spool: what is appended is sent in order until it is taken, whatever stops in between."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from spool_writer import row

from policyloop.client.errors import SpoolFull
from policyloop.client.spool import SEGMENT_BYTES, Spool


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(folder):
    return Spool(folder, max_bytes=2**20)


def start_writer(how, folder, number):
    command = [sys.executable, Path(__file__).with_name("spool_writer.py"), how, folder, str(number)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def replay_one(spool, reason_of=lambda row: None):
    """Send the oldest file to a server that takes every row but those with a reason; the rows, or None."""
    claimed = spool.claim()
    if claimed is None:
        return None
    spool.settle(claimed, [reason_of(row) for row in claimed.rows])
    claimed.release()
    return claimed.rows


def taken_by(spool):
    """All that a willing server gets."""
    taken = []
    while (rows := replay_one(spool)) is not None:
        taken += rows
    return taken


def test_rows_come_out_in_the_order_they_went_in(spool):
    for number in range(10):
        spool.append([row(number)])

    assert taken_by(spool) == [row(n) for n in range(10)]
    assert spool.is_empty


def test_a_row_that_was_not_taken_is_sent_again_before_newer_ones(spool):
    spool.append([row(1)])
    spool.claim().release()
    spool.append([row(2)])

    assert taken_by(spool) == [row(1), row(2)]


def test_rows_outlive_the_process(folder, spool):
    spool.append([row(1), row(2)])

    again = Spool(folder, max_bytes=2**20)

    assert taken_by(again) == [row(1), row(2)]


def test_a_row_torn_at_any_byte_is_not_sent_and_costs_no_other(folder, spool):
    spool.append([row(1)])
    (file,) = folder.glob("*.jsonl")
    whole = file.read_bytes()
    spool.append([row(2)])
    both = file.read_bytes()

    for end in range(len(whole) + 1, len(both) - 1):
        file.write_bytes(both[:end])
        spool.append([row(3)])

        assert taken_by(spool) == [row(1), row(3)], end
        assert file.parent.joinpath("refused.jsonl").exists()


def test_a_whole_row_without_its_line_end_is_sent(folder, spool):
    spool.append([row(1)])
    (file,) = folder.glob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-1])

    spool.append([row(2)])

    assert taken_by(spool) == [row(1), row(2)]


def test_zeros_after_a_power_cut_are_set_aside(folder, spool):
    spool.append([row(1)])
    (file,) = folder.glob("*.jsonl")
    with file.open("ab") as handle:
        handle.write(bytes(512))

    spool.append([row(2)])

    assert taken_by(spool) == [row(1), row(2)]
    (aside,) = (folder / "refused.jsonl").read_text().splitlines()
    assert "not whole" in json.loads(aside)["reason"]


def test_a_refused_row_is_set_aside_with_its_reason_and_not_sent_again(folder, spool):
    spool.append([row(1), row(2), row(3)])

    replay_one(spool, lambda sent: "clicked is 7; expected 0 or 1." if sent == row(2) else None)

    assert spool.is_empty
    (aside,) = (folder / "refused.jsonl").read_text().splitlines()
    assert json.loads(aside) == {"row": row(2), "reason": "clicked is 7; expected 0 or 1."}


def test_a_full_spool_says_so_and_keeps_what_it_has(folder):
    spool = Spool(folder, max_bytes=3 * len(json.dumps(row(1), separators=(",", ":"))) + 10)
    for number in range(3):
        spool.append([row(number)])

    with pytest.raises(SpoolFull, match="expected the server to take reports again before it is full"):
        spool.append([row(3)])

    assert taken_by(spool) == [row(0), row(1), row(2)]


def test_a_disk_that_takes_no_more_leaves_no_half_row(folder, spool):
    spool.append([row(1)])
    (file,) = folder.glob("*.jsonl")
    before = file.read_bytes()

    with start_writer("beyond_the_file_limit", folder, len(before) + 20) as writer:
        told, _ = writer.communicate()

    assert "The report was not kept" in told
    assert file.read_bytes() == before


def test_what_waits_is_sent_in_files_of_bounded_size(folder, spool):
    large = {**row(1), "note": "x" * (SEGMENT_BYTES // 2)}
    for _ in range(5):
        spool.append([large])

    sizes = []
    while (rows := replay_one(spool)) is not None:
        sizes.append(len(rows))

    assert sizes == [2, 2, 1]


def test_while_one_sends_others_append_and_do_not_send(folder, spool):
    spool.append([row(1)])
    other = Spool(folder, max_bytes=2**20)

    claimed = spool.claim()
    other.append([row(2)])
    assert other.claim() is None
    spool.settle(claimed, [None])
    claimed.release()

    assert taken_by(other) == [row(2)]


def test_a_claim_that_is_forgotten_is_released(folder, spool):
    spool.append([row(1)])

    spool.claim()

    assert taken_by(Spool(folder, max_bytes=2**20)) == [row(1)]


def test_a_sender_that_died_leaves_its_rows_to_the_next(folder, spool):
    spool.append([row(1)])
    (file,) = folder.glob("*.jsonl")
    file.rename(file.with_suffix(".sending"))
    spool.append([row(2)])

    assert taken_by(spool) == [row(1), row(2)]


def test_two_processes_share_one_spool_and_lose_nothing(folder, spool):
    writers = [start_writer("a_hundred", folder, first) for first in (0, 100)]
    taken = []
    while any(w.poll() is None for w in writers):
        taken += taken_by(spool)
    for writer in writers:
        writer.communicate()
    taken += taken_by(spool)

    assert [w.returncode for w in writers] == [0, 0]
    assert sorted(int(r["decision_id"][1:]) for r in taken) == list(range(200))


def test_a_killed_writer_has_what_it_was_promised_and_at_most_one_row_more(folder, spool):
    with start_writer("until_killed", folder, 0) as writer:
        lines = [writer.stdout.readline() for _ in range(20)]
        writer.kill()
        lines += writer.stdout.readlines()
    promised = [int(line) for line in lines]

    numbers = [int(r["decision_id"][1:]) for r in taken_by(spool)]
    assert numbers[: len(promised)] == promised
    assert len(numbers) <= len(promised) + 1


def test_its_files_are_for_their_owner_alone(folder, spool):
    spool.append([row(1)])

    assert folder.stat().st_mode & 0o077 == 0
    assert all(f.stat().st_mode & 0o077 == 0 for f in folder.iterdir())
