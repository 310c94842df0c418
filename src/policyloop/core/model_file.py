"""A model file: one self-contained file with all that is needed to decide as a loop does, away from its server.

Question answered: are these the very bytes that were handed out, and what do they say? Two lines of text and three parts:

    policyloop-model 1
    {"loop":"front-page","spec":"<digest>","model":"<digest>","sizes":[1204,1733,8464]}
    <the spec's canonical JSON><the model's manifest.json><its tensors.safetensors>

The digests cover the first two parts, the manifest names the SHA-256 of the third, and the sizes all there is. Without a
model the two last parts are empty: then the spec's baseline decides. Nothing in it is ever executed; there is no pickle.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import msgspec

from policyloop.core.errors import BadModel, Invalid
from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest, digest
from policyloop.core.spec_file import from_json, to_json

FORMAT = 1
MEDIA_TYPE = b"application/vnd.policyloop.model"
MAX_BYTES = 2**30
_MAGIC = b"policyloop-model "
_MAX_HEAD_BYTES = 4096
_AGAIN = "Download it again."
_NEWER = "Was it written by a newer version of Policyloop?"


class Head(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The second line."""

    loop: str
    spec: str  # digest of the spec
    model: str | None  # digest of the manifest; None: the baseline decides
    sizes: tuple[int, int, int]  # bytes of spec, manifest and tensors


@dataclass(frozen=True, slots=True, eq=False)
class ModelFile:
    """What a model file says, verified."""

    spec: LoopSpec
    model: str | None  # digest; None: the baseline decides
    manifest: Manifest | None
    tensors: bytes


def pack(spec: LoopSpec, *, model: str | None = None, manifest: bytes = b"", tensors: bytes = b"") -> bytes:
    """The bytes of a model file; equal arguments have equal bytes.

    Args:
        spec: what holds in the loop, or what the model was made for.
        model: the model's digest; None: the baseline decides.
        manifest: the bytes of its manifest.json, of which `model` is the digest.
        tensors: the bytes of its tensors.safetensors.
    """
    assert (digest(manifest) if manifest else None) == model, "the manifest is another model's"
    body = to_json(spec).encode()
    head = Head(spec.loop, spec.digest, model, (len(body), len(manifest), len(tensors)))
    return b"".join((_MAGIC, b"%d\n" % FORMAT, msgspec.json.encode(head), b"\n", body, manifest, tensors))


def unpack(data: bytes) -> ModelFile:
    """What the bytes say.

    Raises:
        BadModel: they are no model file, are not whole, are not what their digests name, or are of a newer version.
    """
    head, parts = _head_and_parts(data)
    _check(digest(parts[0]) == head.spec, "the spec in it is not the one that its first lines name")
    spec = _spec_of(parts[0], head)
    if head.model is None:
        _check(not parts[1] and not parts[2], "it names no model and holds one")
        return ModelFile(spec, None, None, b"")
    _check(digest(parts[1]) == head.model, "the manifest in it is not the one that its first lines name")
    try:
        manifest = msgspec.json.decode(parts[1], type=Manifest)
    except msgspec.MsgspecError as error:
        raise BadModel(f"the manifest of model {head.model} cannot be read: {error}. {_NEWER}") from None
    _check(hashlib.sha256(parts[2]).hexdigest() == manifest.tensors, "the tensors in it are not those that its manifest names")
    _check(manifest.loop == spec.loop, f"its model is of loop '{manifest.loop}'")
    return ModelFile(spec, head.model, manifest, parts[2])


def _head_and_parts(data: bytes) -> tuple[Head, list[bytes]]:
    """The second line, and the three parts in their sizes."""
    lines = data[: _MAX_HEAD_BYTES + 1].split(b"\n", 2)
    if len(lines) < 3 or not lines[0].startswith(_MAGIC):
        raise BadModel(f"this is no model file, or not a whole one ({len(data):,} bytes). {_AGAIN}")
    if lines[0] != _MAGIC + b"%d" % FORMAT:
        written = lines[0].removeprefix(_MAGIC).decode("latin-1")
        raise BadModel(f"the model file has format '{written}'; this version reads format {FORMAT}. {_NEWER}")
    try:
        head = msgspec.json.decode(lines[1], type=Head)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadModel(f"the second line of the model file cannot be read: {error}. {_AGAIN}") from None
    start = len(lines[0]) + len(lines[1]) + 2
    _check(min(head.sizes) >= 0, "its sizes are wrong")
    expected = start + sum(head.sizes)
    _check(len(data) == expected, f"it has {len(data):,} bytes and should have {expected:,}")
    parts = []
    for size in head.sizes:
        parts.append(data[start : start + size])
        start += size
    return head, parts


def _spec_of(body: bytes, head: Head) -> LoopSpec:
    try:
        spec = from_json(body.decode())
    except (Invalid, ValueError) as error:
        raise BadModel(f"the spec in the model file cannot be read: {error} {_NEWER}") from None
    _check(spec.loop == head.loop, f"its first lines name loop '{head.loop}', its spec '{spec.loop}'")
    return replace(spec, digest=head.spec)  # the one that the deployment knows, also where ours would be written otherwise


def _check(is_true: bool, what: str) -> None:
    if not is_true:
        raise BadModel(f"the model file is damaged: {what}. {_AGAIN}")
