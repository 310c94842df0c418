"""A model's manifest for tests that never ask the model: any tensors, any numbers."""

import hashlib

from policyloop.core.model import Manifest

TENSORS = b"numbers"


def a_manifest(**changes):
    """One that fits `TENSORS`."""
    given = {
        "loop": "shelf",
        "spec": "s",
        "recipe": "r",
        "parent": None,
        "policy": "linear",
        "settings": {},
        "features": {},
        "labels": [],
        "explorer": {"name": "greedy"},
        "learner": {"name": "linear"},
        "snapshot": {},
        "trained_until": 1,
        "n_examples": 1,
        "seed": 1,
        "code": "0",
        "tensors": hashlib.sha256(TENSORS).hexdigest(),
        "progress": {},
    }
    return Manifest(**(given | changes))
