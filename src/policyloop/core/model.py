"""A model: a policy saved with its version, settings, data snapshot and code revision. Immutable, named by its content.

On disk: `manifest.json` (this manifest) beside `tensors.safetensors`. No pickle, ever.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

FORMAT = 1
DIGEST_BYTES = 16

BASELINE = "baseline"  # the policy name of decisions that no model made
IMPORTED = "imported:"  # before the policy names of decisions that another system made
_SHOWN_DIGITS = 12  # of a digest: enough to tell models apart, short enough to read


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that is needed to load a model and to make it again, except the tensors."""

    format: int = FORMAT
    loop: str
    spec: str  # digest of the spec it was made for
    recipe: str  # digest of the part of the spec that makes models
    parent: str | None  # the model that was champion when it was trained
    policy: str  # plug-in of policy/policies that loads it
    settings: dict[str, Any]  # what `RewardModel.save` gave
    features: dict[str, Any]  # what `Encoder.to_json` gave
    labels: list[str]  # the actions, in order; for candidates the ids with weights of their own
    action_features: dict[str, Any] | None = None  # of candidates, what `Encoder.to_json` gave; None where actions are labels
    explorer: dict[str, Any]  # {name, floor, ...}
    learner: dict[str, Any]  # {name, ...}
    snapshot: dict[str, int]  # table -> version that it was trained on
    trained_until: int  # decided_at of the newest example it learned from, microseconds
    n_examples: int
    seed: int
    code: str  # version of policyloop
    tensors: str  # SHA-256 of tensors.safetensors
    progress: dict[str, float | str]  # the learner's numbers at the end, and words where it made a choice


def digest(data: bytes) -> str:
    """The content address used for specs and models: BLAKE2b of 16 bytes, in hex."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).hexdigest()


def short(policy: str | None) -> str:
    """A policy as people see it: the start of a model's digest, `baseline` for None; other names whole."""
    if policy is None:
        return BASELINE
    return policy[:_SHOWN_DIGITS] if len(policy) == 2 * DIGEST_BYTES and policy.isalnum() else policy


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and no blanks, so that equal values have equal bytes."""
    return msgspec.json.encode(value, order="sorted")
