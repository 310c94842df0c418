"""Examples with the taken action as people call it: the label of its own spec, or the id of the candidate.

Question answered: which action does the place in the column `action` stand for? Letters: n examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from policyloop.core.loop import LoopSpec
from policyloop.lake.action_sets import offered_sets
from policyloop.run.deployment import Deployment


def with_labels(examples: pa.Table, deployment: Deployment, spec: LoopSpec) -> pa.Table:
    """The rows with a column `label`; null where the place is none of those offered.

    Args:
        examples: rows of the table `examples` of one loop.
        deployment: has the specs that they were decided under, and the candidates that were offered.
        spec: the loop's spec of today; a spec that is not known is taken to have had its labels.
    """
    place = pc.fill_null(pc.list_element(examples["action"], 0), -1).to_numpy()
    named = np.full(len(place), None, dtype=object)
    digests = examples["spec"].to_numpy()
    for digest in np.unique(digests.astype(str)):
        labels = (deployment.registry.spec_named(spec.loop, digest) or spec).labels
        _name(named, labels, place, rows=digests == digest)
    offered = examples["actions"]
    sets = offered_sets(deployment.lake, spec.loop, offered.drop_null().unique().to_pylist())
    for row in np.flatnonzero(pc.is_valid(offered).to_numpy()):
        _name(named, sets.of(offered[row].as_py()).ids, place, rows=np.array([row]))
    return examples.append_column("label", pa.array(named, pa.string()))


def _name(named: NDArray[Any], names: Sequence[str], place: NDArray[np.int32], *, rows: NDArray[Any]) -> None:
    """Write the names of the places in some rows."""
    known = np.array([*names, None], dtype=object)  # the last stands for what is none of them
    some = place[rows]
    named[rows] = known[np.where((some >= 0) & (some < len(names)), some, len(names))]
