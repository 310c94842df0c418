"""What many programs write and JSON has not: NaN, infinities and halves of surrogate pairs, named by their places.

Question answered: the JSON library stopped at some byte of this body; what would its author know it by?
"""

from __future__ import annotations

import json
import math

from msgspec import Raw

from policyloop.core.errors import Fault
from policyloop.ingest.quoting import place, shown

_MAX_FAULTS = 20
_HALF_A_PAIR = "half of a surrogate pair (\\ud800 to \\udfff); expected whole characters of Unicode."


def nearly_json(body: bytes | Raw, where: str) -> list[Fault]:
    """The places of NaN, infinities and half surrogate pairs, which many programs write and JSON has not."""
    try:
        value = json.loads(bytes(body), parse_int=len)  # their values do not matter, and Python refuses those of many digits
    except (ValueError, RecursionError):
        return []
    faults: list[Fault] = []
    left = [(where, value)]
    while left and len(faults) < _MAX_FAULTS:
        at, found = left.pop()
        if isinstance(found, dict):
            faults += [Fault(at, f"has a key with {_HALF_A_PAIR}", "malformed") for key in found if _is_torn(key)][:1]
            left += [(place(at, key), inner) for key, inner in reversed(found.items())]
        elif isinstance(found, list):
            left += [(f"{at}[{index}]", inner) for index, inner in reversed([*enumerate(found)])]
        elif isinstance(found, float) and not math.isfinite(found):
            shown_number = {math.inf: "Infinity", -math.inf: "-Infinity"}.get(found, "NaN")
            faults.append(Fault(at, f"is {shown_number}, which JSON has not; expected a finite number.", "malformed"))
        elif isinstance(found, str) and _is_torn(found):
            faults.append(Fault(at, f"is {shown(found)}, with {_HALF_A_PAIR}", "malformed"))
    return faults


def _is_torn(text: str) -> bool:
    """Whether a text holds half of a surrogate pair, so that it is no Unicode."""
    return not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)
