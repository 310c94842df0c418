"""What the endpoint says when it says no: one body, `{"error": {code, message, target, details}}`, with the service's codes.

Question answered: which of the codes that the clients know tells this error? Source: the service's published contract.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from policyloop.core.endpoint import Reply
from policyloop.core.errors import Fault, Invalid, PolicyloopError

MEDIA_TYPE = b"application/json; charset=utf-8"
BAD_REQUEST = "BadRequest"
_CODE_OF_STATUS = {
    403: "InvalidApiAccess",
    404: "ResourceNotFound",
    409: "ModelRankingError",
    413: "PayloadSizeExceeded",
    500: "InternalServerError",
    503: "OperationNotAllowed",
}
_STATUS_OF_CODE = {"PayloadSizeExceeded": 400}  # where the service used another status than HTTP does
_encode = msgspec.json.Encoder().encode


class InnerError(msgspec.Struct, frozen=True, omit_defaults=True):
    """The stable code of our own that stands behind one of the service's."""

    code: str


class ErrorDetail(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of several things that are wrong."""

    code: str
    message: str
    target: str | None = None


class ErrorBody(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is wrong; with several faults the first, and all of them below `details`."""

    code: str
    message: str
    target: str | None = None
    details: list[ErrorDetail] = []
    innerError: InnerError | None = None  # noqa: N815 - the protocol's spelling


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The body of every answer that is an error."""

    error: ErrorBody


class Refused(PolicyloopError):
    """A request that the endpoint refuses in the protocol's own words."""

    code = "personalizer_refused"

    def __init__(self, their_code: str, message: str, *, status: int = 400, where: str | None = None) -> None:
        super().__init__(message, where=where)
        self.their_code = their_code
        self.their_status = status


class Misfit(Invalid):
    """A request that does not fit, under one of the service's codes."""

    def __init__(self, their_code: str, faults: Sequence[Fault]) -> None:
        super().__init__(faults)
        self.their_code = their_code


def refuse(error: PolicyloopError, *, invalid: str = BAD_REQUEST) -> Reply:
    """The answer that tells an error.

    Args:
        invalid: the code of a request that does not fit, at the place where it came in.
    """
    if isinstance(error, Refused):
        return _reply(error.their_status, ErrorBody(error.their_code, error.message, error.where))
    if isinstance(error, Misfit):
        return _reply(400, _of_faults(error.their_code, error.faults))
    if isinstance(error, Invalid):
        return _reply(400, _of_faults(invalid, error.faults))
    code = _CODE_OF_STATUS.get(error.status, invalid)
    body = ErrorBody(code, error.message, error.where, innerError=InnerError(error.code))
    return _reply(_STATUS_OF_CODE.get(code, error.status), body)


def _of_faults(code: str, faults: Sequence[Fault]) -> ErrorBody:
    first = faults[0]
    details = [ErrorDetail(code, fault.message, fault.where) for fault in faults] if len(faults) > 1 else []
    return ErrorBody(code, first.message, first.where, details, InnerError(first.code))


def _reply(status: int, body: ErrorBody) -> Reply:
    return Reply(status, _encode(ErrorAnswer(body)), MEDIA_TYPE)
