"""Slices: what a challenger does where one field of the context has one value, so that harm there does not hide in the mean.

Question answered: is it beyond doubt that the challenger earns less in one of them? Each value has evidence of its own, valid
however often one looks; since many are looked at, each has a part of the chance of a false alarm.
Letters: m events of the evidence, decisions or whole episodes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.core.loop import LoopSpec
from policyloop.gate import evidence as evidences
from policyloop.gate.chunk import Chunk
from policyloop.gate.evidence import Evidence
from policyloop.gate.limits import Limits
from policyloop.gate.verdict import Call, Reason

MOST_VALUES = 20  # of a field that declares none
_ALPHA = 0.05  # chance of a false alarm, of all slices together


def looked_at(spec: LoopSpec) -> dict[str, int]:
    """How many values of each sliced field are looked at; that it is missing is one."""
    return {name: _n_values(spec, name) for name in spec.gate.slices}


def values_of(contexts: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.object_]:
    """(m,) the values of a field, as YAML has them; `missing` where there is none."""
    return np.array([_as_text(context.get(name)) for context in contexts], dtype=object)


def added(
    slices: Mapping[str, Evidence],
    chunk: Chunk,
    *,
    values: Mapping[str, NDArray[np.object_]],
    most: Mapping[str, int],
    limits: Limits,
) -> dict[str, Evidence]:
    """The evidence of every slice, each for itself, after some more events.

    Args:
        slices: before them, by `field=value`.
        values: field -> (m,) values, as of `values_of`.
        most: as of `looked_at`; further values of a field are not looked at.
    """
    found = dict(slices)
    for name, value in values.items():
        for one in dict.fromkeys(value):  # as they come, so that it does not matter in which chunks they do
            key = f"{name}={one}"
            if key not in found and sum(known.startswith(f"{name}=") for known in found) >= most[name]:
                continue
            rows = value == one
            part = Chunk(phi=chunk.phi[rows], weight=chunk.weight[rows], is_telling=chunk.is_telling[rows])
            found[key] = evidences.update(found.get(key) or evidences.begin(limits), part, limits=limits)
    return found


def judge(slices: Mapping[str, Evidence], most: Mapping[str, int], *, told: str, unit: str) -> tuple[Reason, ...]:
    """The slice that suffers most blocks, when its harm is beyond doubt.

    Args:
        slices: by `field=value`.
        most: as of `looked_at`.
        told: what the evidence is about, such as `it earns {} a decision`.
        unit: of the evidence, such as `events`.
    """
    if not slices:
        return ()
    needed = sum(most.values()) / _ALPHA
    worst, evidence = max(slices.items(), key=lambda item: item[1].e_worse)
    numbers = {"e_worse": min(evidence.e_worse, 1e300), "needed": needed, "difference": evidence.mean, "n": float(evidence.n)}
    where = f"{told.format(f'{evidence.mean:+.4g}')} beside the champion where {worst} ({evidence.n:,} {unit})"
    if evidence.e_worse >= needed:
        sentence = f"Harm in a slice blocks: {where}."
        return (Reason(name="slice", call=Call.INCONCLUSIVE, sentence=sentence, numbers=numbers, is_check=True),)
    sentence = f"No slice is harmed for sure; worst, {where}."
    return (Reason(name="slice", call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True),)


def _n_values(spec: LoopSpec, name: str) -> int:
    declared = spec.context[name]
    n = 2 if declared.type == "boolean" else len(declared.values or ()) or MOST_VALUES
    return n + declared.optional


def _as_text(value: Any) -> str:
    return {None: "missing", True: "true", False: "false"}.get(value, str(value))
