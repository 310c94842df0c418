"""What a decision that is a number costs over HTTP, beside one over labels: CPU of the server process, and latency.

The same server, durable, has both loops: `bench` of over_http.py (10 numbers, 2 categories, 7 labels, a linear model that
explores by squarecb) and `cart-pole` of decide_numbers.py (5 numbers, one force within limits, a network of 2 x 128 with two
critics, whose expected return is answered); the server counts the steps, so no limits hold from one to the next. Rounds of the
two take turns, and medians are told; the demand is that the number costs no more than the label.
Run alone on the machine: `python benchmarks/numbers_over_http.py --seconds 10`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import tempfile
from pathlib import Path

import decide_numbers
import numpy as np
import over_http
import safetensors.numpy
from http_servers import PATH

import policyloop
from policyloop.core.model import Manifest
from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment

N_BODIES = 512
NUMBERS_PATH = "/v1/loops/cart-pole/decide"
COLUMNS = {"per_s": "req/s", "cpu_us": "CPU us", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}


def prepare(folder: Path) -> Path:
    """A project with both loops, each with a model live."""
    home = over_http.prepare(folder)
    limits = {"force": {"min": -0.9, "max": 0.9}}
    spec, rng = read_spec({**decide_numbers.LOOP, "limits": limits}), np.random.default_rng(1)
    policy = decide_numbers.policy_of(spec, rng)
    assert policy.support is not None, "a network that knows its history"
    settings, tensors = policy.model.network.save()
    support = {name: np.float32(getattr(policy.support, name.rpartition(".")[2])) for name in ("support.low", "support.high")}
    data = safetensors.numpy.save({**tensors, **support})
    manifest = Manifest(
        loop=spec.loop,
        spec=spec.digest,
        recipe="r",
        parent=None,
        policy="network",
        settings=settings,
        features={"kind": "state", **policy.encoder.to_json()},
        labels=["force"],
        explorer={"name": "gaussian", "floor": 0.02, "settings": {"scale": 0.1}, "reward_span": 10.0},
        learner={"name": "cql"},
        snapshot={},
        trained_until=0,
        n_examples=100_000,
        seed=1,
        code=policyloop.__version__,
        tensors=hashlib.sha256(data).hexdigest(),
        progress={},
    )
    with open_deployment(read_settings(folder, {}).home) as deployment:
        deployment.registry.apply(spec)
        model = deployment.registry.publish(manifest, data)
        deployment.registry.promote_by_person(spec.loop, model, why="to be measured")
    return home


def bodies() -> list[bytes]:
    """Requests for decisions in as many episodes; the server counts their steps."""
    offered = decide_numbers.states(N_BODIES, np.random.default_rng(7))
    return [json.dumps({"context": context, "episode_id": f"e{i}"}).encode() for i, context in enumerate(offered)]


def main() -> None:
    """Both loops in turn, several times; prints a table and whether the demand is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the loops take turns so many times; medians are told")
    asked = parser.parse_args()
    found: dict[str, list[dict[str, float]]] = {"labels": [], "numbers": []}
    with tempfile.TemporaryDirectory() as folder:
        home = prepare(Path(folder))
        for _ in range(asked.rounds):
            found["labels"].append(over_http.one_run("durable", home, asked.seconds, path=PATH))
            found["numbers"].append(over_http.one_run("durable", home, asked.seconds, path=NUMBERS_PATH, sent=bodies))
    told = {kind: {key: statistics.median(run[key] for run in runs) for key in COLUMNS} for kind, runs in found.items()}
    print(f"{'loop':<10}" + "".join(f"{title:>12}" for title in COLUMNS.values()))
    for kind, numbers in told.items():
        print(f"{kind:<10}" + "".join(f"{numbers[key]:>12,.{2 if key.endswith('ms') else 0}f}" for key in COLUMNS))
    ratio = told["numbers"]["cpu_us"] / told["labels"]["cpu_us"]
    print(f"{'met   ' if ratio <= 1.0 else 'MISSED'} CPU of a number / of a label: {ratio:.2f} (at most 1.00)")


if __name__ == "__main__":
    main()
