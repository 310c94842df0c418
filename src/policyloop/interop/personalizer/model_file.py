"""A model as one file: a zip of its manifest and its tensors, as they lie in the store.

Question answered: which bytes does a client take away, and are bytes that it brings a model of ours, whole? A model that is to
be brought back must be exported as signed: with a keyed hash that only this deployment can compute, so that nobody can slip
in another. The names and times inside are always the same, so that one model has one file.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import zipfile

import msgspec

from policyloop.core.model import FORMAT, Manifest, canonical_json
from policyloop.interop.personalizer.refusals import Refused

MANIFEST, TENSORS, SIGNATURE = "manifest.json", "tensors.safetensors", "signature"
_MAX_OPENED_BYTES = 2**28


def packed(manifest: Manifest, tensors: bytes, *, salt: bytes | None) -> bytes:
    """The file of a model.

    Args:
        salt: the deployment's key, which signs it; None: it is not signed, and cannot be brought back.
    """
    body = canonical_json(manifest)
    signature = {} if salt is None else {SIGNATURE: _signature(body, salt)}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in {MANIFEST: body, TENSORS: tensors, **signature}.items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def opened(body: bytes, *, salt: bytes) -> tuple[Manifest, bytes]:
    """Manifest and tensors of a signed file.

    Raises:
        Refused: it is no such file, is not signed by this deployment, or its parts do not belong together.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            sizes = [entry.file_size for entry in archive.infolist()]
            if sum(sizes) > _MAX_OPENED_BYTES:
                raise Refused("PayloadSizeExceeded", f"the model is over {_MAX_OPENED_BYTES:,} bytes; expected less.")
            manifest, tensors = archive.read(MANIFEST), archive.read(TENSORS)
            signature = archive.read(SIGNATURE) if SIGNATURE in archive.namelist() else b""
        found = msgspec.json.decode(manifest, type=Manifest)
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, ValueError, NotImplementedError, OSError, RuntimeError):
        message = f"the body is no model file; expected a zip of {MANIFEST} and {TENSORS}, as GET gives it."
        raise Refused("InvalidModelImportFormat", message) from None
    if found.format != FORMAT:
        raise Refused("InvalidModelImportFormat", f"the model has format {found.format}; expected {FORMAT}.")
    if not hmac.compare_digest(signature, _signature(manifest, salt)):
        message = "the model is not signed by this deployment; expected the file of GET /model?signed=true, as it was given."
        raise Refused("InvalidModelImportSignature", message)
    digest = hashlib.sha256(tensors).hexdigest()
    if digest != found.tensors:
        message = f"the tensors have SHA-256 {digest}; the manifest says {found.tensors}. Bring the file that was exported."
        raise Refused("InvalidModelImportSignature", message)
    return found, tensors


def _signature(manifest: bytes, salt: bytes) -> bytes:
    """A keyed hash of the manifest, which names the tensors by their own hash."""
    return hashlib.blake2b(manifest, digest_size=32, key=salt, person=b"model file").hexdigest().encode()
