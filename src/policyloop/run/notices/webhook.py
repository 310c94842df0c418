"""A webhook: one notice as a signed CloudEvent, sent to the receiver that the settings name.

Question answered: what goes over the wire, and how does the receiver know that it is from us and not a repetition of
something old? The body is CloudEvents 1.0 in its structured JSON mode. The signature is HMAC-SHA256 over id, time and
body. Sources: cloudevents.io, version 1.0.2; standardwebhooks.com, version 1.0.0.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

import policyloop
from policyloop.core.clock import iso
from policyloop.core.errors import BadSetting
from policyloop.core.settings import Settings
from policyloop.registry.notice_rows import NoticeRow
from policyloop.run.notices.pinned import Place, place_of, post

CONTENT_TYPE = "application/cloudevents+json"
_PREFIX = "whsec_"
_FEWEST_BYTES, _MOST_BYTES, _NEW_BYTES = 24, 64, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Who is told, and how that is signed."""

    place: Place
    allow: frozenset[str]
    source: str  # what a webhook says that it comes from
    key: bytes = field(repr=False)

    def send(self, notice: NoticeRow, *, wall_s: Callable[[], float] = time.time) -> int:
        """Send one notice; answers the status that it was taken with.

        Args:
            notice: what to tell.
            wall_s: seconds since 1970 UTC by the machine's own clock: ours does not follow its steps, and a receiver
                refuses a signature that is minutes old.

        Raises:
            NotDelivered: nobody took it; the message says why.
        """
        body = body_of(notice, source=self.source)
        timestamp = int(wall_s())
        headers = {
            "content-type": CONTENT_TYPE,
            "user-agent": f"policyloop/{policyloop.__version__}",
            "webhook-id": notice.notice,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signature(self.key, notice.notice, timestamp=timestamp, body=body),
        }
        return post(self.place, body, headers=headers, allow=self.allow)


def receiver_of(settings: Settings) -> Receiver | None:
    """The receiver that the settings name; None: nobody is to be told.

    Raises:
        BadSetting: the URL is none that may be called, or there is no secret to sign with.
    """
    url = settings["notify.url"]
    if not url:
        return None
    allow = frozenset(host.lower().rstrip(".") for host in settings["notify.allow"])
    place = place_of(url, allow=allow)
    return Receiver(place=place, allow=allow, source=settings["notify.source"], key=key_of(settings["notify.secret"]))


def body_of(notice: NoticeRow, *, source: str) -> bytes:
    """The notice as a CloudEvent; the same bytes at every attempt."""
    facts: dict[str, Any] = msgspec.json.decode(notice.body)
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": notice.notice,
            "source": source,
            "type": f"policyloop.{notice.kind}",
            "subject": notice.loop,
            "time": iso(notice.at),
            "datacontenttype": "application/json",
            "data": {"loop": notice.loop, **facts},
        }
    )


def signature(key: bytes, notice_id: str, *, timestamp: int, body: bytes) -> str:
    """`v1,` and the HMAC of what was sent, base64.

    Args:
        key: the secret's bytes.
        notice_id: stays the same however often a notice is sent.
        timestamp: seconds since 1970 UTC, of this attempt; a receiver refuses what is old.
        body: as it is sent.
    """
    signed = f"{notice_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def key_of(secret: str) -> bytes:
    """The bytes of a secret such as `whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw`.

    Raises:
        BadSetting: it is none, or too short to be safe. The message does not tell it.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if secret.startswith(_PREFIX) and _FEWEST_BYTES <= len(key) <= _MOST_BYTES:
        return key
    raise BadSetting(
        f"notify.url is set, and notify.secret is {'no secret' if secret else 'missing'}; expected {_PREFIX} and "
        f"{_FEWEST_BYTES} to {_MOST_BYTES} bytes in base64, in the environment as POLICYLOOP_NOTIFY__SECRET. "
        f"`policyloop notify secret` makes one."
    )


def new_secret() -> str:
    """A secret that nobody has yet."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()
