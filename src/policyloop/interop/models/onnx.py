"""One file for any ONNX runtime: states in, actions and what they are worth out; with `--stochastic` noise goes in too.

Question answered: how does a model run where there is nothing but an ONNX runtime? The file says itself what goes in and comes
out, in its metadata: `loop`, `model` (the digest), `state` (names in order), `labels`, `choices` and `box` (names and bounds),
as JSON where it is more than a text. A model that another program made leaves as it serves: brought back into the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from policyloop.interop.model_parts import ModelParts, stochastic, told_of
from policyloop.policy.onnx_writer import policy_bytes, with_metadata
from policyloop.policy.policies.onnx import OnnxPolicy


def files(parts: ModelParts, *, is_stochastic: bool) -> dict[str, bytes]:
    """The file, under no further suffix.

    Raises:
        Invalid: it is to be stochastic, and never varies.
    """
    if is_stochastic:
        stochastic(parts)
    data = policy_bytes(parts.network, is_stochastic=is_stochastic)
    return {"": with_metadata(data, _texts(told_of(parts.model, parts.manifest, parts.spec)))}


def outside(policy: OnnxPolicy, told: Mapping[str, Any]) -> dict[str, bytes]:
    """The file of a model that another program made, under no further suffix.

    Args:
        told: what `told_of` says of it.
    """
    return {"": with_metadata(policy.file(), _texts(told))}


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    """As metadata has them: texts as they are, everything else as JSON."""
    return {name: value if isinstance(value, str) else msgspec.json.encode(value).decode() for name, value in told.items()}
