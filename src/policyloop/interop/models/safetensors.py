"""The weights by name in one file of safetensors, and beside it a JSON file that says what they are.

Question answered: which number is which weight, for a program that builds the network itself?
"""

from __future__ import annotations

import msgspec
import safetensors.numpy

from policyloop.core.errors import Fault, Invalid
from policyloop.interop.model_parts import ModelParts

DESCRIPTION = ".json"  # added to the file's name


def files(parts: ModelParts, *, is_stochastic: bool) -> dict[str, bytes]:
    """The two files: weights under no further suffix, the description under `.json`.

    Raises:
        Invalid: it is to be stochastic: weights are weights.
    """
    if is_stochastic:
        raise Invalid(
            [Fault("--stochastic", "is for onnx; weights say both how to act and how much that varies. Leave it out.")]
        )
    told = msgspec.json.format(msgspec.json.encode(parts.description()), indent=2)
    return {"": safetensors.numpy.save(dict(parts.network.tensors)), DESCRIPTION: told + b"\n"}
