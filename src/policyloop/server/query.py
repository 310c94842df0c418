"""Parameters behind the `?` of an address: few, each known by name, each checked."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from policyloop.core.errors import Fault, Invalid, unknown

_MAX_BYTES = 4096
_MAX_SHOWN = 40


def parameters(query: bytes, known: tuple[str, ...]) -> Mapping[str, str]:
    """Name -> value; of a repeated name the last.

    Raises:
        Invalid: a name is unknown, or it is all too long.
    """
    if len(query) > _MAX_BYTES:
        raise Invalid([Fault("?", f"has {len(query):,} bytes; expected at most {_MAX_BYTES:,}.")])
    found = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    faults = [Fault(f"?{n[:_MAX_SHOWN]}", unknown("parameter", n[:_MAX_SHOWN], known)) for n in found if n not in known]
    if faults:
        raise Invalid(faults, subject="the query")
    return found


def flag(query: bytes, name: str) -> bool:
    """A parameter that is `true` or `false`, false when it is missing; no other parameter is known.

    Raises:
        Invalid: it is something else.
    """
    value = parameters(query, (name,)).get(name, "false")
    if value not in ("true", "false"):
        raise Invalid([Fault(f"?{name}", f"is '{value[:_MAX_SHOWN]}'; expected true or false.")])
    return value == "true"
