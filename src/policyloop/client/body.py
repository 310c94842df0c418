"""A request's body as JSON, and a clear word about what cannot be JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from .errors import Refused


def encode(payload: Any) -> bytes:
    """The payload in one line of JSON; NumPy's numbers and arrays are taken as the plain ones they hold.

    Raises:
        Refused: something in it has no JSON form; nothing was sent.
    """
    try:
        return json.dumps(payload, allow_nan=False, separators=(",", ":"), default=_plain).encode("ascii")
    except RecursionError as error:
        raise Refused("the request is nested too deep to be written as JSON.", code="invalid", where="$") from error
    except (TypeError, ValueError) as error:
        where = _not_finite(payload, "$")
        if where is not None:
            message = f"{where} is not finite; expected a finite number. Leave out what is not known."
            raise Refused(message, code="invalid", where=where) from error
        raise Refused(f"the request cannot be written as JSON: {error}.", code="invalid", where="$") from error


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays, told by their `tolist` without knowing the library."""
    to_list = getattr(value, "tolist", None)
    if to_list is None:
        raise TypeError(f"a value of type {type(value).__name__} has no JSON form")
    return to_list()


def _not_finite(value: Any, where: str) -> str | None:
    """The place of the first NaN or infinity, or None."""
    if isinstance(value, float):
        return None if math.isfinite(value) else where
    parts: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        parts = [(f"{where}.{key}", part) for key, part in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        parts = [(f"{where}[{index}]", part) for index, part in enumerate(value)]
    return next((found for place, part in parts if (found := _not_finite(part, place)) is not None), None)
