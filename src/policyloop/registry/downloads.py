"""Downloads: the loops' models as model files, made once and kept while they are asked for.

Question answered: which bytes does someone get who decides away from this server? `latest` is what decides in the loop
now: the champion under the spec that holds, or the baseline, where there is none or the loop is paused. Any other name is
one model, with the spec that it was made for: those bytes never change.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass

from policyloop.core import model_file
from policyloop.core.errors import BadModel
from policyloop.registry.registry import Registry, Standing

LATEST = "latest"
_MAX_KEPT = 16  # models beside the latest of each loop


@dataclass(frozen=True, slots=True, eq=False)
class Download:
    """A model file, ready to be sent."""

    loop: str
    body: bytes
    sha256: bytes
    is_immutable: bool  # under the name that was asked for there will never be other bytes
    is_public: bool  # anybody may have it


class Downloads:
    """The model files of a deployment. Threads may share it."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._guard = threading.Lock()
        self._version = -1
        self._latest: dict[str, Download] = {}  # by the name that was asked for, as of `_version`
        self._of_model: dict[tuple[str, str], bytes] = {}

    def find(self, loop: str, name: str) -> Download:
        """The file of a model.

        Args:
            loop: its name or an alias.
            name: `latest`, or what `Registry.find` takes: a digest, the start of one, champion, previous or anchor.

        Raises:
            UnknownLoop: no loop has that name.
            UnknownModel: the loop has no such model.
            BadModel: its files are not what the digest names.
        """
        with self._guard:  # those who ask at the same time wait for the one who makes it
            return self._latest_of(loop) if name == LATEST else self._named(self._registry.standing(loop), name)

    def _latest_of(self, loop: str) -> Download:
        version = self._registry.version()  # read first: what changes after it is seen at the next look
        if version != self._version:
            self._latest, self._version = {}, version
        found = self._latest.get(loop)
        if found is None:
            standing = self._registry.standing(loop)
            model = None if standing.is_paused else standing.champion
            found = self._made(standing, self._packed(standing, model), is_immutable=False)
            self._latest[loop] = found
        return found

    def _packed(self, standing: Standing, model: str | None) -> bytes:
        """The model under the spec that holds."""
        if model is None:
            return model_file.pack(standing.spec)
        stored = self._registry.load(standing.spec.loop, model)
        return model_file.pack(standing.spec, model=model, manifest=stored.body, tensors=stored.tensors)

    def _named(self, standing: Standing, name: str) -> Download:
        loop = standing.spec.loop
        model = self._registry.find(loop, name).model
        body = self._of_model.get((loop, model))
        if body is None:
            stored = self._registry.load(loop, model)
            spec = self._registry.spec_named(loop, stored.manifest.spec)
            if spec is None:
                raise BadModel(f"model {model} was made for spec {stored.manifest.spec}, which the records do not have.")
            body = model_file.pack(spec, model=model, manifest=stored.body, tensors=stored.tensors)
            while len(self._of_model) >= _MAX_KEPT:
                del self._of_model[next(iter(self._of_model))]
            self._of_model[loop, model] = body
        return self._made(standing, body, is_immutable=name == model)

    def _made(self, standing: Standing, body: bytes, *, is_immutable: bool) -> Download:
        sha256 = hashlib.sha256(body).digest()
        is_public = standing.spec.public_models
        return Download(standing.spec.loop, body, sha256, is_immutable=is_immutable, is_public=is_public)
