"""The bytes of a segment: how records are framed, checksummed, and found again after a crash.

Question answered: which records does this file hold, and what in it is damaged?
Pure functions over bytes; no file is opened here. Format 1, little-endian:

    header  4,096 bytes: magic, format u32, writer (16 bytes), segment u64, first seq u64, created i64 (us), zeros,
            and in the last 4 bytes the CRC32C of all before it (in every format, so that a newer one is told from damage)
    frame   mark 4 bytes, length u32, crc u32, seq u64, kind u8, form u8, flags u16, payload, zeros up to a multiple of 8

`length` counts the payload; eight zero bytes where a frame would start are the clean end. The CRC32C covers all of the
frame after itself, its length, and the writer and segment, so that a block recycled from another file never validates.
The first frame of each commit group is flagged and its payload starts with the durable offset (u64): all bytes of the
file below it were fsynced before this group was written. Bad bytes below it are therefore corruption; above it they
are a torn tail, which no one was promised. A sealed segment ends with a seal frame.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Sequence
from typing import Literal

import google_crc32c
import msgspec

from policyloop.core import event
from policyloop.core.errors import CorruptLog

MAGIC = b"PLOOPLOG"
FORMAT = 1
HEADER_BYTES = 4096
FRAME_HEAD_BYTES = 24
SEAL_KIND = 255
SEAL_BYTES = FRAME_HEAD_BYTES + 24

_MARK = b"\xc1\xf5PL"  # MessagePack never uses c1, UTF-8 never uses f5: payloads do not look like frames
_STARTS_GROUP = 1
_PADDING = [bytes(-n % 8) for n in range(8)]
_MAX_LENGTH = event.MAX_PAYLOAD_BYTES + 8

_HEADER = struct.Struct("<8sI16sQQq")
_FRAME_HEAD = struct.Struct("<4sII")
_COVERED = struct.Struct("<IQBBH")  # the part of a frame's head that the checksum covers
_WHOLE_HEAD = struct.Struct("<4sIIQBBH")
_OFFSET = struct.Struct("<Q")
_SEAL = struct.Struct("<Qq")
_CRC = struct.Struct("<I")

HeaderFault = Literal["short", "wrong_magic", "bad_header", "newer_format", "wrong_name"]
Entry = tuple[int, int, bytes]  # kind, form, payload


class Header(msgspec.Struct, frozen=True):
    """What a segment says about itself."""

    writer: str  # UUIDv7 of the process that wrote it
    segment: int  # 1, 2, ... within the writer
    first_seq: int  # no record in it has a smaller seq
    created_at: int  # microseconds since 1970 UTC


class Record(msgspec.Struct, frozen=True):
    """One framed event. `(writer, seq)` identifies it for ever."""

    writer: str
    segment: int
    seq: int
    kind: int
    form: int
    payload: bytes

    def event(self) -> event.Logged:
        """The event or set in it.

        Raises:
            msgspec.MsgspecError: the payload is no event of that kind.
            ValueError: the kind is unknown to this version.
        """
        return event.decode(self.kind, self.payload, form=self.form)


class Seal(msgspec.Struct, frozen=True):
    """The last frame of a sealed segment."""

    n_records: int
    last_time: int  # microseconds; no record of the segment is later; 0 when it is empty


class Damage(msgspec.Struct, frozen=True):
    """Bytes that should hold frames and do not."""

    kind: Literal["corrupt", "torn"]  # torn: never acknowledged, may be dropped; corrupt: was durable once
    offset: int
    end: int
    message: str


class Scan(msgspec.Struct, frozen=True):
    """All that can be read from a segment's bytes."""

    header: Header
    records: list[Record]
    damages: list[Damage]
    seal: Seal | None
    end: int  # where the next frame would be written: just after the last good frame before any torn tail
    durable_offset: int  # what the last commit group knew to be durable

    @property
    def is_corrupt(self) -> bool:
        """Whether bytes that were durable are damaged."""
        return any(damage.kind == "corrupt" for damage in self.damages)


class BadHeader(CorruptLog):
    """A file whose first 4,096 bytes are not the header of a segment that this version reads."""

    def __init__(self, kind: HeaderFault, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def encode_header(header: Header) -> bytes:
    """The 4,096 bytes that open a segment."""
    writer = uuid.UUID(header.writer).bytes
    fields = _HEADER.pack(MAGIC, FORMAT, writer, header.segment, header.first_seq, header.created_at)
    covered = fields.ljust(HEADER_BYTES - _CRC.size, b"\0")
    return covered + _CRC.pack(google_crc32c.value(covered))


def decode_header(data: bytes) -> Header:
    """The header of a segment, from its first bytes.

    Raises:
        BadHeader: too short, not a segment, damaged, or of a format that this version does not know.
    """
    if len(data) < HEADER_BYTES:
        raise BadHeader("short", f"it has {len(data)} bytes; expected a header of {HEADER_BYTES:,} bytes.")
    magic, form, writer, segment, first_seq, created_at = _HEADER.unpack_from(data)
    if magic != MAGIC:
        raise BadHeader("wrong_magic", f"it starts with {magic!r}; expected {MAGIC!r}. It is no segment, or its start is lost.")
    (crc,) = _CRC.unpack_from(data, HEADER_BYTES - _CRC.size)
    if crc != google_crc32c.value(data[: HEADER_BYTES - _CRC.size]):
        raise BadHeader("bad_header", "the header's checksum does not match its bytes: they were changed after writing.")
    if form != FORMAT:
        raise BadHeader(
            "newer_format",
            f"it has format {form}; this version reads format {FORMAT}. Read it with the Policyloop that wrote it.",
        )
    return Header(str(uuid.UUID(bytes=writer)), segment, first_seq, created_at)


def seed_of(writer: str, segment: int) -> int:
    """The checksum state that every frame of this segment starts from."""
    return int(google_crc32c.value(uuid.UUID(writer).bytes + _OFFSET.pack(segment)))


def encode_frame(seed: int, seq: int, entry: Entry, *, durable_offset: int | None = None) -> bytes:
    """One frame; with `durable_offset`, the first of a commit group."""
    kind, form, payload = entry
    flags = 0
    if durable_offset is not None:
        flags = _STARTS_GROUP
        payload = _OFFSET.pack(durable_offset) + payload
    length = len(payload)
    covered = _COVERED.pack(length, seq, kind, form, flags) + payload + _PADDING[length & 7]
    return _FRAME_HEAD.pack(_MARK, length, google_crc32c.extend(seed, covered)) + covered[4:]


def encode_group(seed: int, first_seq: int, entries: Sequence[Entry], *, durable_offset: int) -> bytes:
    """The frames of one commit group: entries with consecutive seqs from `first_seq` on."""
    first = encode_frame(seed, first_seq, entries[0], durable_offset=durable_offset)
    rest = [encode_frame(seed, seq, entry) for seq, entry in enumerate(entries[1:], first_seq + 1)]
    return b"".join([first, *rest])


def encode_seal(seed: int, seq: int, seal: Seal, *, durable_offset: int) -> bytes:
    """The frame that ends a segment; `seq` is that of the writer's next record."""
    return encode_frame(seed, seq, (SEAL_KIND, 1, _SEAL.pack(seal.n_records, seal.last_time)), durable_offset=durable_offset)


def frame_bytes(payload_bytes: int) -> int:
    """Upper bound of what a record's frame takes in the file."""
    return FRAME_HEAD_BYTES + 8 + (payload_bytes + 7) // 8 * 8


def scan(data: bytes, *, is_sealed: bool, header: Header | None = None) -> Scan:
    """Read a segment's bytes: every good record, and what is damaged.

    Args:
        data: the whole file.
        is_sealed: whether the file's name says that it was sealed. All of a sealed file was durable, so that any damage
            in it is corruption; in an open one, what lies above the last durable offset may be a torn tail.
        header: stands in for the file's own where that is damaged; its writer and segment must be the true ones.

    Raises:
        BadHeader: the header cannot be read.
    """
    known = header or decode_header(data)
    walk = _Walk(data, known)
    walk.run()
    durable = len(data) if is_sealed else walk.durable_offset
    damages = [_corrupt(gap) for gap in walk.gaps if gap.offset < durable]
    torn = next((gap for gap in walk.gaps if gap.offset >= durable), None)
    if torn is None:
        if is_sealed:
            damages += _faults_of_ending(walk, len(data))
        return Scan(known, [r for _, r in walk.records], damages, walk.seal, walk.end, walk.durable_offset)

    kept = [record for offset, record in walk.records if offset < torn.offset]
    n_dropped = len(walk.records) - len(kept)
    also = f", and with them {n_dropped} complete records after them that no one was promised" if n_dropped else ""
    message = f"bytes {torn.offset:,} to {walk.used:,} were being written when the writer died; they are dropped{also}."
    damages.append(Damage("torn", torn.offset, max(walk.used, torn.end), message))
    return Scan(known, kept, damages, None, torn.offset, walk.durable_offset)


def seal_of(tail: bytes, writer: str, segment: int) -> Seal | None:
    """The seal of a sealed segment from its last `SEAL_BYTES` bytes, or None when there is no valid one."""
    frame = _frame_at(tail, 0, seed_of(writer, segment)) if len(tail) == SEAL_BYTES else None
    if frame is None or frame.kind != SEAL_KIND:
        return None
    return Seal(*_SEAL.unpack_from(frame.payload, _OFFSET.size))


class _Frame(msgspec.Struct, frozen=True):
    """A valid frame, its payload still with the durable offset when it starts a group."""

    seq: int
    kind: int
    form: int
    flags: int
    payload: bytes


def _frame_at(data: bytes, position: int, seed: int) -> _Frame | None:
    """The frame that starts there, or None when there is no valid one."""
    if position + FRAME_HEAD_BYTES > len(data):
        return None
    mark, length, crc, seq, kind, form, flags = _WHOLE_HEAD.unpack_from(data, position)
    if mark != _MARK or not 0 < length <= _MAX_LENGTH:
        return None
    start = position + FRAME_HEAD_BYTES
    padded = start + length + (-length & 7)
    if padded > len(data):
        return None
    covered = data[position + 4 : position + 8] + data[position + 12 : padded]
    if google_crc32c.extend(seed, covered) != crc:
        return None
    return _Frame(seq, kind, form, flags, data[start : start + length])


class _Gap(msgspec.Struct, frozen=True):
    """A stretch without valid frames, and the seqs on either side of it."""

    offset: int
    end: int
    after_seq: int
    before_seq: int | None  # None: no frame follows


class _Walk:
    """One pass over the frames, going on at the next valid mark after bad bytes."""

    def __init__(self, data: bytes, header: Header) -> None:
        self.records: list[tuple[int, Record]] = []  # with the offset of each
        self.gaps: list[_Gap] = []
        self.seal: Seal | None = None
        self.durable_offset = HEADER_BYTES
        self.end = HEADER_BYTES
        self.used = len(data.rstrip(b"\0"))  # nothing but zeros from here on
        self._data = data
        self._header = header
        self._seed = seed_of(header.writer, header.segment)
        self._seq = header.first_seq - 1

    def run(self) -> None:
        """Walk from the header to the clean end, or to the seal."""
        position = HEADER_BYTES
        while position < self.used and self.seal is None:
            frame = self._next_at(position)
            position = self._skip(position) if frame is None else self._take(position, frame)
        if self.seal is not None and self.end < self.used:
            self.gaps.append(_Gap(self.end, self.used, self._seq, None))

    def _next_at(self, position: int) -> _Frame | None:
        """The frame there, when it is valid and its seq rises."""
        frame = _frame_at(self._data, position, self._seed)
        return frame if frame is not None and frame.seq > self._seq else None

    def _take(self, position: int, frame: _Frame) -> int:
        """Keep a valid frame; where the next one starts."""
        payload = frame.payload
        self.end = position + FRAME_HEAD_BYTES + (len(payload) + 7) // 8 * 8
        self._seq = frame.seq
        if frame.flags & _STARTS_GROUP:
            self.durable_offset = _OFFSET.unpack_from(payload)[0]
            payload = payload[_OFFSET.size :]
        if frame.kind == SEAL_KIND:
            self.seal = Seal(*_SEAL.unpack(payload))
        else:
            header = self._header
            record = Record(header.writer, header.segment, frame.seq, frame.kind, frame.form, payload)
            self.records.append((position, record))
        return self.end

    def _skip(self, position: int) -> int:
        """Note bad bytes; where the next valid frame starts, or the end when none follows."""
        mark = self._data.find(_MARK, position + 1)
        while mark >= 0:
            frame = self._next_at(mark) if mark % 8 == 0 else None
            if frame is not None:
                self.gaps.append(_Gap(position, mark, self._seq, frame.seq))
                return mark
            mark = self._data.find(_MARK, mark + 1)
        self.gaps.append(_Gap(position, self.used, self._seq, None))
        return self.used


def _corrupt(gap: _Gap) -> Damage:
    """The damage of a gap in bytes that were durable, with the seqs that it cost."""
    first, last = gap.after_seq + 1, (gap.before_seq or 0) - 1
    if gap.before_seq is None:
        lost = f"what followed record {gap.after_seq} is lost"
    elif first > last:
        lost = "no record is lost"
    elif first == last:
        lost = f"record {first} is lost"
    else:  # seqs of refused events were never written, so not all of these need have existed
        lost = f"what was written of the records {first} to {last} is lost"
    return Damage("corrupt", gap.offset, gap.end, f"bytes {gap.offset:,} to {gap.end:,} were changed after writing; {lost}.")


def _faults_of_ending(walk: _Walk, size: int) -> list[Damage]:
    """What is wrong after the last frame of a file that should be sealed."""
    if walk.seal is None:
        if walk.gaps and walk.gaps[-1].before_seq is None:
            return []  # the bad bytes at the end are reported already
        zeros = f", then {size - walk.end:,} zero bytes" if size > walk.end else ""
        message = f"the last good record ends at byte {walk.end:,}{zeros}, and the seal is missing: its end was lost."
        return [Damage("corrupt", walk.end, size, message)]
    if size > walk.end and walk.used <= walk.end:
        message = f"{size - walk.end:,} zero bytes follow the seal at byte {walk.end:,}; no record is lost."
        return [Damage("corrupt", walk.end, size, message)]
    return []
