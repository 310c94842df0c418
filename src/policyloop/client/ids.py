"""Ids made on the caller's side, so that a request that is sent twice counts once."""

from __future__ import annotations

import os


def uuid7(now_us: int) -> str:
    """A new UUIDv7 in lower case, whose first 48 bits are the milliseconds of `now_us` (RFC 9562, section 5.7)."""
    tail = int.from_bytes(os.urandom(10), "big")  # the system's randomness: a forked child must not repeat its parent's ids
    value = ((now_us // 1000) & 0xFFFF_FFFF_FFFF) << 80 | 0x7 << 76 | (tail >> 68) << 64 | 0b10 << 62 | (tail & (2**62 - 1))
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
