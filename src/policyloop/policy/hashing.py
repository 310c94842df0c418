"""Stable hashing: a word always falls into the same bucket, on every machine and in every version.

Question answered: which of the `n_buckets` numbers of a field does this string count into?
Source: feature hashing, Weinberger et al. 2009 (arXiv:0902.2206); the spread of CRC-32 by Fibonacci hashing, Knuth 6.4.
"""

from __future__ import annotations

import re
from zlib import crc32

_WORD = re.compile(r"\w+")
_GOLDEN = 0x9E3779B1  # 2^32 / golden ratio


def bucket(field: str, value: str, n_buckets: int) -> int:
    """A number in [0, n_buckets). `field` keeps equal words of two fields apart."""
    # CRC-32 is a tenth of a cryptographic hash's price; the multiplication spreads what it leaves regular.
    mixed = (crc32(value.encode("utf-8", "surrogatepass"), crc32(field.encode())) * _GOLDEN) & 0xFFFF_FFFF
    return (mixed * n_buckets) >> 32


def words(text: str) -> list[str]:
    """The words of a text, in lower case."""
    return _WORD.findall(text.lower())


def signed_bucket(code: int, n_buckets: int) -> tuple[int, int]:
    """A number in [0, n_buckets) and a sign, 1 or -1, for the 32-bit code of something."""
    mixed = (code * _GOLDEN) & 0xFFFF_FFFF
    return (mixed * n_buckets) >> 32, 1 if mixed & 1 else -1
