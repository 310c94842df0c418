"""A real server with a loop behind an endpoint, in a process of its own: python endpoint_server.py HOME PORT."""

import sys
from pathlib import Path

from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.interop.personalizer.loop_file import LOOP
from policyloop.run.deployment import open_deployment
from policyloop.server.worker import serve

QUICK = {"log.low_water_bytes": 0, "log.seal_after_s": 0.1, "server.log_level": "warning"}
# Rewards count at once, so that a test need not wait for a window to close.
LOOPS = {name: {"loop": name, **LOOP, "reward": LOOP["reward"] | {"window": "1s"}} for name in ("shelf", "watched", "busy")}
LOOPS["shelf"]["aliases"] = ["personalizer"]  # answers where the Endpoint is the server's address alone

if __name__ == "__main__":
    settings = read_settings(Path(sys.argv[1]), {}, flags=QUICK)
    with open_deployment(settings.home) as deployment:
        for loop in LOOPS.values():
            deployment.registry.apply(read_spec(loop))
    sys.exit(serve(settings, host="127.0.0.1", port=int(sys.argv[2])))
