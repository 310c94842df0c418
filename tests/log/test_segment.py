"""A segment's bytes: what is written is read back, and no damage goes unseen (RELIABILITY D3, D4, D5)."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from log_scripts import START_US, decision
from policyloop.core.event import FORM, Kind, encode
from policyloop.log.segment import (
    FORMAT,
    HEADER_BYTES,
    SEAL_BYTES,
    BadHeader,
    Header,
    Seal,
    decode_header,
    encode_frame,
    encode_group,
    encode_header,
    encode_seal,
    scan,
    seal_of,
    seed_of,
)

WRITER = "0195f3c4-0000-7000-8000-00000000000a"
HEADER = Header(WRITER, 3, 100, START_US)
SEED = seed_of(WRITER, 3)


def entries(n):
    return [(int(Kind.DECISION), FORM, encode(decision(i))) for i in range(n)]


def segment_of(groups, *, is_sealed=True):
    """A segment's bytes of those commit groups, and the offset at which each record starts."""
    data = encode_header(HEADER)
    starts = []
    seq = HEADER.first_seq
    for group in groups:
        frames = encode_group(SEED, seq, group, durable_offset=len(data))
        for n in range(len(group)):
            before = encode_group(SEED, seq, group[:n], durable_offset=len(data)) if n else b""
            starts.append(len(data) + len(before))
        data += frames
        seq += len(group)
    if is_sealed:
        data += encode_seal(SEED, seq, Seal(sum(map(len, groups)), START_US), durable_offset=len(data))
    return data, starts


def flipped(data, offset, mask):
    return data[:offset] + bytes([data[offset] ^ mask]) + data[offset + 1 :]


payloads = st.lists(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5), max_size=6)


@given(payloads)
def test_what_is_written_is_read_back_in_order(groups):
    data, _ = segment_of([[(1, 1, payload) for payload in group] for group in groups])

    found = scan(data, is_sealed=True)

    sent = [payload for group in groups for payload in group]
    assert [record.payload for record in found.records] == sent
    assert [record.seq for record in found.records] == list(range(100, 100 + len(sent)))
    assert found.damages == []
    assert found.seal == Seal(len(sent), START_US)
    assert found.header == HEADER


def test_a_record_gives_its_event_back():
    data, _ = segment_of([entries(3)])

    found = scan(data, is_sealed=True)

    assert [record.event() for record in found.records] == [decision(n) for n in range(3)]


def test_frames_are_multiples_of_eight_bytes_and_start_with_the_mark():
    frame = encode_frame(SEED, 1, (1, 1, b"12345"))

    assert frame[:4] == b"\xc1\xf5PL"
    assert int.from_bytes(frame[4:8], "little") == 5
    assert len(frame) == 24 + 8


def test_a_segment_cut_at_any_byte_of_its_last_three_records_keeps_all_records_before():
    data, starts = segment_of([entries(2), entries(1), entries(2), entries(1)], is_sealed=False)

    for cut in range(starts[3], len(data)):
        found = scan(data[:cut], is_sealed=False)

        n_whole = sum(1 for start in [*starts[1:], len(data)] if start <= cut + 7)  # cut padding is zeros, as in the file
        n_kept = len(found.records)
        assert sum(1 for start in [*starts[1:], len(data)] if start <= cut) <= n_kept <= n_whole
        assert all(damage.kind == "torn" for damage in found.damages)
        assert bool(found.damages) == (cut not in (*starts, len(data)))


def test_a_zero_filled_tail_in_place_of_a_cut_one_reads_the_same():
    data, starts = segment_of([entries(2), entries(3)], is_sealed=False)

    for cut in range(starts[2] + 1, len(data)):
        torn = data[:cut].rstrip(b"\0")
        found = scan(torn + bytes(4096), is_sealed=False)

        assert len(found.records) >= 2
        assert found.records == scan(data, is_sealed=False).records[: len(found.records)]


@pytest.mark.parametrize("mask", [0x01, 0x80, 0xFF])
def test_a_flipped_bit_at_any_byte_of_a_sealed_segment_is_found_and_the_rest_stays_readable(mask):
    data, starts = segment_of([entries(2), entries(1), entries(2)])
    good = scan(data, is_sealed=True).records
    ends = [*starts[1:], len(data) - SEAL_BYTES]

    for offset in range(HEADER_BYTES, len(data)):
        found = scan(flipped(data, offset, mask), is_sealed=True)

        hit = [n for n, (start, end) in enumerate(zip(starts, ends, strict=True)) if start <= offset < end]
        assert found.is_corrupt
        assert found.records == [record for n, record in enumerate(good) if n not in hit]
        assert any(damage.offset <= offset < damage.end for damage in found.damages)


def test_a_flipped_bit_at_any_byte_of_the_header_is_found():
    data, _ = segment_of([entries(1)])

    for offset in range(HEADER_BYTES):
        with pytest.raises(BadHeader):
            scan(flipped(data, offset, 0x10), is_sealed=True)


def test_a_flipped_bit_in_an_open_segment_is_corruption_below_the_durable_offset_and_a_torn_tail_above():
    data, starts = segment_of([entries(2), entries(2), entries(2)], is_sealed=False)
    last_group = starts[4]

    for offset in range(HEADER_BYTES, len(data)):
        found = scan(flipped(data, offset, 0x04) + bytes(512), is_sealed=False)

        assert [damage.kind for damage in found.damages] == ["corrupt" if offset < last_group else "torn"]
        assert found.is_corrupt == (offset < last_group)


def test_records_behind_a_tear_are_dropped_with_it_and_counted():
    data, starts = segment_of([entries(2), entries(4)], is_sealed=False)
    holed = data[: starts[3]] + bytes(starts[4] - starts[3]) + data[starts[4] :]

    found = scan(holed, is_sealed=False)

    assert [record.seq for record in found.records] == [100, 101, 102]
    assert found.end == starts[3]
    assert "2 complete records after them" in found.damages[0].message


def test_a_lost_sector_below_the_durable_offset_is_corruption_and_the_missing_records_are_named():
    data, starts = segment_of([entries(2), entries(4), entries(1)], is_sealed=False)
    holed = data[: starts[3]] + bytes(starts[5] - starts[3]) + data[starts[5] :]

    found = scan(holed, is_sealed=False)

    assert [record.seq for record in found.records] == [100, 101, 102, 105, 106]
    assert found.damages[0].message == (
        f"bytes {starts[3]:,} to {starts[5]:,} were changed after writing; what was written of the records 103 to 104 is lost."
    )


def test_a_block_recycled_from_another_segment_or_writer_never_validates():
    frame = encode_frame(seed_of(WRITER, 2), 100, (1, 1, b"old"), durable_offset=HEADER_BYTES)
    other = encode_frame(seed_of(WRITER.replace("a", "b"), 3), 100, (1, 1, b"old"), durable_offset=HEADER_BYTES)

    for recycled in (frame, other):
        found = scan(encode_header(HEADER) + recycled, is_sealed=False)

        assert found.records == []
        assert found.damages[0].kind == "torn"


def test_random_flips_in_a_large_segment_are_all_found():
    data, _ = segment_of([entries(20)] * 10)
    rng = random.Random(3)

    for _ in range(300):
        offset = rng.randrange(HEADER_BYTES, len(data))
        assert scan(flipped(data, offset, 1 << rng.randrange(8)), is_sealed=True).is_corrupt


@pytest.mark.slow
def test_ten_thousand_random_flips_in_a_large_segment_are_all_found():
    data, _ = segment_of([entries(20)] * 10)
    rng = random.Random(4)

    for _ in range(10_000):
        offset = rng.randrange(HEADER_BYTES, len(data))
        assert scan(flipped(data, offset, 1 << rng.randrange(8)), is_sealed=True).is_corrupt


def test_a_sealed_segment_that_lost_its_end_says_so():
    data, starts = segment_of([entries(3)])
    at_a_record = data[: starts[2]]

    cut = scan(at_a_record, is_sealed=True)
    zeroed = scan(at_a_record + bytes(len(data) - starts[2]), is_sealed=True)

    assert "the seal is missing" in cut.damages[0].message
    assert "zero bytes" in zeroed.damages[0].message
    assert len(cut.records) == len(zeroed.records) == 2


def test_bytes_after_the_seal_are_reported():
    data, _ = segment_of([entries(1)])

    assert scan(data + bytes(64), is_sealed=True).damages[0].message.startswith("64 zero bytes follow the seal")
    assert scan(data + b"x" * 64, is_sealed=True).is_corrupt


def test_a_file_that_is_no_segment_says_what_it_starts_with():
    with pytest.raises(BadHeader) as told:
        decode_header(b"SQLite format 3\0".ljust(HEADER_BYTES, b"\0"))

    assert told.value.kind == "wrong_magic"
    assert "b'SQLite f'; expected b'PLOOPLOG'" in told.value.message


def test_a_segment_of_a_future_format_is_told_from_a_damaged_one(monkeypatch):
    monkeypatch.setattr("policyloop.log.segment.FORMAT", FORMAT + 1)
    future = encode_header(HEADER)
    monkeypatch.undo()

    with pytest.raises(BadHeader) as told:
        decode_header(future)

    assert told.value.kind == "newer_format"
    assert "it has format 2; this version reads format 1" in told.value.message


def test_a_file_shorter_than_a_header_says_so():
    with pytest.raises(BadHeader, match="it has 10 bytes"):
        decode_header(bytes(10))


def test_the_seal_is_read_from_the_last_bytes_alone():
    data, _ = segment_of([entries(2)])

    assert seal_of(data[-SEAL_BYTES:], WRITER, 3) == Seal(2, START_US)
    assert seal_of(data[-SEAL_BYTES:], WRITER, 4) is None
    assert seal_of(data[-SEAL_BYTES - 8 : -8], WRITER, 3) is None
