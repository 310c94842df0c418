"""Bytes to requests: JSON is read by type, and what does not fit is explained key by key.

Question answered: is this body what the call takes, and if not, which keys are wrong and why? Four kinds of error come
out of the JSON library on hostile input; all end as one `Invalid`. Of duplicate keys in one object the last counts.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw

from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import TrackedActivation, TrackedDecision, TrackedOutcome, TrackedRow
from policyloop.ingest.nearly_json import nearly_json
from policyloop.ingest.quoting import place, shown, unknown_name

T = TypeVar("T", bound=msgspec.Struct)

MAX_BATCH = 10_000  # outcomes or rows in one body
_MAX_FAULTS = 20
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError)  # ValidationError is a DecodeError
_ROW_OF_TYPE: dict[str, type[TrackedRow]] = {
    "decision": TrackedDecision,
    "outcome": TrackedOutcome,
    "activation": TrackedActivation,
}
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


class _Typed(msgspec.Struct):
    """Of a row of track: which kind it is."""

    type: str


_decode_any = msgspec.json.Decoder().decode
_decode_keys = msgspec.json.Decoder(dict[str, Raw]).decode
_decode_items = msgspec.json.Decoder(list[Raw]).decode
_decode_type = msgspec.json.Decoder(_Typed).decode


def read(body: bytes | Raw, kind: type[T], *, where: str = "$", check: Callable[[T], object] | None = None) -> T:
    """The request in a JSON body.

    Args:
        kind: a request type of `core/wire.py`.
        where: the place of the body in a larger one, for messages.
        check: raises `Invalid` for what else is wrong with a request. Called only when keys are wrong, with the rest, so
            that the caller learns of all faults at once.

    Raises:
        Invalid: the body is no JSON, or not such a request; every wrong key is listed.
    """
    try:
        return _decoder_of(kind).decode(body)  # type: ignore[no-any-return]
    except _UNREADABLE as error:
        faults = _explained(body, kind, error, where)
        if check is not None:
            faults += _faults_of_rest(body, kind, check, {fault.where for fault in faults})
        raise Invalid(faults, subject="the body") from None


def reports_in(body: bytes) -> list[tuple[str, bytes | Raw]]:
    """The outcome reports in a body, one object or an array of them: the place and the bytes of each.

    Raises:
        Invalid: the body is an array that cannot be read.
    """
    return [(f"$[{index}]", item) for index, item in enumerate(_items(body))] if is_array(body) else [("$", body)]


def read_rows(body: bytes) -> list[Raw]:
    """The rows of a track body, still as bytes: an array, or one JSON object a line (NDJSON).

    Raises:
        Invalid: the body is neither, so that no row can be told from the next.
    """
    if is_array(body):
        return _items(body)
    lines = [line for line in body.split(b"\n") if line.strip()]
    if not lines:
        raise Invalid([Fault("$", "is empty; expected an array of rows, or one JSON object a line.", "malformed")])
    _check_batch(len(lines))
    return [Raw(line) for line in lines]


def read_row(row: Raw, *, where: str, check: Callable[[TrackedRow], object] | None = None) -> TrackedRow:
    """One row of track, by its `type`.

    Args:
        check: as for `read`.

    Raises:
        Invalid: the row is no JSON object of a known type, or its keys are wrong.
    """
    try:
        kind = _decode_type(row).type
    except _UNREADABLE as error:
        if isinstance(error, msgspec.ValidationError):
            message = "is missing or no text; expected 'decision', 'outcome' or 'activation'."
            raise Invalid([Fault(f"{where}.type", message)]) from None
        raise Invalid(nearly_json(row, where) or [_unreadable(error, where)], subject="the row") from None
    if kind not in _ROW_OF_TYPE:
        raise Invalid([Fault(f"{where}.type", unknown_name("row type", kind, _ROW_OF_TYPE))])
    return read(row, _ROW_OF_TYPE[kind], where=where, check=check)


def is_array(body: bytes) -> bool:
    """Whether the body's first character, blanks aside, opens a JSON array."""
    return body[:64].lstrip()[:1] == b"["


def _items(body: bytes) -> list[Raw]:
    try:
        items = _decode_items(body)
    except _UNREADABLE as error:
        raise Invalid(nearly_json(body, "$") or [_unreadable(error, "$")], subject="the body") from None
    _check_batch(len(items))
    return items


def _check_batch(n: int) -> None:
    if not 1 <= n <= MAX_BATCH:
        raise Invalid([Fault("$", f"has {n:,} entries; expected 1 to {MAX_BATCH:,}.")])


@cache
def _decoder_of(kind: type[msgspec.Struct]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(kind)


def _explained(body: bytes | Raw, kind: type[msgspec.Struct], error: Exception, where: str) -> list[Fault]:
    """What is wrong with each key of a body that did not decode."""
    try:
        keys = _decode_keys(body)
    except _UNREADABLE as unreadable:
        return nearly_json(body, where) or [_unreadable(unreadable, where)]
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    tag = kind.__struct_config__.tag_field
    faults: list[Fault] = []
    for name, raw in keys.items():
        if name in fields:
            _explain_value(raw, fields[name].type, place(where, name), faults)
        elif name != tag and kind.__struct_config__.forbid_unknown_fields:
            faults.append(Fault(place(where, name), unknown_name("key", name, fields), "unknown_key"))
        if len(faults) >= _MAX_FAULTS:  # a hostile body has a million of them
            return faults
    for name, field in fields.items():
        if field.required and name not in keys:
            faults.append(Fault(f"{where}.{name}", f"is missing; expected {_in_words(field.type)}.", "missing_field"))
    return faults or [_unreadable(error, where)]


def _faults_of_rest(body: bytes | Raw, kind: type[T], check: Callable[[T], object], told: set[str]) -> list[Fault]:
    """What is wrong with the keys that could be read by themselves; nothing where one that must be there could not."""
    rest: dict[str, Any] = {}
    unread: list[str] = []  # what is wrong with these has been told: the check must not call them missing
    try:
        keys = _decode_keys(body)
    except _UNREADABLE:
        return []
    for field in msgspec.structs.fields(kind):
        try:
            rest[field.name] = msgspec.json.decode(keys[field.encode_name], type=field.type)
        except KeyError:
            continue
        except _UNREADABLE:
            if field.required:
                return []
            unread.append(f"$.{field.name}")
    try:
        check(kind(**rest))
    except TypeError:  # a required key is missing
        return []
    except Invalid as invalid:
        return [fault for fault in invalid.faults if fault.where not in told and fault.where not in unread]
    return []


def _explain_value(raw: Raw, kind: Any, where: str, faults: list[Fault]) -> None:
    """Decode one value by itself; when it is an object of anything, each of its values."""
    try:
        msgspec.json.decode(raw, type=kind)
        return
    except _UNREADABLE as error:
        inner = _keys_or_none(raw)
        if inner is None:
            faults.append(_misfit(raw, error, where))
            return
    for name, value in inner.items():
        if len(faults) >= _MAX_FAULTS:
            return
        try:
            _decode_any(value)
        except _UNREADABLE as error:
            faults.append(_misfit(value, error, place(where, name)))


def _keys_or_none(raw: Raw) -> dict[str, Raw] | None:
    try:
        return _decode_keys(raw)
    except _UNREADABLE:
        return None


def _misfit(raw: Raw, error: Exception, where: str) -> Fault:
    """What one value is, and what was expected."""
    if not isinstance(error, msgspec.ValidationError):
        return _unreadable(error, where)
    message, _, path = str(error).partition(" - at `$")
    below = path.rstrip("`").replace("[...]", "")
    if "out of range" in message:
        return Fault(where + below, f"is a number of {len(bytes(raw)):,} characters; expected one that fits 64 bits.")
    if below:
        return Fault(where + below, f"{_plain(message)}.")
    try:
        return Fault(where, f"is {shown(_decode_any(raw))}; {_plain(message)}.")
    except _UNREADABLE:
        return Fault(where, f"{_plain(message)}.")


def _unreadable(error: Exception, where: str) -> Fault:
    if isinstance(error, RecursionError):
        return Fault(where, "is nested too deeply; expected a few levels.", "malformed")
    if isinstance(error, UnicodeDecodeError):
        return Fault(where, f"is no valid UTF-8 (byte {error.start} of a text); expected JSON in UTF-8.", "malformed")
    if isinstance(error, msgspec.ValidationError):
        return Fault(where, f"{_plain(str(error).partition(' - at ')[0])}.")
    if isinstance(error, msgspec.DecodeError):
        return Fault(
            where, f"is no valid JSON: {str(error).removeprefix('JSON is malformed: ')}; expected a JSON object.", "malformed"
        )
    return Fault(where, "cannot be read as JSON; expected a JSON object.", "malformed")


def _plain(message: str) -> str:
    """The JSON library's message in words: `expected text or null, got a whole number`."""
    words = re.sub(r"`([a-z |]+)`", lambda match: " or ".join(_WORDS.get(w, w) for w in match[1].split(" | ")), message)
    return words[:1].lower() + words[1:]


def _in_words(kind: Any) -> str:
    name = getattr(kind, "__name__", "")
    return _WORDS.get({"dict": "object", "list": "array"}.get(name, name), "a value")
