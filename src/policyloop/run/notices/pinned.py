"""A pinned connection: to the very address that was checked, whatever the name leads to a moment later.

Question answered: may this host be called, and how is it certain that it is the one that was looked at? Names are looked
up once; every address must be a public one unless the host is allowed by name; the connection goes to the address that
was checked, and redirects are not followed. A certificate is still checked against the host's name.
Source: OWASP, Server-Side Request Forgery Prevention Cheat Sheet.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from policyloop.core.errors import BadSetting, NotDelivered

_STEP_S = 10.0  # to connect, and between two bytes
_WHOLE_S = 20.0  # a receiver that drips its answer is cut off
_SUCCESS = range(200, 300)
_REDIRECTS = range(300, 400)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[tuple[str, int]]]  # host, port -> addresses to connect to
Connect = Callable[[tuple[str, int], float], socket.socket]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a receiver is."""

    is_https: bool
    host: str  # lower case
    port: int
    path: str  # with the query


def place_of(url: str, *, allow: Collection[str]) -> Place:
    """The parts of a URL that may be called.

    Args:
        url: `https://...`; `http://...` where the host is allowed by name.
        allow: hosts that are allowed by name.

    Raises:
        BadSetting: it is no such URL.
    """
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise _bad_url(url, str(error)) from error
    if not host or not host.isascii() or not url.isprintable() or " " in url or "\\" in url or port == 0:
        raise _bad_url(url, "it does not name a host")
    if parts.username is not None or parts.fragment:
        raise _bad_url(url, "a user, a password or a fragment has no place in it")
    if parts.scheme not in ("https", "http"):
        raise _bad_url(url, f"its scheme is '{parts.scheme}'")
    is_https = parts.scheme == "https"
    if not is_https and host not in allow:
        raise _bad_url(url, f"http can be read on the way, so its host has to be allowed by name: `notify.allow: ['{host}']`")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Place(is_https=is_https, host=host, port=port or (443 if is_https else 80), path=path)


def post(
    place: Place,
    body: bytes,
    *,
    headers: Mapping[str, str],
    allow: Collection[str],
    resolve: Resolve | None = None,
    connect: Connect = socket.create_connection,
    whole_s: float = _WHOLE_S,
) -> int:
    """Send a body, and answer the status that it was taken with, 200 to 299.

    Args:
        place: of the receiver.
        body: the request's.
        headers: the request's, beside its host and length.
        allow: hosts whose address may be private.
        resolve: looks a name up; None: the system does.
        connect: opens a connection to an address.
        whole_s: how long all of it may take, seconds.

    Raises:
        NotDelivered: nobody took it; the message says why.
    """
    try:
        addresses = checked_addresses(place, allow=allow, resolve=resolve or _resolve)
        with _connected(place, addresses, connect) as raw:
            status = _asked_within(whole_s, place, raw, body, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise NotDelivered(f"{place.host} did not take it: {_told(error)}") from error
    if status in _REDIRECTS:
        raise NotDelivered(f"{place.host} answered {status}, a redirect, which is not followed; name the receiver's own URL.")
    if status not in _SUCCESS:
        raise NotDelivered(f"{place.host} answered {status}; expected 200 to 299.")
    return status


def checked_addresses(place: Place, *, allow: Collection[str], resolve: Resolve) -> list[tuple[str, int]]:
    """The addresses that a host has now, every one of them public, or of a host that is allowed by name.

    Raises:
        NotDelivered: one of them is not, or there is none.
    """
    addresses = list(dict.fromkeys(resolve(place.host, place.port)))
    if not addresses:
        raise NotDelivered(f"the name {place.host} leads to no address.")
    if place.host in allow:
        return addresses
    for address, _ in addresses:
        if not is_public(address):
            raise NotDelivered(
                f"{place.host} leads to {address}, which is no public address. If this receiver is meant, allow it by name: "
                f"`notify.allow: ['{place.host}']`."
            )
    return addresses


def is_public(address: str) -> bool:
    """Whether an address is one of the open network: not private, loopback, link-local, shared, multicast or reserved."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = _inner(ip)
    if inner is not None:
        return is_public(str(inner))
    is_special = ip.is_multicast or ip.is_reserved or ip.is_unspecified or ip.is_loopback or ip.is_link_local
    is_site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return ip.is_global and not is_special and not is_site_local


def _inner(ip: Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address carries, and that a gateway or the system would go to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def _resolve(host: str, port: int) -> list[tuple[str, int]]:
    """As the system does it: numbers in any notation become the address that they mean."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(str(address[0]), port) for *_, address in found]


def _connected(place: Place, addresses: Sequence[tuple[str, int]], connect: Connect) -> socket.socket:
    """A connection to the first checked address that takes one, encrypted where the place asks for it."""
    for address in addresses[:-1]:
        try:
            return _encrypted(place, connect(address, _STEP_S))
        except OSError:
            continue
    return _encrypted(place, connect(addresses[-1], _STEP_S))


def _encrypted(place: Place, raw: socket.socket) -> socket.socket:
    if not place.is_https:
        return raw
    try:
        return ssl.create_default_context().wrap_socket(raw, server_hostname=place.host)
    except OSError:
        raw.close()
        raise


def _asked(place: Place, raw: socket.socket, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer; what comes after it is not read."""
    connection = http.client.HTTPConnection(place.host, place.port)
    connection.default_port = 443 if place.is_https else 80  # decides whether the port is told
    connection.sock = raw
    connection.request("POST", place.path, body=body, headers={**headers, "connection": "close"})
    return connection.getresponse().status


def _asked_within(whole_s: float, place: Place, raw: socket.socket, body: bytes, headers: Mapping[str, str]) -> int:
    """The status of the answer, where it comes within the time."""
    is_cut = threading.Event()

    def cut_off() -> None:
        is_cut.set()
        with suppress(OSError):
            socket.socket.shutdown(raw, socket.SHUT_RDWR)  # the encrypted socket's own would wait for the other side

    too_long = threading.Timer(whole_s, cut_off)
    too_long.start()
    try:
        status = _asked(place, raw, body, headers)
    finally:
        too_long.cancel()
    if is_cut.is_set():
        raise TimeoutError(f"its answer took longer than {whole_s:g} s")
    return status


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _bad_url(url: str, why: str) -> BadSetting:
    return BadSetting(f"notify.url is '{url}': {why}; expected a URL such as https://hooks.example.com/policyloop.")
