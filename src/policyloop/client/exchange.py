"""What one exchange over HTTP is, however the bytes travel: the address, the request's head, the reply, the failure.

Question answered: what do the transport for threads and the one for asyncio have in common?
"""

from __future__ import annotations

import email.utils
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from .clock import Clock

MAX_ANSWER_BYTES = 16 * 2**20
HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "policyloop-client"}


@dataclass(frozen=True)
class Address:
    """Where the server is."""

    host: str
    port: int | None  # None: the scheme's own
    prefix: str  # of every path
    is_tls: bool

    @property
    def default_port(self) -> int:
        """Where servers listen when the address names no port."""
        return 443 if self.is_tls else 80

    @property
    def host_header(self) -> str:
        """The server's name as the header `Host` says it (RFC 9112, section 3.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def tls(self) -> ssl.SSLContext | None:
        """What TLS needs; None where the address asks for none."""
        return ssl.create_default_context() if self.is_tls else None


@dataclass(frozen=True)
class Reply:
    """What the server answered."""

    status: int
    body: bytes
    retry_after_s: float | None  # None: it did not say
    location: str | None = None  # of a redirect, which is not followed
    is_repeat: bool = False  # True: it was sent before, on a connection that broke; that one may have been carried out


class Down(Exception):
    """No whole answer came in time."""

    def __init__(self, reason: str, *, is_sent: bool) -> None:
        super().__init__(reason)
        self.is_sent = is_sent  # True: the server may have carried the request out


def address_of(url: str) -> Address:
    """The address in a URL.

    Raises:
        ValueError: it is none, or says more than an address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"the server's address is {url!r}; expected something like 'http://127.0.0.1:8900'.")
    if parts.query or parts.fragment or parts.username:
        raise ValueError(f"the server's address is {url!r}; expected scheme, host, port and path alone.")
    return Address(parts.hostname, parts.port, parts.path.rstrip("/"), parts.scheme == "https")


def check_size(n_bytes: int) -> None:
    """Refuse an answer that no Policyloop server gives.

    Raises:
        ValueError: it is too large.
    """
    if n_bytes > MAX_ANSWER_BYTES:
        raise ValueError(f"the answer is over {MAX_ANSWER_BYTES:,} bytes")


def seconds_of(retry_after: str | None, clock: Clock) -> float | None:
    """The header's seconds, from either of its two forms; None when it is absent or unreadable."""
    if retry_after is None:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    moment = email.utils.parsedate_tz(retry_after)
    return None if moment is None else max(0.0, email.utils.mktime_tz(moment) - clock.now_us() / 1e6)
