"""An event: one immutable record in the log, a decision or an outcome. There is no third kind.

Beside events the log keeps sets of candidates, each once, which decisions refer to by their digest. Activation, what
was really carried out and the end of an episode are outcomes with reserved names. The payload
is a MessagePack map with short keys that never change; a key that this version does not know survives in `extra`.
Times are microseconds since 1970 UTC. Source: the semantics of docs/events.md.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec
import numpy as np

FORM = 1  # of the payloads below; written into each frame and each row
MAX_PAYLOAD_BYTES = 4 * 2**20
_RAW_FLOATS_OVER = 32  # longer float lists are stored as raw little-endian bytes

ACTIVATED = "$activated"
EXECUTED = "$executed"
ENDED = "$ended"
RESERVED_OUTCOMES = (ACTIVATED, EXECUTED, ENDED)
SAMPLED = "sampled"  # the family in `density` of decisions whose candidates are logged in part

Floats = list[float] | bytes


class Kind(IntEnum):
    """The kind byte of a frame in the log; 255 is the log's own (seal)."""

    DECISION = 1
    OUTCOME = 2
    ACTION_SET = 3


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What was offered, what was taken, and with which probability."""

    loop: str = msgspec.field(name="l")
    decision_id: str = msgspec.field(name="i")  # 1-256 characters, compared byte for byte
    decided_at: int = msgspec.field(name="t")
    spec: str = msgspec.field(name="s")  # digest of the loop's spec
    policy: str = msgspec.field(name="p")  # model digest, `baseline` or `imported:NAME`
    context: str = msgspec.field(name="c")  # JSON object, declared order, defaults filled in
    split: float = msgspec.field(name="z")  # [0, 1): examples at or above the spec's split are for evaluation only
    action: list[int] = msgspec.field(name="a", default_factory=list)  # indices into the offered actions
    propensity: float = msgspec.field(name="q", default=1.0)
    propensity_kind: str = msgspec.field(name="qk", default="probability")
    # `probability`, `density`, `mixed`, `point`, `estimated` or `unknown`
    pmf: list[Floats] | None = msgspec.field(name="f", default=None)  # one entry per slot or discrete part
    mask: list[bool] | None = msgspec.field(name="m", default=None)  # None: every action was allowed
    actions: str | None = msgspec.field(name="o", default=None)  # JSON or action-set hash; None: the spec's labels
    action_value: list[float] | None = msgspec.field(name="v", default=None)
    density: dict[str, Any] | None = msgspec.field(name="d", default=None)
    occurred_at: int | None = msgspec.field(name="to", default=None)
    mixture: list[tuple[str, float]] | None = msgspec.field(name="x", default=None)  # (policy, share)
    side: str | None = msgspec.field(name="xs", default=None)
    action_source: str | None = msgspec.field(name="as", default=None)  # policy, expert, random, human, hold_out
    action_value_estimate: float | None = msgspec.field(name="av", default=None)
    baseline_action: int | None = msgspec.field(name="ab", default=None)
    shadow: str | None = msgspec.field(name="sh", default=None)  # JSON
    draw_version: int = msgspec.field(name="dv", default=0)  # 0: not drawn by us
    salt_id: str | None = msgspec.field(name="ds", default=None)
    is_clamped: bool = msgspec.field(name="bc", default=False)
    is_fallback: bool = msgspec.field(name="bf", default=False)
    is_deferred: bool = msgspec.field(name="bd", default=False)
    subject: str | None = msgspec.field(name="u", default=None)  # keyed hash
    episode_id: str | None = msgspec.field(name="e", default=None)
    step: int | None = msgspec.field(name="es", default=None)
    trace_id: str | None = msgspec.field(name="tr", default=None)
    extra: dict[str, Any] | None = msgspec.field(name="_", default=None)

    def probabilities(self, part: int = 0) -> list[float]:
        """The pmf of one slot or part, as floats in the offered order.

        Raises:
            ValueError: the decision was logged without a pmf.
        """
        if self.pmf is None:
            raise ValueError("the decision was logged without a pmf")
        return unpack_floats(self.pmf[part])


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What was seen later: named numbers that belong to one decision."""

    loop: str = msgspec.field(name="l")
    decision_id: str = msgspec.field(name="i")
    outcome_id: str = msgspec.field(name="n")
    received_at: int = msgspec.field(name="t")
    values: dict[str, float | None] = msgspec.field(name="v", default_factory=dict)  # None: a reserved name
    occurred_at: int | None = msgspec.field(name="to", default=None)
    decided_at: int | None = msgspec.field(name="td", default=None)  # what the client says decide answered
    slot: int | None = msgspec.field(name="k", default=None)
    final: bool = msgspec.field(name="b", default=False)
    terminated: bool | None = msgspec.field(name="et", default=None)
    truncated: bool | None = msgspec.field(name="eu", default=None)
    next_context: str | None = msgspec.field(name="c", default=None)  # JSON object
    executed: str | None = msgspec.field(name="x", default=None)  # JSON: index or values
    is_clamped: bool = msgspec.field(name="bc", default=False)
    extra: dict[str, Any] | None = msgspec.field(name="_", default=None)


class ActionSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """A set of candidates: what a decision's `actions` refers to. It stands in the log before any decision that needs it."""

    loop: str = msgspec.field(name="l")
    digest: str = msgspec.field(name="h")  # of `actions`
    received_at: int = msgspec.field(name="t")
    actions: str = msgspec.field(name="a")  # JSON array of {id, features}
    extra: dict[str, Any] | None = msgspec.field(name="_", default=None)


Event = Decision | Outcome
Logged = Decision | Outcome | ActionSet

_TYPE_OF_KIND: dict[Kind, type[Logged]] = {Kind.DECISION: Decision, Kind.OUTCOME: Outcome, Kind.ACTION_SET: ActionSet}
_KIND_OF_TYPE: dict[type, Kind] = {of: kind for kind, of in _TYPE_OF_KIND.items()}
_ENCODER = msgspec.msgpack.Encoder()
_DECODER_OF_KIND: dict[Kind, msgspec.msgpack.Decoder[Any]] = {k: msgspec.msgpack.Decoder(t) for k, t in _TYPE_OF_KIND.items()}
_MAP_DECODER = msgspec.msgpack.Decoder(dict[str, Any])
_KNOWN_KEYS = {k: frozenset(f.encode_name for f in msgspec.structs.fields(t)) for k, t in _TYPE_OF_KIND.items()}


def kind_of(event: Logged) -> Kind:
    """The kind byte under which the record is framed."""
    return _KIND_OF_TYPE[type(event)]


def encode(event: Logged) -> bytes:
    """The record's payload. At most `MAX_PAYLOAD_BYTES`, which the request limits see to."""
    return _ENCODER.encode(event)


def decode(kind: int, payload: bytes, *, form: int = FORM) -> Logged:
    """The event or set of a payload; keys unknown to this version are kept in `extra`.

    Raises:
        msgspec.MsgspecError: the payload is no event of that kind.
        ValueError: the kind is unknown.
    """
    which = Kind(kind)
    if form == FORM:
        return _DECODER_OF_KIND[which].decode(payload)  # type: ignore[no-any-return]
    raw = _MAP_DECODER.decode(payload)
    known = _KNOWN_KEYS[which]
    unknown = {key: raw.pop(key) for key in list(raw) if key not in known}
    if unknown:
        raw["_"] = {**raw.get("_", {}), **unknown}
    return msgspec.convert(raw, _TYPE_OF_KIND[which])


def pack_floats(values: list[float]) -> Floats:
    """A float list as it is stored: itself up to 32 entries, raw little-endian bytes beyond."""
    return values if len(values) <= _RAW_FLOATS_OVER else np.asarray(values, dtype="<f8").tobytes()


def unpack_floats(stored: Floats) -> list[float]:
    """The inverse of `pack_floats`."""
    return stored if isinstance(stored, list) else np.frombuffer(stored, dtype="<f8").tolist()
