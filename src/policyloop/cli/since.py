"""The option `--since`: how far back a command looks."""

from __future__ import annotations

from typing import Annotated

import typer

from policyloop.core.clock import US_PER_S
from policyloop.core.duration import read_duration
from policyloop.core.errors import Fault, Invalid

Since = Annotated[str, typer.Option("--since", help="How far back to look, such as 12h, 7d or 4w.")]


def since_us(text: str, *, now_us: int) -> int:
    """The moment so long ago, microseconds since 1970 UTC.

    Raises:
        Invalid: the text is no duration, or none at all.
    """
    try:
        back_s = read_duration(text)
    except ValueError as error:
        raise Invalid([Fault("--since", str(error))]) from None
    if back_s <= 0:
        raise Invalid([Fault("--since", f"is '{text}'; expected more than 0, such as 7d.")])
    return max(now_us - int(back_s * US_PER_S), 0)
