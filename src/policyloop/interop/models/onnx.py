"""One file for any ONNX runtime: states in, actions and what they are worth out; with `--stochastic` noise goes in too.

Question answered: how does a model run where there is nothing but an ONNX runtime?
"""

from __future__ import annotations

from policyloop.interop.model_parts import ModelParts, stochastic
from policyloop.policy.onnx_writer import policy_bytes


def files(parts: ModelParts, *, is_stochastic: bool) -> dict[str, bytes]:
    """The file, under no further suffix.

    Raises:
        Invalid: it is to be stochastic, and never varies.
    """
    if is_stochastic:
        stochastic(parts)
    return {"": policy_bytes(parts.network, is_stochastic=is_stochastic)}
