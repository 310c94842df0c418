"""A model as one file: a zip of its manifest and its tensors, as they lie in the store.

Question answered: which bytes does a client take away, and are bytes that it brings a model of ours, whole?
The names and times inside are always the same, so that one model has one file.
"""

from __future__ import annotations

import hashlib
import io
import zipfile

import msgspec

from policyloop.core.model import FORMAT, Manifest, canonical_json
from policyloop.interop.personalizer.refusals import Refused

MANIFEST, TENSORS = "manifest.json", "tensors.safetensors"
_MAX_OPENED_BYTES = 2**28


def packed(manifest: Manifest, tensors: bytes) -> bytes:
    """The file of a model."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, data in ((MANIFEST, canonical_json(manifest)), (TENSORS, tensors)):
            archive.writestr(zipfile.ZipInfo(name), data)
    return file.getvalue()


def opened(body: bytes) -> tuple[Manifest, bytes]:
    """Manifest and tensors of a file.

    Raises:
        Refused: it is no such file, or its parts do not belong together.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            sizes = [archive.getinfo(name).file_size for name in (MANIFEST, TENSORS)]
            if sum(sizes) > _MAX_OPENED_BYTES:
                raise Refused("PayloadSizeExceeded", f"the model is over {_MAX_OPENED_BYTES:,} bytes; expected less.")
            manifest, tensors = archive.read(MANIFEST), archive.read(TENSORS)
        found = msgspec.json.decode(manifest, type=Manifest)
    except (zipfile.BadZipFile, KeyError, msgspec.MsgspecError, ValueError, NotImplementedError, OSError, RuntimeError):
        message = f"the body is no model file; expected a zip of {MANIFEST} and {TENSORS}, as GET gives it."
        raise Refused("InvalidModelImportFormat", message) from None
    if found.format != FORMAT:
        raise Refused("InvalidModelImportFormat", f"the model has format {found.format}; expected {FORMAT}.")
    digest = hashlib.sha256(tensors).hexdigest()
    if digest != found.tensors:
        message = f"the tensors have SHA-256 {digest}; the manifest says {found.tensors}. Bring the file that was exported."
        raise Refused("InvalidModelImportSignature", message)
    return found, tensors
