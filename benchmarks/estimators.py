"""All estimators on a million examples of ten actions in memory: time, and memory beside what they are given.

Question answered: how long do all estimators take together, checks included, from plain arrays to estimates, and how much
memory do they need at the peak? Every array is float64 or int64: (n, k) probabilities and predictions, (n,) rewards,
propensities and actions. Memory is counted by tracemalloc, which sees NumPy's arrays; the peak is the input and what was made.
Run: python benchmarks/estimators.py [--rows 1000000] [--actions 10] [--rounds 9] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
import tracemalloc

import numpy as np
from threadpoolctl import threadpool_limits

from policyloop.core import plugins
from policyloop.core.estimate import Estimate
from policyloop.evaluate.compare import ESTIMATORS
from policyloop.evaluate.reading import names_in_order
from policyloop.evaluate.weighed import weigh

MOST_MS, MOST_TIMES_INPUT = 250, 1.25
SEED = 9


class Log:
    """Uniform decisions, a target policy that leans, and predictions that are a little off."""

    def __init__(self, n: int, k: int) -> None:
        rng = np.random.default_rng(SEED)
        target = rng.random((n, k))
        target /= target.sum(axis=1, keepdims=True)
        self.arrays = {
            "reward": rng.random(n),
            "propensity": np.full(n, 1 / k),
            "action": rng.integers(0, k, n),
            "target_pmf": target,
            "predicted": rng.random((n, k)),
        }
        self.size_bytes = sum(array.nbytes for array in self.arrays.values())

    def estimates(self) -> list[Estimate]:
        """By all estimators, from the arrays as they are."""
        weighed = weigh(**self.arrays)
        return [plugins.load(ESTIMATORS, name).contributions(weighed).estimate() for name in names_in_order()]


def measured(n: int, k: int, rounds: int) -> dict[str, float]:
    """Milliseconds of wall and CPU time, the median of the rounds and the best, and the peak over the input."""
    log = Log(n, k)
    log.estimates()  # modules are loaded
    walls, cpus = [], []
    for _ in range(rounds):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        found = log.estimates()
        walls.append(1e3 * (time.perf_counter() - wall_s))
        cpus.append(1e3 * (time.process_time() - cpu_s))
    tracemalloc.start()
    log.estimates()
    made = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return {
        "estimators": len(found),
        "wall_ms": statistics.median(walls),
        "wall_ms_best": min(walls),
        "cpu_ms": statistics.median(cpus),
        "cpu_ms_best": min(cpus),
        "input_mb": log.size_bytes / 1e6,
        "peak_times_input": 1 + made / log.size_bytes,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--actions", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with threadpool_limits(1):
        found = measured(asked.rows, asked.actions, asked.rounds)
    if asked.json:
        print(json.dumps(found))
        return
    size = f"{asked.rows:,} examples of {asked.actions} actions, {found['input_mb']:,.0f} MB"
    print(f"{found['estimators']} estimators, {size}, one thread, median of {asked.rounds} rounds")
    for clock in ("wall", "cpu"):
        print(f"{clock:4} {found[f'{clock}_ms']:.0f} ms (best {found[f'{clock}_ms_best']:.0f})")
    bounds = (("wall ms, median", found["wall_ms"], MOST_MS), ("peak / input", found["peak_times_input"], MOST_TIMES_INPUT))
    for name, value, most in bounds:
        print(f"{'met   ' if value <= most else 'MISSED'} {name}: {value:.4g} (at most {most})")


if __name__ == "__main__":
    main()
