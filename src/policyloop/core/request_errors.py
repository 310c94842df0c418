"""What can be wrong with an HTTP request before anyone looks at what it asks: address, method, size, encoding, origin."""

from __future__ import annotations

from collections.abc import Iterable

from policyloop.core.errors import PolicyloopError

_SHOWN_BYTES = 80


class NoSuchPath(PolicyloopError, LookupError):
    """Nothing answers at that path."""

    code = "no_such_path"
    status = 404

    def __init__(self) -> None:
        super().__init__("nothing answers at this path; GET /docs lists what does, GET /openapi.json says it to machines.")


class MethodNotAllowed(PolicyloopError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = tuple(allowed)
        super().__init__(f"this path does not answer that method; expected {' or '.join(self.allowed)}.")


class BodyTooLarge(PolicyloopError):
    """The body is over the limit."""

    code = "body_too_large"
    status = 413

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the body is over {limit_bytes:,} bytes; send less at a time.")


class BodyCutShort(PolicyloopError):
    """The body did not come in whole."""

    code = "body_cut_short"

    def __init__(self) -> None:
        super().__init__("the connection ended before the body did; send the request again, whole.")


class WrongContentType(PolicyloopError):
    """The body comes as something that the endpoint does not take."""

    code = "wrong_content_type"
    status = 415

    def __init__(self, got: bytes, expected: Iterable[str]) -> None:
        found = f"content-type is '{_shown(got)}'" if got else "content-type is missing"
        super().__init__(f"{found}; expected {' or '.join(expected)}.", where="content-type")


class EncodedBody(PolicyloopError):
    """The body is compressed."""

    code = "encoded_body"
    status = 415

    def __init__(self, got: bytes) -> None:
        super().__init__(
            f"content-encoding is '{_shown(got)}'; expected a body as it is. Compressed bodies are refused: a small one can be "
            f"huge once it is opened.",
            where="content-encoding",
        )


class HeadersTooLarge(PolicyloopError):
    """The headers are over the limit."""

    code = "headers_too_large"
    status = 431

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"the headers are over {limit_bytes:,} bytes; send fewer or shorter ones.")


class NotHttp(PolicyloopError):
    """The bytes are no HTTP request."""

    code = "not_http"

    def __init__(self) -> None:
        super().__init__("the request is not valid HTTP; expected HTTP/1.1 with a method such as GET or POST.")


class ForeignHost(PolicyloopError):
    """The request was meant for another host."""

    code = "foreign_host"
    status = 403

    def __init__(self, got: bytes) -> None:
        super().__init__(
            f"host is '{_shown(got)}'; expected localhost, 127.0.0.1 or [::1]. This server answers its own machine only.",
            where="host",
        )


class ForeignOrigin(PolicyloopError):
    """A web page of another origin sent the request."""

    code = "foreign_origin"
    status = 403

    def __init__(self, got: bytes) -> None:
        super().__init__(
            f"origin is '{_shown(got)}'; expected none, or this server's own. Call from your backend, not from a page.",
            where="origin",
        )


class Unexpected(PolicyloopError):
    """A mistake of ours; the log has it under the request's id."""

    code = "unexpected"
    status = 500

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"something went wrong on our side; the server's log tells what under request id '{request_id}'.",
            help="Send the same request again; if it stays, report it with that line of the log.",
        )


def _shown(header: bytes) -> str:
    """A header as it may stand in an answer: short, and printable ASCII alone."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in header[:_SHOWN_BYTES])
