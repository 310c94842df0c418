"""What a rank of the Personalizer endpoint costs over HTTP, beside /decide for the same decisions of the same loop and server.

Question answered: do clients of that protocol get at least 0.7 of the throughput, per second and per CPU second of the server
process? Both calls go to one server with a trained model live; they take turns, and medians of the rounds are told. The actions
are 10 with 5 features each, from a small catalogue or one that is larger than memory; the context has 5 features.
Run alone on the machine: `python benchmarks/personalizer.py --seconds 5`.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
from http_load import N_CONNECTIONS

import policyloop
from policyloop.core.candidates import candidates_of
from policyloop.core.example import Examples
from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.interop.personalizer.loop_file import LOOP
from policyloop.learn.train import train
from policyloop.run.deployment import open_deployment

HERE = Path(__file__).parent
K = 10
N_SETS = 64  # of the catalogue that repeats
N_BODIES = 4096  # and as many sets in the catalogue that hardly does: more than the endpoint remembers
N_EXAMPLES = 2000
DECIDE = "/v1/loops/shelf/decide"
RANK = "/v1/compat/personalizer/shelf/personalizer/v1.0/rank"
CATEGORIES = ("news", "sport", "film", "music")

Offer = list[tuple[str, dict[str, Any]]]


def offer(rng: np.random.Generator) -> Offer:
    """K actions with 5 features each."""
    ids = rng.choice(100_000, size=K, replace=False)
    return [
        (
            f"item-{name}",
            {
                "topic": str(rng.choice(CATEGORIES)),
                "price": round(float(rng.exponential(10)), 2),
                "age": int(rng.integers(30)),
                "is_new": bool(rng.integers(2)),
                "score": round(float(rng.random()), 3),
            },
        )
        for name in ids
    ]


def context(rng: np.random.Generator) -> dict[str, Any]:
    """5 features of the visitor."""
    return {
        "hour": int(rng.integers(24)),
        "device": str(rng.choice(["phone", "tablet", "desktop"])),
        "likes": str(rng.choice(CATEGORIES)),
        "visits": int(rng.integers(100)),
        "is_member": bool(rng.integers(2)),
    }


def prepare(folder: Path) -> None:
    """A project whose loop has a trained model live."""
    rng = np.random.default_rng(3)
    n = N_EXAMPLES
    offers = [offer(rng) for _ in range(N_SETS)]
    sets = [candidates_of([name for name, _ in one], [{"features": about} for _, about in one]) for one in offers]
    contexts = [{"features": context(rng)} for _ in range(n)]
    which, action = rng.integers(N_SETS, size=n), rng.integers(K, size=n)
    topics = [offers[s][a][1]["topic"] for s, a in zip(which, action, strict=True)]
    examples = Examples(
        contexts=contexts,
        allowed=np.ones((n, K), dtype=bool),
        action=action,
        reward=np.array([float(c["features"]["likes"] == t) for c, t in zip(contexts, topics, strict=True)]),
        propensity=np.full(n, 1 / K),
        pmf=np.full((n, K), 1 / K),
        split=rng.random(n),
        decided_at=np.arange(n, dtype=np.int64) * 1_000_000,
        is_fallback=np.zeros(n, dtype=bool),
        policy=np.full(n, "baseline", dtype=object),
        candidates=[sets[s] for s in which],
    )
    spec = read_spec({"loop": "shelf", **LOOP})
    trained = train(examples, spec, seed=1, parent=None, snapshot={}, code_version=policyloop.__version__)
    with open_deployment(read_settings(folder, {}).home) as deployment:
        deployment.registry.apply(spec)
        model = deployment.registry.publish(trained.manifest, trained.tensors)
        deployment.registry.promote_by_person(spec.loop, model, why="to be measured")


def bodies(path: str, *, is_repeated: bool) -> list[bytes]:
    """Requests for the same decisions, in the words of one of the two calls."""
    rng = np.random.default_rng(7)
    catalogue = [offer(rng) for _ in range(N_SETS if is_repeated else N_BODIES)]
    asked = [(context(rng), catalogue[i % len(catalogue)]) for i in range(N_BODIES)]
    if path == DECIDE:
        return [
            json.dumps({"context": {"features": c}, "actions": [{"id": i, "features": f} for i, f in one]}).encode()
            for c, one in asked
        ]
    return [
        json.dumps({"contextFeatures": [c], "actions": [{"id": i, "features": [f]} for i, f in one]}).encode()
        for c, one in asked
    ]


def main() -> None:
    """Both calls in turn, several times; prints a table and whether the target is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the calls take turns so many times; medians are told")
    asked = parser.parse_args()
    print(f"policyloop {policyloop.__version__}, {os.cpu_count()} cores, {N_CONNECTIONS} connections, {K} actions, durable")
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "policyloop", "serve", "--port", str(port)]
        server = subprocess.Popen(command, cwd=folder, stderr=subprocess.DEVNULL)
        try:
            wait_until_it_answers(port)
            for is_repeated in (True, False):
                measure(port, server.pid, Path(folder), asked.seconds, asked.rounds, is_repeated=is_repeated)
        finally:
            server.terminate()
            server.wait(60)


def measure(port: int, pid: int, folder: Path, seconds: float, rounds: int, *, is_repeated: bool) -> None:
    """One kind of catalogue: a table of both calls, and their ratio."""
    found: dict[str, list[dict[str, float]]] = {DECIDE: [], RANK: []}
    for path in found:
        (folder / path.rsplit("/", 1)[1]).write_bytes(b"\n".join(bodies(path, is_repeated=is_repeated)))
    for _ in range(rounds):
        for path, results in found.items():
            arguments = [str(port), str(pid), str(seconds), path, folder / path.rsplit("/", 1)[1]]
            out = subprocess.run([sys.executable, HERE / "http_load.py", *arguments], check=True, stdout=subprocess.PIPE)
            results.append(json.loads(out.stdout))
    told = {p: {key: statistics.median(r[key] for r in results) for key in results[0]} for p, results in found.items()}
    print(f"{N_SETS} sets of actions" if is_repeated else f"{N_BODIES:,} sets of actions, more than the endpoint remembers")
    for path, numbers in told.items():
        per_s, per_cpu_s, cpu_us = (numbers[key] for key in ("per_s", "per_cpu_s", "cpu_us"))
        name = path.rsplit("/", 1)[1]
        rates = f"{per_s:>8,.0f} req/s{per_cpu_s:>8,.0f} req/CPU s{cpu_us:>6,.0f} CPU us"
        print(f"  {name:<7}{rates}   p99 {numbers['p99_ms']:.1f} ms")
    for key, what in (("per_s", "second"), ("per_cpu_s", "CPU second")):
        ratio = told[RANK][key] / told[DECIDE][key]
        print(f"{'met   ' if ratio >= 0.7 else 'MISSED'} rank / decide, requests per {what}: {ratio:.2f} (at least 0.7)")


def wait_until_it_answers(port: int) -> None:
    """Ask until the first answer."""
    deadline_s = time.monotonic() + 60
    headers = {"content-type": "application/json"}
    body = bodies(RANK, is_repeated=True)[0]
    request = urllib.request.Request(f"http://127.0.0.1:{port}{RANK}", body, headers)
    while True:
        try:
            urllib.request.urlopen(request, timeout=5).read()
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    main()
