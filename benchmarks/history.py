"""How long a history of episodes takes from columns in memory to transitions in the tables, to arrays, and to be asked in SQL.

Question answered: CPU and wall seconds of each of these for 2,000 episodes of 700 steps with five numbers, and the peak memory?
Run: `python benchmarks/history.py [--episodes 2000] [--steps 700]`. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from policyloop.core.clock import SystemClock
from policyloop.core.loop import LoopSpec
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.lake.bulk import bring_history
from policyloop.run.apply import apply_spec
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.run.episodes.transitions import transitions_of
from policyloop.run.questions.asking import ask

NUMBERS = ("x", "v", "th", "w", "goal")
TERMS = " + ".join(f"sqrt(max(0, 1 - min(abs(next.{name}) / 0.5, 1) ** 2))" for name in ("v", "th", "w"))
LOOP = {
    "loop": "cart-pole",
    "context": dict.fromkeys(NUMBERS, "number"),
    "actions": {"kind": "continuous", "box": {"force": {"min": -1, "max": 1}}},
    "episodes": {"max_steps": 1000},
    "reward": {"expression": f"10 * (abs(next.x - next.goal) < 0.1) + {TERMS}", "range": [0, 13]},
    "baseline": "middle",
}
QUERIES = (
    "SELECT count(*), avg(reward) FROM transitions",
    "SELECT policy, count(*), avg(return), avg(length) FROM episodes GROUP BY policy",
    "SELECT * FROM transitions LIMIT 5",
    "SELECT count(*) FROM decisions",
)


def history(n_episodes: int, n_steps: int, rng: np.random.Generator) -> pa.Table:
    """Episodes of random numbers, each with the context that it ended in."""
    n = n_episodes * (n_steps + 1)
    step = np.tile(np.arange(n_steps + 1), n_episodes)
    is_last = step == n_steps
    lists = np.append(0, np.cumsum(~is_last)).astype(np.int32)
    numbers = [pa.array(rng.normal(size=n).astype(np.float32).astype(np.float64)) for _ in NUMBERS]
    ends = step == n_steps - 1
    terminated = ends & np.repeat(rng.random(n_episodes) < 0.6, n_steps + 1)
    mask = pa.array(is_last)
    return pa.table(
        {
            "episode_id": np.repeat([f"episode-{i}" for i in range(n_episodes)], n_steps + 1),
            "step": step,
            "context": pa.StructArray.from_arrays(numbers, names=list(NUMBERS)),
            "action": pa.ListArray.from_arrays(pa.array(np.zeros(n + 1, np.int32)), pa.array([], pa.int32()), mask=mask),
            "action_value": pa.ListArray.from_arrays(lists, rng.uniform(-1, 1, int(lists[-1])), mask=mask),
            "propensity": pa.array(np.full(n, 0.5), mask=is_last),
            "propensity_kind": pa.array(["density"] * n, mask=is_last),
            "action_source": np.where(step % 2 == 0, "random", "expert"),
            "terminated": terminated,
            "truncated": ends & ~terminated,
        }
    )


def timed(call: Callable[[], Any]) -> dict[str, float]:
    """Seconds of CPU and on the wall."""
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    call()
    return {"cpu_s": round(time.process_time() - cpu_s, 2), "wall_s": round(time.perf_counter() - wall_s, 2)}


def measured(deployment: Deployment, spec: LoopSpec, table: pa.Table) -> dict[str, Any]:
    """Every part of the way, in order."""
    now_us = SystemClock().now_us()
    bring = partial(bring_history, deployment.lake, deployment.records, spec, table, policy="lqr", salt=bytes(32), salt_id="s")
    return {
        "into the tables": timed(partial(bring, now_us=now_us)),
        "again, nothing to do": timed(partial(bring, now_us=now_us)),
        "to transitions": timed(partial(join_loop, deployment.lake, deployment.records, spec, watermark=now_us)),
        "to arrays": timed(partial(transitions_of, deployment, spec)),
        **{query: timed(partial(asked, deployment, query)) for query in QUERIES},
    }


def asked(deployment: Deployment, query: str) -> int:
    """How many rows a query has."""
    return sum(batch.num_rows for batch in ask(deployment, query))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=700)
    given = parser.parse_args()
    spec = read_spec(LOOP)
    table = history(given.episodes, given.steps, np.random.default_rng(0))
    with tempfile.TemporaryDirectory() as folder, open_deployment(Home(Path(folder))) as deployment:
        apply_spec(deployment, spec)
        found = measured(deployment, spec, table)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"steps": given.episodes * given.steps, **found, "peak_mib": round(peak_mib)}, indent=2))


if __name__ == "__main__":
    main()
