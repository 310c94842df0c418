"""ISO 8601 durations, as the endpoint's configurations have them: `PT10M`, `P1DT12H`; older examples write `00:10:00`.

Question answered: how many seconds is that, and how are seconds written?
"""

from __future__ import annotations

import re

_ISO = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,9})?)S)?)?")
_CLOCK = re.compile(r"(?:(\d{1,5})\.)?(\d{1,2}):(\d{2}):(\d{2}(?:\.\d{1,9})?)")
_SECONDS = (604_800, 86_400, 3600, 60, 1)
_MAX_CHARS = 40


def read_duration(text: str) -> float:
    """Seconds.

    Raises:
        ValueError: the text is no duration of days, hours, minutes and seconds.
    """
    if len(text) <= _MAX_CHARS:
        iso = _ISO.fullmatch(text)
        if iso is not None and any(iso.groups()):
            return sum(unit * float(n) for unit, n in zip(_SECONDS, iso.groups(), strict=True) if n)
        clock = _CLOCK.fullmatch(text)
        if clock is not None:
            return sum(unit * float(n) for unit, n in zip(_SECONDS[1:], clock.groups(), strict=True) if n)
    raise ValueError(f"is '{text[:_MAX_CHARS]}'; expected an ISO 8601 duration such as PT10M.")


def show_duration(seconds: float) -> str:
    """The shortest spelling in days, hours, minutes and seconds: 5400 -> `PT1H30M`."""
    days, rest = divmod(round(seconds, 6), 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, left = divmod(rest, 60)
    time = "".join(f"{n:.6f}".rstrip("0").rstrip(".") + unit for n, unit in ((hours, "H"), (minutes, "M"), (left, "S")) if n)
    day = f"{days:.0f}D" if days else ""
    return f"P{day}T{time}" if time else f"P{day}" if day else "PT0S"
