"""One server process for tests: python one_worker.py PROJECT PORT WORKER."""

import sys
from pathlib import Path

from policyloop.core.settings import read_settings
from policyloop.server.worker import serve

if __name__ == "__main__":
    project, port, worker = sys.argv[1:]
    settings = read_settings(Path(project), {}, flags={"home.path": "data", "log.low_water_bytes": 0})
    sys.exit(serve(settings, host="127.0.0.1", port=int(port), worker=worker))
