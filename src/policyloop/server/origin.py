"""Whom the server answers: programs on its own machine, and no web page of another origin.

Question answered: may this request be looked at, given its Host and Origin headers?
A page on the web can make a browser send requests to 127.0.0.1. Its Origin gives it away; and where it points a name
of its own at 127.0.0.1 (DNS rebinding), the Host header does.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence

from policyloop.core.errors import BadSetting
from policyloop.core.request_errors import ForeignHost, ForeignOrigin

LOOPBACK_HOSTS = (b"localhost", b"127.0.0.1", b"[::1]")
_MAX_REMEMBERED = 1000
_PORT = re.compile(rb":\d{1,5}\Z")


def loopback_address(host: str) -> str:
    """The numeric address of a host to listen on.

    Raises:
        BadSetting: it is not loopback.
    """
    address = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        is_loopback = ipaddress.ip_address(address).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise BadSetting(
            f"server.host is '{host}'; expected 127.0.0.1, ::1 or localhost. This release has no keys yet, so it answers "
            f"its own machine only; put it behind a proxy that checks who calls, on the same machine."
        )
    return address


class OriginCheck:
    """Refuses hosts that are not loopback and origins that are not the host's own. Remembers the hosts it has seen."""

    def __init__(self) -> None:
        self._good_hosts: set[bytes] = set()  # at most `_MAX_REMEMBERED` spellings of a name and a port

    def check_host(self, headers: Mapping[bytes, bytes]) -> None:
        """Let through what was meant for this machine.

        Raises:
            ForeignHost: Host is missing or names another machine.
        """
        host = headers.get(b"host", b"")
        if host in self._good_hosts:
            return
        if _PORT.sub(b"", host).lower() not in LOOPBACK_HOSTS:
            raise ForeignHost(host)
        if len(self._good_hosts) < _MAX_REMEMBERED:
            self._good_hosts.add(host)

    def check_origin(self, headers: Mapping[bytes, bytes]) -> None:
        """Let through what no page sent, or a page of ours.

        Raises:
            ForeignOrigin: a page of another origin sent it.
        """
        origin = headers.get(b"origin")
        if origin is None:
            return
        host = headers.get(b"host", b"").lower()
        if origin.lower() not in (b"http://" + host, b"https://" + host):
            raise ForeignOrigin(origin)


def cors_headers(methods: Sequence[str], may_send: Iterable[bytes]) -> tuple[tuple[bytes, bytes], ...]:
    """What lets pages of any origin read the answers of a row that says `cors`; never with credentials.

    Args:
        may_send: names of the headers that a page may send along.
    """
    return (
        (b"access-control-allow-origin", b"*"),
        (b"access-control-allow-methods", ", ".join(methods).encode()),
        (b"access-control-allow-headers", b", ".join(may_send)),
    )
