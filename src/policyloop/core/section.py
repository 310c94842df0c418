"""A section: one mapping of a loop file while it is checked. Faults are collected, so that one look shows them all.

Each `take` method answers the value, or its default when the key is missing or wrong, so that checking goes on;
whoever made the list of faults raises them at the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from policyloop.core.duration import read_duration
from policyloop.core.errors import Fault, unknown

REQUIRED = object()  # a default that says: the key must be there
NONE_WORDS = (None, "none")
QUOTE_HINT = "YAML reads yes, no, on, off, true and false as booleans unless they are quoted"


class Section:
    """A mapping, the place where it stands, and the faults found so far."""

    def __init__(self, value: Any, where: str, faults: list[Fault], *, expected: str = "keys below it") -> None:
        self.where = where
        self.faults = faults
        self.body: dict[str, Any] = {}
        self._asked: list[str] = []
        if value is not None and not isinstance(value, Mapping):
            self.fault(None, f"is {show(value)}; expected {expected}.")
        for key, entry in value.items() if isinstance(value, Mapping) else ():
            if isinstance(key, bool) or key is None:
                self.fault(None, f"has the key {show(key)}; put it in quotes: {QUOTE_HINT}.")
            else:
                self.body[str(key)] = entry

    def fault(self, key: str | None, message: str, code: str = "invalid") -> None:
        """Note that something is wrong with a key, or with the whole section."""
        self.faults.append(Fault(self.where if key is None else f"{self.where}.{key}", message, code))

    def take(self, key: str, default: Any = REQUIRED, *, expected: str = "a value") -> Any:
        """The raw value of a key."""
        self._asked.append(key)
        if key in self.body:
            return self.body[key]
        if default is REQUIRED:
            self.fault(key, f"is missing; expected {expected}.", "missing")
            return None
        return default

    def text(self, key: str, default: Any = REQUIRED, *, expected: str = "a text") -> Any:
        """A text that is not empty."""
        value = self.take(key, default, expected=expected)
        if key not in self.body or (isinstance(value, str) and value):
            return value
        hint = f"; put it in quotes: {QUOTE_HINT}" if isinstance(value, bool) else ""
        self.fault(key, f"is {show(value)}; expected {expected}{hint}.")
        return None if default is REQUIRED else default

    def choice(self, key: str, choices: Iterable[str], default: Any = REQUIRED, *, kind: str) -> Any:
        """One of some names; `kind` says of what, for the suggestion."""
        known = tuple(choices)
        value = self.take(key, default, expected=f"one of {', '.join(known)}")
        if key not in self.body or value in known:
            return value
        self.fault(
            key,
            unknown(kind, str(value), known)
            if isinstance(value, str)
            else f"is {show(value)}; expected one of {', '.join(known)}.",
        )
        return None if default is REQUIRED else default

    def number(self, key: str, default: Any, *, low: float = -math.inf, high: float = math.inf) -> Any:
        """A finite number in [low, high]."""
        value = self.take(key, default, expected="a number")
        if key not in self.body:
            return value
        if is_number(value) and low <= value <= high:
            return float(value)
        self.fault(key, f"is {show(value)}; expected {_number_expected(low, high)}.")
        return None if default is REQUIRED else default

    def whole(self, key: str, default: int | None, *, low: int, high: int) -> Any:
        """A whole number in [low, high]."""
        value = self.take(key, default)
        if key not in self.body:
            return value
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(key, f"is {show(value)}; expected a whole number from {low:,} to {high:,}.")
        return default

    def truth(self, key: str, default: bool) -> bool:
        """true or false."""
        value = self.take(key, default)
        if isinstance(value, bool):
            return value
        self.fault(key, f"is {show(value)}; expected true or false.")
        return default

    def seconds(self, key: str, default: float | None, *, low: float = 0.0, or_none: bool = False) -> Any:
        """A duration, in seconds; None for `none` where that is allowed."""
        value = self.take(key, default)
        if key not in self.body or (or_none and value in NONE_WORDS):
            return default if key not in self.body else None
        try:
            found = read_duration(value if isinstance(value, str) else _as_duration_text(value))
        except ValueError as error:
            self.fault(key, str(error)[:-1] + (", or none." if or_none else "."))
            return default
        if found < low:
            self.fault(key, f"is '{value}'; expected at least {low:g}s.")
            return default
        return found

    def finish(self, kind: str) -> None:
        """Note every key that nobody asked for, with the nearest one that is known."""
        for key in self.body:
            if key not in self._asked:
                self.fault(key, unknown(kind, key, self._asked), "unknown_key")


def is_number(value: Any) -> bool:
    """Whether a value is a finite number; booleans are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def show(value: Any) -> str:
    """A value as it stands in YAML, short enough for a message."""
    words = {None: "empty", True: "true", False: "false"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, Mapping):
        return "a mapping"
    text = f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _as_duration_text(value: Any) -> str:
    """What is no text is no duration; a bare number lacks its unit."""
    if is_number(value):
        raise ValueError(f"is {value}; expected a unit, such as {value}s, {value}m or {value}h.")
    raise ValueError(f"is {show(value)}; expected a duration such as 90s, 10m, 4h, 1.5h or 90d.")


def _number_expected(low: float, high: float) -> str:
    """The range in words."""
    if math.isinf(low) and math.isinf(high):
        return "a number"
    if math.isinf(high):
        return f"a number of {low:g} or more"
    return f"a number from {low:g} to {high:g}"
