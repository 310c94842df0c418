"""Ids and times as callers send them: checked, parsed, and clamped to what is possible.

Question answered: is this id fit to be stored and compared byte for byte, and can this have happened then?
"""

from __future__ import annotations

from typing import Any

from policyloop.core.clock import US_PER_S, from_iso
from policyloop.core.errors import Fault
from policyloop.core.wire import MAX_ID_CHARS
from policyloop.ingest.quoting import shown

MAX_AHEAD_US = 60 * US_PER_S  # how far a client's clock may run ahead of ours
_MAX_TIME_CHARS = 64


def check_id(value: Any, where: str, faults: list[Fault]) -> None:
    """Append a fault unless the id has 1 to 256 characters, none of them a control character or half a surrogate pair."""
    if not isinstance(value, str):
        faults.append(Fault(where, f"is {shown(value)}; expected text of 1 to {MAX_ID_CHARS} characters."))
    elif not 1 <= len(value) <= MAX_ID_CHARS:
        faults.append(Fault(where, f"has {len(value):,} characters; expected 1 to {MAX_ID_CHARS}."))
    elif not value.isprintable():  # quick: true for nearly all ids; it also refuses blanks that are fine
        at = next((i for i, char in enumerate(value) if _is_control(char)), None)
        if at is not None:
            faults.append(
                Fault(
                    where,
                    f"is {shown(value)} with a control character at {at}; expected printable text, compared byte for byte.",
                )
            )


def parse_time(text: str | None, where: str, faults: list[Fault]) -> int | None:
    """Microseconds since 1970 UTC of an RFC 3339 text; None, and a fault appended, when it is none."""
    if text is None:
        return None
    try:
        if len(text) > _MAX_TIME_CHARS:
            raise ValueError
        return from_iso(text)
    except (ValueError, OverflowError):
        faults.append(Fault(where, f"is {shown(text)}; expected an RFC 3339 time such as '2026-11-01T07:30:00Z'."))
        return None


def clamp_time(occurred_at: int | None, *, received_at: int) -> tuple[int | None, bool]:
    """The client's time, not below 1970 and at most a minute ahead of ours, and whether it had to be moved.

    That an outcome does not happen before its decision is seen to at the join, which knows when the decision was made.
    """
    if occurred_at is None:
        return None, False
    clamped = min(max(occurred_at, 0), received_at + MAX_AHEAD_US)
    return clamped, clamped != occurred_at


def _is_control(char: str) -> bool:
    return char < " " or "\x7f" <= char <= "\x9f" or "\ud800" <= char <= "\udfff" or char in "\u2028\u2029"
