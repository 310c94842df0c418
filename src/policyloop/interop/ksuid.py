"""KSUIDs: ids of 27 letters and digits that begin with the second in which they were made.

Question answered: is this one, and when was it made? Four bytes of seconds since May 2014 and sixteen random bytes,
written in base 62, so that ids sort by time.
Source: github.com/segmentio/ksuid.
"""

from __future__ import annotations

import re

from policyloop.core.clock import US_PER_S

N_CHARS = 27
_EPOCH_S = 1_400_000_000
_RANDOM_BITS = 128
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_VALUE_OF = {digit: value for value, digit in enumerate(_DIGITS)}
_FORM = re.compile(r"[a-zA-Z0-9]{27}")


def is_ksuid(text: str) -> bool:
    """Whether the text has the form of one. It may still name a time that a KSUID cannot hold, far in the future."""
    return _FORM.fullmatch(text) is not None


def made_at(ksuid: str) -> int:
    """When it was made, microseconds since 1970 UTC, to the second.

    Args:
        ksuid: a text for which `is_ksuid` holds.
    """
    number = 0
    for digit in ksuid:
        number = number * len(_DIGITS) + _VALUE_OF[digit]
    return ((number >> _RANDOM_BITS) + _EPOCH_S) * US_PER_S
