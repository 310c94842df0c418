"""A whole answer in one write: head and body together, which is what nearly every answer to a decision is.

Question answered: may this answer go out at once, and is it gone? ASGI hands over head and body one after another, and
uvicorn writes each for itself: a system call more, and a peer that is woken twice. So a connection of ours offers this as
an extension of ASGI; whoever is asked does nothing where anything is unusual, and the answer then takes the two steps.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

WHOLE, SEND = "policyloop.whole", "send"  # where it lies among the extensions in a scope

SendWhole = Callable[[int, bytes, bytes], bool]  # status, media type and body; whether the answer is gone


def send_whole(cycle: RequestResponseCycle, status: int, media_type: bytes, body: bytes) -> bool:
    """Answer a request; False, and nothing done, where the peer is slow or gone, or the connection is to be closed.

    Args:
        media_type: one of ours; unlike a header's value in uvicorn's own way, it is not looked at.
    """
    is_usual = cycle.keep_alive and cycle.scope["method"] != "HEAD"
    if not is_usual or cycle.disconnected or cycle.flow.write_paused or cycle.response_started:
        return False
    head = [STATUS_LINE[status]]
    for name, value in cycle.default_headers:
        head += (name, b": ", value, b"\r\n")
    cycle.response_started = cycle.response_complete = True
    cycle.waiting_for_100_continue = False
    head.append(b"content-type: %b\r\ncontent-length: %d\r\n\r\n" % (media_type, len(body)))
    cycle.transport.write(b"".join((*head, body)))
    cycle.message_event.set()
    cycle.on_response()
    return True


def whole_of(scope: Any) -> SendWhole | None:
    """What the connection of this request offers, if it is one of ours."""
    extensions = scope.get("extensions")
    return extensions[WHOLE][SEND] if extensions is not None and WHOLE in extensions else None
