"""The keyed draw: which action is taken is a function of the deployment's salt and the decision's id.

Question answered: given the logged probabilities, which action was drawn, and would anyone else draw the same?
A keyed hash costs about a microsecond where a NumPy Generator costs 7-12, and replays anywhere. The salt keeps callers
from choosing actions by choosing ids.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import count

_12_BITS, _48_BITS, _62_BITS = 2**12 - 1, 2**48 - 1, 2**62 - 1
DRAW_VERSION = 1  # logged with every decision; a change of anything below is a new version


def keyed_uniform(salt: bytes, loop: str, decision_id: str, stream: str) -> float:
    """A number in [0, 1) that depends on nothing but its arguments.

    Streams in use: `action`, `split`, `mixture`, `hold-out`, `rank 1`, `rank 2`, ...; of actions that are numbers `floor`
    (whether all of them are spread evenly) and `action 0`, `action 1`, ... (one per number); of labelled parts beside them
    `label 0`, `label 1`, ...
    """
    hashed = _begun(salt, loop).copy()
    hashed.update(f"{len(decision_id)}:{decision_id}{stream}".encode("utf-8", "surrogatepass"))
    return (int.from_bytes(hashed.digest(), "little") >> 11) * 2.0**-53


@lru_cache(maxsize=64)
def _begun(salt: bytes, loop: str) -> hashlib.blake2b:
    """The hash of what all decisions of a loop share, to be copied: taking in the key is the dearer half of hashing."""
    # Lengths go first, so that ("ab", "c") and ("a", "bc") differ.
    return hashlib.blake2b(f"{len(loop)}:{loop}".encode("utf-8", "surrogatepass"), digest_size=8, key=salt)


def draw(pmf: Sequence[float], u: float) -> int:
    """Index of the action that `u` in [0, 1) falls on: the CDF runs left to right, the last possible action takes the rest."""
    total = 0.0
    last = -1
    for index, p in enumerate(pmf):
        if p > 0.0:
            total += p
            if u < total:
                return index
            last = index
    assert last >= 0, "a draw from probabilities that are all zero"
    return last


def new_salt() -> bytes:
    """32 random bytes for a new deployment."""
    return os.urandom(32)


def salt_id(salt: bytes) -> str:
    """The public name of a salt, logged with every decision; the salt itself never leaves the deployment."""
    return hashlib.blake2b(salt, digest_size=4, person=b"salt-id").hexdigest()


def uuid7(now_us: int) -> str:
    """A new UUIDv7 in lower case, whose first 48 bits are the milliseconds of `now_us` (RFC 9562, section 5.7).

    Within a process no two are equal; between processes they start, and go on, at random.
    """
    ms, tail = now_us // 1000, next(_tails)
    number = f"{(ms & _48_BITS) << 80 | 7 << 76 | (tail & _12_BITS) << 64 | 1 << 63 | tail >> 12 & _62_BITS:032x}"
    return f"{number[:8]}-{number[8:12]}-{number[12:16]}-{number[16:20]}-{number[20:]}"


def _random_tails() -> count[int]:
    """What follows an id's time: a random start and a random odd step, so that 2**74 steps give 2**74 tails.

    A system call for each id would cost more than the rest of it.
    """
    return count(int.from_bytes(os.urandom(10), "big"), int.from_bytes(os.urandom(10), "big") | 1)


def _begin_anew() -> None:
    """Else a forked child would repeat the ids of its parent and of its siblings."""
    global _tails  # noqa: PLW0603 - the one thing here that changes
    _tails = _random_tails()


_tails = _random_tails()
os.register_at_fork(after_in_child=_begin_anew)
