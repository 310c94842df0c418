"""Redaction: what is kept of values that should not be kept as they are.

Question answered: which context is logged, and which one does the policy decide on? It is one and the same, so that a
decision can be replayed from its record: a field with `store: hash` is a keyed hash for the policy too, and a field
with `store: never`, as well as the field that names the subject, is checked and then gone. Of a hashed field of type json
the texts are hashed, wherever they stand; names, numbers, true and false are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

from policyloop.core.loop import LoopSpec
from policyloop.ingest.context import CheckedContext

_HASH_BYTES = 8


class Redaction:
    """What one spec wants hashed or left out; made by `redaction_of`, which gives None where nothing is."""

    def __init__(self, *, dropped: frozenset[str], hashed: frozenset[str], json: frozenset[str], salt: bytes) -> None:
        self._dropped = dropped
        self._json = json  # those of type json
        self._hashed = hashed
        self._salt = salt

    def apply(self, context: CheckedContext) -> CheckedContext:
        """The context as it is decided on and logged."""
        values = {
            name: self._hash(name, value) if name in self._hashed else value
            for name, value in context.values.items()
            if name not in self._dropped
        }
        return CheckedContext(values, msgspec.json.encode(values).decode())

    def _hash(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._hash(name, item) for item in value]
        if isinstance(value, dict):  # of a field of type json, as are the numbers below it
            return {key: self._hash(name, inner) for key, inner in value.items()}
        if name in self._json and not isinstance(value, str):
            return value
        return keyed_hash(self._salt, "field " + name, value) if isinstance(value, str) else None


def redaction_of(spec: LoopSpec, *, salt: bytes) -> Redaction | None:
    """What the spec wants redacted; None when every value is kept as it is."""
    dropped = {field.name for field in spec.context.values() if field.store == "never"}
    hashed = {field.name for field in spec.context.values() if field.store == "hash"}
    if spec.subject is not None:
        dropped.add(spec.subject)
    if not dropped and not hashed:
        return None
    json = {field.name for field in spec.context.values() if field.type == "json"}
    return Redaction(dropped=frozenset(dropped), hashed=frozenset(hashed), json=frozenset(json), salt=salt)


def subject_of(request_subject: str | None, context: Mapping[str, Any], spec: LoopSpec, *, salt: bytes) -> str | None:
    """The keyed hash of the person or unit: the request's `subject`, else the field that the spec names.

    The same subject has the same hash in every loop of a deployment, so that it can be erased everywhere.
    """
    named = context.get(spec.subject) if request_subject is None and spec.subject is not None else request_subject
    return None if named is None else keyed_hash(salt, "subject", str(named))


def keyed_hash(salt: bytes, purpose: str, text: str) -> str:
    """16 hex characters that only the deployment's salt can compute, so that guessing values does not help."""
    data = f"{len(purpose)}:{purpose}{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2b(data, digest_size=_HASH_BYTES, key=salt, person=b"redact").hexdigest()
