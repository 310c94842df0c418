"""How a caller's value is shown in a message: short, printable, and never the cause of another error.

Question answered: what may be quoted back of an input that may be huge, nested, cyclic or no valid Unicode?
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from policyloop.core.errors import unknown

MAX_SHOWN_CHARS = 60
MAX_NAMES_SHOWN = 30
_MAX_SHOWN_BITS = 256  # longer integers are described, since printing them is slow and Python refuses over 4,300 digits
_PLAIN_KEY = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,99}\Z")


def shown(value: Any) -> str:
    """A value in a few printable characters; containers and foreign objects by their kind."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return shown_text(value)
    if isinstance(value, int | float):
        return _shown_number(value)
    if isinstance(value, Mapping):
        return f"an object with {len(value):,} keys"
    if isinstance(value, list | tuple):
        return f"a list of {len(value):,} items"
    return f"of the type {type(value).__name__[:MAX_SHOWN_CHARS]}"


def shown_text(value: str) -> str:
    """A text in quotes, escaped and cut."""
    cut = value[:MAX_SHOWN_CHARS]
    quoted = repr(cut) if cut.isprintable() else ascii(cut)
    return quoted if cut == value else f"{quoted}..."


def place(parent: str, key: Any) -> str:
    """The JSON path of a key: `$.context.hour`, or `$.context["the hour"]` where a dot would mislead."""
    if isinstance(key, str):
        return f"{parent}.{key}" if _PLAIN_KEY.match(key) else f"{parent}[{shown_text(key)}]"
    return f"{parent}[{shown(key)}]"


def unknown_name(kind: str, name: Any, known: Iterable[str]) -> str:
    """`no context field is named 'hou'; did you mean 'hour'?`, for names of any length and make."""
    if not isinstance(name, str):
        return f"a {kind} is named {shown(name)}; expected a name in text."
    names = list(known)
    return unknown(kind, name, names) if len(names) <= MAX_NAMES_SHOWN else _unknown_of_many(kind, name, names)


def _shown_number(value: int | float) -> str:
    if isinstance(value, float):
        return repr(float(value))
    if value.bit_length() > _MAX_SHOWN_BITS:
        return f"a whole number of about {value.bit_length() * 301 // 1000:,} digits"
    return str(int(value))


def _unknown_of_many(kind: str, name: str, names: list[str]) -> str:
    text = unknown(kind, name, names[:1000])
    return text if "did you mean" in text else f"no {kind} is named '{name}'; {len(names):,} others are."
