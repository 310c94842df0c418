"""How fast decisions and outcomes become examples, and in how much memory: one hour through the real tables.

Question answered: rows a second and peak memory for a million decisions, of which half have outcomes?
Run: `python benchmarks/join.py [--decisions 1000000]`. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import tempfile
import time
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa

from policyloop.core.clock import US_PER_S, hour_of
from policyloop.core.expression import Expression
from policyloop.core.loop import ActionSpec, Field, LoopSpec, OutcomeSpec, RewardSpec
from policyloop.join.history import examples_of
from policyloop.join.hours import join_hour
from policyloop.lake.schema import DECISION_SCHEMA, DECISIONS, OUTCOME_SCHEMA, OUTCOMES
from policyloop.lake.tables import Lake

LOOP = "front-page"
START_US = 490_000 * 3600 * US_PER_S
K = 7
BATCH = 100_000
NAMES = {
    "clicked": OutcomeSpec(name="clicked", type="boolean", take="max"),
    "dwell_s": OutcomeSpec(name="dwell_s", take="last"),
}
SPEC = LoopSpec(
    loop=LOOP,
    context={"hour": Field(name="hour", type="integer")},
    actions=ActionSpec(kind="discrete", labels=tuple(f"action-{i}" for i in range(K))),
    outcomes=NAMES,
    reward=RewardSpec(
        expression=Expression.parse("clicked + 0.1 * min(dwell_s, 60) / 60", NAMES), low=0.0, high=1.1, window_s=600.0
    ),
    baseline="action-0",
    digest="5" * 32,
)


class OneSpec:
    """The specs of a loop that has only ever had this one."""

    def spec_named(self, loop: str, digest: str) -> LoopSpec:
        """The spec."""
        return SPEC


def decisions(first: int, n: int, rng: np.random.Generator) -> pa.Table:
    """n decisions of the hour, numbered from `first`."""
    pmf = rng.dirichlet(np.ones(K), n)
    action = rng.integers(0, K, n)
    fixed = {
        "loop": LOOP,
        "hour": hour_of(START_US),
        "writer": "01980000-0000-7000-8000-000000000001",
        "form": 1,
        "spec": SPEC.digest,
        "policy": "baseline",
        "context": '{"hour":7,"device":"phone","tags":["a","b","c"],"price":12.5,"member":true}',
        "propensity_kind": "probability",
        "draw_version": 1,
        "is_clamped": False,
        "is_fallback": False,
        "is_deferred": False,
        "is_conflict": False,
    }
    own = {
        "decision_id": [f"decision-{i:012d}" for i in range(first, first + n)],
        "decided_at": START_US + np.arange(first, first + n) * 3,
        "seq": np.arange(first, first + n),
        "action": lists(action.astype(np.int32), 1),
        "pmf": lists(lists(pmf.reshape(-1), K), 1),
        "propensity": pmf[np.arange(n), action],
        "split": rng.random(n),
    }
    return rows(DECISION_SCHEMA, n, fixed, own)


def outcomes(first: int, n: int, rng: np.random.Generator) -> pa.Table:
    """Two outcomes for every second of n decisions, received within five minutes."""
    of = np.repeat(np.arange(first, first + n, 2), 2)
    m = len(of)
    fixed = {
        "loop": LOOP,
        "hour": hour_of(START_US),
        "final": False,
        "is_clamped": False,
        "writer": "01980000-0000-7000-8000-000000000002",
        "form": 1,
    }
    own = {
        "outcome_id": [f"outcome-{i:012d}" for i in of],
        "decision_id": [f"decision-{i:012d}" for i in of],
        "name": pa.array(np.tile(["clicked", "dwell_s"], m // 2)),
        "value": rng.random(m),
        "received_at": START_US + of * 3 + rng.integers(0, 300 * US_PER_S, m),
        "seq": of,
    }
    return rows(OUTCOME_SCHEMA, m, fixed, own)


def rows(schema: pa.Schema, n: int, fixed: dict[str, object], own: dict[str, object]) -> pa.Table:
    """A table of the schema: columns with one value, columns of their own, and nulls."""
    columns = {name: pa.repeat(pa.scalar(value, schema.field(name).type), n) for name, value in fixed.items()} | own
    filled = {name: columns.get(name, pa.nulls(n, schema.field(name).type)) for name in schema.names}
    return pa.table(filled).cast(schema)


def lists(values: object, width: int) -> pa.Array:
    """Values as lists of equal width."""
    flat = values if isinstance(values, pa.Array) else pa.array(values)
    return pa.ListArray.from_arrays(np.arange(0, len(flat) + 1, width, dtype=np.int32), flat)


def peak_mb() -> float:
    """Most memory that this process has held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Fill a lake, join its hour, read the history; print what it took."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=1_000_000)
    n = parser.parse_args().decisions
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(Lake(Path(folder) / "lake"), n)))


def measure(lake: Lake, n: int) -> dict[str, object]:
    """Seconds, rates and memory for n decisions."""
    rng = np.random.default_rng(7)
    for first in range(0, n, BATCH):
        lake.commit(lake.open(DECISIONS), decisions(first, min(BATCH, n - first), rng))
        lake.commit(lake.open(OUTCOMES), outcomes(first, min(BATCH, n - first), rng))
    filled_mb = peak_mb()
    hour = hour_of(START_US)
    first_s, first_cpu_s = timed(lambda: join_hour(lake, SPEC, hour, watermark=START_US * 2))
    joined_mb = peak_mb()
    again_s, _ = timed(lambda: join_hour(lake, SPEC, hour, watermark=START_US * 2))
    read_s, _ = timed(lambda: examples_of(lake, OneSpec(), SPEC))
    return {
        "decisions": n,
        "join_rows_per_s": round(n / first_s),
        "join_rows_per_cpu_s": round(n / first_cpu_s),
        "join_again_rows_per_s": round(n / again_s),
        "read_rows_per_s": round(n / read_s),
        "peak_mb_before_join": round(filled_mb),
        "peak_mb_after_join": round(joined_mb),
        "peak_mb_after_read": round(peak_mb()),
        "python": platform.python_version(),
        "duckdb": duckdb.__version__,
    }


def timed(call: object) -> tuple[float, float]:
    """Wall and CPU seconds of a call."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()  # type: ignore[operator]
    return time.perf_counter() - wall, time.process_time() - cpu


if __name__ == "__main__":
    main()
