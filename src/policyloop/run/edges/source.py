"""The source of a decider's model at the edge: the last file that was given, as the hot swap asks for it.

Question answered: which spec and which model should decide now? So the same code that loads, tries and refuses models on a
server does it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from policyloop.core.errors import BadModel
from policyloop.core.loop import LoopSpec
from policyloop.core.model import Manifest
from policyloop.core.model_file import ModelFile
from policyloop.policy import scored
from policyloop.policy.scored import Loaded, Scored


@dataclass(frozen=True, slots=True)
class _Standing:
    """What the file says of its loop."""

    spec: LoopSpec
    champion: str | None
    is_paused: bool = False  # a pause comes as a file without a model
    trial: None = None  # a file holds one model, so a challenger is never asked here


@dataclass(frozen=True, slots=True, eq=False)
class _Stored:
    """The file's model, not yet made ready."""

    manifest: Manifest
    tensors: bytes

    @property
    def labels(self) -> tuple[str, ...]:
        """The actions it knows, in order."""
        return tuple(self.manifest.labels)

    def policy(self) -> Scored:
        """Make it ready to be asked."""
        return scored.load_scored(self.manifest, self.tensors)

    def loaded(self) -> Loaded:
        """The same; over numbers a `BoxPolicy`."""
        return scored.load(self.manifest, self.tensors)


class EdgeSource:
    """The one file that holds. Used by one thread at a time."""

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._version = 0

    @property
    def file(self) -> ModelFile:
        """The one that was given last."""
        return self._file

    def give(self, file: ModelFile) -> None:
        """Let another file hold."""
        self._file = file
        self._version += 1

    def version(self) -> int:
        """See `hot_swap.Source`."""
        return self._version

    def standings(self) -> Mapping[str, _Standing]:
        """See `hot_swap.Source`."""
        spec = self._file.spec
        alone = replace(spec, gate=replace(spec.gate, hold_out=0.0))  # nor is anything held out: what the file holds decides
        return {spec.loop: _Standing(alone, self._file.model)}

    def load(self, loop: str, model: str) -> _Stored:
        """See `hot_swap.Source`."""
        file = self._file
        if file.manifest is None or model != file.model:
            raise BadModel(f"model {model} is not in the file; it holds {file.model or 'none'}.")
        return _Stored(file.manifest, file.tensors)
