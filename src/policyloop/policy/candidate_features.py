"""Features of candidates: an offered set becomes a table of numbers, kept for the next decision that offers the same set.

Question answered: what does a model see of these candidates? Each gets a row: 1, then the features that the spec
declares, as `policy/features.py` says. Ids that the model knows ahead are told by their place among them.
Letters: k candidates, e features of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from policyloop.core.candidates import Candidates
from policyloop.policy.features import Encoder

_MAX_KEPT_CELLS = 2**22  # numbers kept of earlier sets: 32 MiB


class EncodedSet(NamedTuple):
    """A set as numbers, read-only."""

    actions: NDArray[np.float64]  # (k, e)
    ids: NDArray[np.intp]  # (k,) place among the known ids, -1 for none of them
    row: NDArray[np.intp]  # (k,) zeros: all are offered in one context


class CandidateEncoder:
    """Sets of candidates to numbers. What it keeps of earlier sets changes nothing but the time; threads may share it."""

    def __init__(self, encoder: Encoder, ids: Sequence[str]) -> None:
        self.encoder = encoder
        self.ids = tuple(ids)
        self._place_of_id = {name: place for place, name in enumerate(ids)}
        self._kept: dict[str, EncodedSet] = {}
        self._n_kept_cells = 0

    def of(self, candidates: Candidates) -> EncodedSet:
        """The set as numbers."""
        known = self._kept.get(candidates.digest)
        return self._encode(candidates) if known is None else known

    def places_of(self, ids: Sequence[str]) -> NDArray[np.intp]:
        """(k,) place of each among the known ids, -1 for none of them."""
        return np.array([self._place_of_id.get(name, -1) for name in ids], dtype=np.intp)

    def _encode(self, candidates: Candidates) -> EncodedSet:
        actions = self.encoder.encode_many(candidates.features)
        made = EncodedSet(actions, self.places_of(candidates.ids), np.zeros(len(candidates), dtype=np.intp))
        if self._n_kept_cells + actions.size > _MAX_KEPT_CELLS:
            self._kept, self._n_kept_cells = {}, 0
        self._n_kept_cells += actions.size
        self._kept[candidates.digest] = made
        return made
