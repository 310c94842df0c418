"""Features: a context becomes a row of numbers, always in the same way.

Question answered: what does the learner see of this context? The first feature is always 1, so that every model has a
constant term. Then come the fields in the order of the loop's spec (policy/parts.py says what each becomes). Fields
that are never stored are left out, for no example could be learned from them. A row never has more than
`MAX_FEATURES` numbers: the features of a wider spec are folded together by a signed hash.
Source of the folding: count sketch, Charikar et al. 2002.
Letters: n contexts, d features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.example import Context
from policyloop.core.loop import Field
from policyloop.policy import parts
from policyloop.policy.hashing import bucket
from policyloop.policy.parts import Part

FORM = 1
MAX_FEATURES = 512


class Encoder:
    """Contexts to features, with the statistics of the examples it was fitted on. Immutable."""

    def __init__(self, its_parts: Sequence[Part]) -> None:
        self._parts = tuple(its_parts)
        self._n_unfolded = 1 + sum(part.width for part in self._parts)
        self._fold = _Fold(self._n_unfolded) if self._n_unfolded > MAX_FEATURES else None
        self._pack = Struct(f"{self._n_unfolded}d").pack

    @staticmethod
    def fit(fields: Mapping[str, Field], contexts: Sequence[Context]) -> Encoder:
        """The encoder of a spec's fields, with means and spreads of these contexts; none at all is allowed.

        Fields that say `learn: false` are left out; a field named as the loop's subject is the caller's to leave out.
        """
        known = [field for field in fields.values() if field.store != "never" and field.learn]
        made: list[Part] = []
        for is_plain, run in groupby(known, key=_is_plain_number):
            if is_plain:
                made.append(parts.fit_numbers(tuple(field.name for field in run), contexts))
            else:
                made.extend(parts.fit_field(field, contexts) for field in run)
        return Encoder(made)

    @property
    def n_features(self) -> int:
        """How long a row is, d; from 1 to `MAX_FEATURES`."""
        return min(self._n_unfolded, MAX_FEATURES)

    def encode(self, context: Context) -> NDArray[np.float64]:
        """(d,) features of one context, read-only."""
        row = [1.0]
        for part in self._parts:
            row += part.of_one(context)
        features = np.frombuffer(self._pack(*row))  # a third of the price of np.array(row)
        return features if self._fold is None else self._fold.of(features)

    def encode_many(self, contexts: Sequence[Context]) -> NDArray[np.float64]:
        """(n, d); row i equals what `encode` gives for context i, to rounding."""
        columns = [np.ones((len(contexts), 1)), *(part.of_many(contexts) for part in self._parts)]
        features = np.hstack(columns)
        return features if self._fold is None else self._fold.of(features)

    def to_json(self) -> dict[str, Any]:
        """What `from_json` makes the same encoder from."""
        return {"form": FORM, "parts": [part.to_json() for part in self._parts]}

    @staticmethod
    def from_json(saved: Mapping[str, Any]) -> Encoder:
        """The inverse of `to_json`."""
        return Encoder([parts.from_json(part) for part in saved["parts"]])


class _Fold:
    """Each feature goes, with a sign, to one of the places; the constant keeps its own."""

    def __init__(self, n_features: int) -> None:
        n_hashed = MAX_FEATURES - 1
        self._sketch = np.zeros((n_features, MAX_FEATURES))
        self._sketch[0, 0] = 1.0
        for j in range(1, n_features):
            sign = 1.0 if bucket("sign", str(j), 2) else -1.0
            self._sketch[j, 1 + bucket("place", str(j), n_hashed)] = sign

    def of(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(..., MAX_FEATURES) of (..., n_features)."""
        return np.asarray(features.dot(self._sketch))


def _is_plain_number(field: Field) -> bool:
    return field.type in ("number", "integer") and not field.optional
