"""What the SDK raises: a caller's mistake, an outage without a way around it, a spool that is full.

`code` is the server's stable code where the server said no, so that the same fault has the same name everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class ClientError(Exception):
    """Anything that the SDK says no to."""

    code = "client_error"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Refused(ClientError):
    """The request is wrong and would be wrong again: an unknown loop, a context that does not fit, a conflict.

    Attributes:
        status: the HTTP status, 400 to 499; 0 when the request was refused before it was sent.
        code: the server's stable code, such as `invalid` or `decision_conflict`.
        where: the place in the request, such as `$.context.hour`; None when there is no single place.
        help: what to do, where the server knows.
        errors: one entry per fault, each with `where` and `message`.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "refused",
        where: str | None = None,
        help: str | None = None,
        errors: tuple[Mapping[str, Any], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.where = where
        self.help = help
        self.errors = errors


class Unavailable(ClientError):
    """No usable answer came before the deadline, and there was neither a default action nor a spool to fall back on."""

    code = "unavailable"

    def __init__(self, message: str, *, pause_s: float = 0.0, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.pause_s = pause_s  # how long to wait before it is worth another try
        self.in_doubt = in_doubt  # True: the server may have carried the request out, and the answer was lost


class SpoolFull(ClientError):
    """The spool holds as much as it may, or its disk does not take more; this report was not kept."""

    code = "spool_full"
