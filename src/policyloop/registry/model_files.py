"""Model files: a model's manifest and tensors under its digest, written once and verified at every read.

Question answered: are these the very bytes that the digest names? `models/<digest>/manifest.json` is the canonical
manifest, whose BLAKE2b is the digest; it names the SHA-256 of `tensors.safetensors` beside it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import msgspec

from policyloop.core.errors import BadModel
from policyloop.core.model import Manifest, canonical_json, digest
from policyloop.policy import scored
from policyloop.policy.scored import Loaded, Scored
from policyloop.storage.objects import Objects, UnknownObject


@dataclass(frozen=True, slots=True, eq=False)
class StoredModel:
    """A model as it lies in the store, verified."""

    model: str  # digest
    manifest: Manifest
    tensors: bytes
    body: bytes  # of manifest.json, of which the digest is made

    @property
    def labels(self) -> tuple[str, ...]:
        """The actions that it was trained on, in order; for candidates the ids with weights of their own."""
        return tuple(self.manifest.labels)

    def policy(self) -> Scored:
        """The policy over labels or candidates, ready to be asked.

        Raises:
            BadModel: manifest and tensors do not fit, or its actions are numbers.
            UnknownName: its policy or explorer is not installed.
        """
        return scored.load_scored(self.manifest, self.tensors)

    def loaded(self) -> Loaded:
        """The policy, ready to be asked; over numbers a `BoxPolicy`.

        Raises:
            BadModel: manifest and tensors do not fit.
            UnknownName: its policy or explorer is not installed.
        """
        return scored.load(self.manifest, self.tensors)


def digest_of(manifest: Manifest) -> str:
    """The model's content address; it covers the tensors through their SHA-256."""
    return digest(canonical_json(manifest))


def write(objects: Objects, manifest: Manifest, tensors: bytes) -> str:
    """Put a model into the store and answer its digest; writing it again changes nothing.

    Raises:
        BadModel: the tensors are not those that the manifest names.
    """
    found = hashlib.sha256(tensors).hexdigest()
    if found != manifest.tensors:
        raise BadModel(
            f"the tensors have SHA-256 {found}; the manifest says {manifest.tensors}. Publish what belongs together."
        )
    model = digest_of(manifest)
    # The manifest goes last: where it is, the model is whole.
    objects.put(_tensors_path(model), tensors)
    objects.put(_manifest_path(model), canonical_json(manifest))
    return model


def read(objects: Objects, model: str) -> StoredModel:
    """A model from the store.

    Raises:
        BadModel: a file is missing or is not what the digest names.
    """
    try:
        body, tensors = objects.get(_manifest_path(model)), objects.get(_tensors_path(model))
    except UnknownObject as error:
        raise BadModel(f"model {model} is not whole: {error.message} Restore its folder from a backup.") from None
    if digest(body) != model:
        raise BadModel(f"manifest.json of model {model} has the digest {digest(body)}; restore its folder from a backup.")
    manifest = msgspec.json.decode(body, type=Manifest)
    found = hashlib.sha256(tensors).hexdigest()
    if found != manifest.tensors:
        raise BadModel(
            f"tensors.safetensors of model {model} has SHA-256 {found}; the manifest says {manifest.tensors}. "
            f"Restore its folder from a backup."
        )
    return StoredModel(model, manifest, tensors, body)


def remove(objects: Objects, model: str) -> None:
    """Take a model's files out; the manifest first, so that no half model looks whole."""
    objects.delete(_manifest_path(model))
    objects.delete(_tensors_path(model))
    objects.delete(training_path(model))


def training_path(model: str) -> str:
    """Where the curves of its training lie, which are no part of it; models of single decisions have none."""
    return f"models/{model}/training.json"


def _manifest_path(model: str) -> str:
    return f"models/{model}/manifest.json"


def _tensors_path(model: str) -> str:
    return f"models/{model}/tensors.safetensors"
