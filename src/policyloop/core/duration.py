"""How long: `10m`, `4h`, `90d`, `1.5h`, `1h30m`. Text for people, seconds inside."""

from __future__ import annotations

import re

SECONDS_OF_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
MAX_S = 100 * 365 * 86_400.0  # a hundred years: beyond it, `none` is meant

_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")
_EXPECTED = "expected a duration such as 90s, 10m, 4h, 1.5h or 90d"


def read_duration(text: str) -> float:
    """Seconds, in [0, MAX_S].

    Raises:
        ValueError: the text is no duration; the message says what was expected.
    """
    squeezed = text.strip().lower().replace(" ", "")
    parts = _PART.findall(squeezed)
    if not parts or "".join(number + unit for number, unit in parts) != squeezed:
        raise ValueError(f"is '{text}'; {_EXPECTED}.")
    seconds = sum(float(number) * SECONDS_OF_UNIT[unit] for number, unit in parts)
    if seconds > MAX_S:
        raise ValueError(f"is '{text}'; expected at most 36500d.")
    return seconds


def show_duration(seconds: float) -> str:
    """The shortest exact spelling: 600 -> `10m`, 5400 -> `90m`, 0.25 -> `0.25s`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % SECONDS_OF_UNIT[unit] == 0:
            return f"{int(seconds / SECONDS_OF_UNIT[unit])}{unit}"
    if seconds == int(seconds):
        return f"{int(seconds)}s"
    return f"{seconds:.17f}".rstrip("0") + "s" if seconds < 1e-4 else f"{seconds!r}s"
