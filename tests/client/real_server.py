"""A real server in a process of its own, for the tests that need one: python real_server.py HOME PORT."""

import sys
from pathlib import Path

from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment
from policyloop.server.worker import serve

LOOP = {
    "loop": "front-page",
    "context": {"hour": {"type": "integer", "min": 0, "max": 23}},
    "actions": {"labels": ["calm", "bold", "playful"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1]},
    "baseline": "bold",
}
HATS = {
    "loop": "hats",
    "context": {"hour": {"type": "integer", "min": 0, "max": 23}},
    "actions": {"kind": "candidates", "features": {"price": {"type": "number"}}},
    "outcomes": {"bought": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "bought", "range": [0, 1]},
    "baseline": "first",
}

if __name__ == "__main__":
    settings = read_settings(Path(sys.argv[1]), {}, flags={"log.low_water_bytes": 0})
    with open_deployment(settings.home) as deployment:
        deployment.registry.apply(read_spec(LOOP))
        deployment.registry.apply(read_spec(HATS))
    sys.exit(serve(settings, host="127.0.0.1", port=int(sys.argv[2])))
