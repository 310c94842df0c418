"""The loop that stands behind an endpoint, with the service's own defaults: `policyloop init NAME --like personalizer`.

Question answered: which loop does what the service did before anyone configured it? Any JSON as features, up to 50 actions, the
first reward within 10 minutes counts, a fifth of the decisions explores, and the first action is what is done without a model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LOOP: Mapping[str, Any] = {
    "context": {"features": {"type": "json"}},
    "actions": {"kind": "candidates", "max": 50},
    "outcomes": {"reward": {"type": "number", "take": "first"}},
    "reward": {"expression": "reward", "range": [-1, 1], "window": "10m", "default": 0},
    "baseline": "first",
    # The floor is the share that explores, so that a configuration can change it while a model is live.
    "explore": {"name": "greedy", "floor": 0.2},
    "train": {"every": "500 examples or 5m"},
}
