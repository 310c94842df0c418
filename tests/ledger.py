"""Seconds per suite, summed over the tests of each folder: printed after each run, kept in tests/LEDGER.md by `make ledger`."""

import json
import platform
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

LAST_RUN = Path(__file__).parent.parent / ".ledger" / "last.json"
LEDGER = Path(__file__).with_name("LEDGER.md")


def suite_of(node_id: str) -> str:
    """`tests/join/test_window.py::test_x` -> `join`; a test at the top is a suite of its own."""
    return node_id.split("::", maxsplit=1)[0].split("/")[1]


def write_last_run(seconds: Counter[str], counts: Counter[str]) -> None:
    """Keep the run for `make ledger`."""
    LAST_RUN.parent.mkdir(exist_ok=True)
    LAST_RUN.write_text(json.dumps({suite: [counts[suite], round(seconds[suite], 1)] for suite in sorted(seconds)}))


def main() -> None:
    """Write LEDGER.md from the last run."""
    last = json.loads(LAST_RUN.read_text())
    rows = [f"| {suite} | {n} | {seconds:.1f} |" for suite, (n, seconds) in last.items()]
    total_n, total_s = sum(n for n, _ in last.values()), sum(s for _, s in last.values())
    LEDGER.write_text(
        "# Seconds per suite\n\n"
        f"Of `make test` on {datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}; "
        "seconds summed over tests, which run two at a time.\n\n"
        "| suite | tests | seconds |\n|---|---:|---:|\n" + "\n".join(rows) + f"\n| **all** | {total_n} | {total_s:.1f} |\n"
    )


if __name__ == "__main__":
    main()
