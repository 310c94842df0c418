"""A loop whose best recipe is known: the device tells which of three layouts earns most, four other fields tell nothing.

Its own recipe learns from all five, and tries an action at random more often than need be. The log was made by even chance.
Letters: n decisions, k = 3 actions.
"""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from policyloop.core.clock import SystemClock
from policyloop.core.example import Examples
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.importing import import_files
from same_every_run import give_salt

DEVICES = ("phone", "tablet", "desktop")
NOISE = ("campaign", "city", "referrer", "theme")
N_VALUES = 40
LOOP = {
    "loop": "front-page",
    "context": {
        **{name: {"type": "category", "values": [f"{name}-{i}" for i in range(N_VALUES)], "optional": True} for name in NOISE},
        "device": {"type": "category", "values": list(DEVICES)},
    },
    "actions": {"kind": "discrete", "labels": ["calm", "bold", "playful"]},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "10m"},
    "baseline": "uniform",
    "explore": {"name": "epsilon_greedy", "epsilon": 0.2, "floor": 0.1},
}
LOW, HIGH = 0.2, 0.6
DAY_US = 86_400_000_000


def planted(**changes):
    """The loop's spec, with other sections where a test needs them."""
    return read_spec({**LOOP, **changes})


def truth_of(contexts):
    """(n, k) chance of a click of every action."""
    best = np.array([DEVICES.index(context["device"]) for context in contexts])
    return np.where(best[:, np.newaxis] == np.arange(3), HIGH, LOW)


def examples(n, *, seed, until_us=None, days=5):
    """What an even chance has logged, evenly over some days."""
    rng = np.random.default_rng(seed)
    until_us = until_us or SystemClock().now_us() - 2 * DAY_US
    devices, others = rng.integers(3, size=n), rng.integers(N_VALUES, size=(n, len(NOISE)))
    contexts = [
        {"device": DEVICES[device], **{name: f"{name}-{value}" for name, value in zip(NOISE, values, strict=True)}}
        for device, values in zip(devices.tolist(), others.tolist(), strict=True)
    ]
    action = rng.integers(3, size=n)
    return Examples(
        contexts=contexts,
        allowed=np.ones((n, 3), dtype=bool),
        action=action,
        reward=(rng.random(n) < truth_of(contexts)[np.arange(n), action]).astype(float),
        propensity=np.full(n, 1 / 3),
        pmf=np.full((n, 3), 1 / 3),
        split=rng.random(n),
        decided_at=np.linspace(until_us - days * DAY_US, until_us, n).astype(np.int64),
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.full(n, "imported:chance", dtype=object),
    )


class Yesterday:
    """The time of a day ago."""

    def now_us(self):
        return SystemClock().now_us() - DAY_US

    def monotonic_s(self):
        return SystemClock().monotonic_s()


def deploy(home, rows, *, spec=None):
    """A deployment in a folder, with the loop, and with examples that were imported a day ago and are joined."""
    table = {
        "decision_id": [f"visit-{i}" for i in range(len(rows))],
        "context": [json.dumps(context) for context in rows.contexts],
        "action": rows.action,
        "pmf": list(rows.pmf),
        "decided_at": rows.decided_at,
        "reward": rows.reward,
    }
    home.mkdir(parents=True)
    pq.write_table(pa.table(table), home / "visits.parquet")
    with open_deployment(Home(home), Yesterday()) as deployment:
        give_salt(deployment)
        deployment.registry.apply(spec or planted())
        import_files(deployment, spec or planted(), file_format="parquet", files=[home / "visits.parquet"])
    with open_deployment(Home(home)) as deployment, ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("front-page").spec)
