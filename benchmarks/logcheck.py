"""What the log check finds, after how many decisions, and how often it is wrong: logs with a known fault.

Question answered: are faults of the logged propensities found soon enough, and does a true log raise an alarm? Logs are those
of policyloop/simulate/faulty_log.py: 20,000 decisions, epsilon .10, half of the kinds of context with another best action in
the other model; a look every 500, the alarm dated to the decision. The other model is known to the check (as the model that
was live before), or not. Seeds are 0, 1, 2, ...
Run: python benchmarks/logcheck.py [--runs 1000] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from policyloop.gate.logcheck import check
from policyloop.simulate.faulty_log import FAULTS, KNOWN, LOOK_EVERY, Fault, found_at, play, spec_of

# fault, whether the other model is known, the demanded median
ROWS: tuple[tuple[Fault, bool, int | None], ...] = (
    ("other", True, 500),
    ("other", False, 500),
    ("half", False, 1_200),
    ("less", False, 6_000),
    ("argmax", False, 200),
    ("none", True, None),
    ("canary", True, None),
)
WHOLE = 20_000
MOST_FALSE = 0.005
LEAST_FOUND = 0.99


def row(fault: Fault, is_known: bool, demanded: int | None, *, k: int, runs: int) -> dict[str, Any]:
    """One fault, many logs."""
    began_s = time.process_time()
    looks = LOOK_EVERY if demanded is not None else WHOLE  # a look finds what lies before it: few looks tell as much, sooner
    found = [found_at(play(fault, seed=seed, k=k), is_known=is_known, look_every=looks) for seed in range(runs)]
    at = [n if n is not None else np.inf for n in found]
    return {
        "fault": FAULTS[fault],
        "other_model": "known" if is_known else "unknown",
        "k": k,
        "runs": runs,
        "found": sum(n is not None for n in found) / runs,
        "median": statistics.median(at),
        "demanded_median": demanded,
        "cpu_s": round(time.process_time() - began_s, 1),
    }


def us_per_event(k: int) -> float:
    """Microseconds of CPU for a decision, in a canary, with both models known; the fastest of five."""
    log = play("canary", seed=0, k=k)
    best = np.inf
    for _ in range(5):
        began_s = time.process_time()
        check(log.examples, spec=spec_of(k), known=KNOWN)
        best = min(best, time.process_time() - began_s)
    return float(best / len(log.examples) * 1e6)


def demand(found: dict[str, Any]) -> str:
    """How a row stands."""
    if found["demanded_median"] is None:
        return f"false alarms {found['found']:.4f}, demanded at most {MOST_FALSE}: " + told(found["found"] <= MOST_FALSE)
    is_met = found["found"] >= LEAST_FOUND and found["median"] <= found["demanded_median"]
    return (
        f"found {found['found']:.3f}, median {found['median']:g}, demanded {LEAST_FOUND} and {found['demanded_median']:,}: "
        + told(is_met)
    )


def told(is_met: bool) -> str:
    """In a word."""
    return "met" if is_met else "missed"


def lines(found: list[dict[str, Any]]) -> Iterator[str]:
    """The table."""
    for one in found:
        yield f"k={one['k']}  {one['fault']:<36} other model {one['other_model']:<8} {demand(one)} (CPU {one['cpu_s']} s)"


def main() -> None:
    """Play, check, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    found = []
    for k in (4, 6):
        for fault, is_known, demanded in ROWS:
            found.append(row(fault, is_known, demanded, k=k, runs=asked.runs))
            if not asked.json:
                print(*lines(found[-1:]), flush=True)
    speeds = {k: us_per_event(k) for k in (4, 6)}
    if asked.json:
        print(json.dumps({"rows": found, "us_per_event": speeds}))
    else:
        print(*(f"a canary's decision with {k} actions: {us:.1f} us of CPU" for k, us in speeds.items()), sep="\n")


if __name__ == "__main__":
    main()
