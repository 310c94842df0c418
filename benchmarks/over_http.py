"""What /decide costs over HTTP: requests per CPU second of the server process, beside FastAPI and a bare echo.

Question answered: does a decision over HTTP cost at most half of what it costs with FastAPI, is the overhead at most 1.5
times that of a bare ASGI echo on uvicorn, and does durability cost at most 40 % of the throughput at 32 connections?
Each server runs in a process of its own and so does the load, in turn, all in one run; the CPU time of the server
process (all its threads) comes from /proc. Run alone on the machine: `python benchmarks/over_http.py --seconds 10`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from chance import examples_of_chance
from http_load import N_CONNECTIONS
from http_servers import PATH, SERVERS, open_decider

import policyloop
from policyloop.core.clock import SystemClock
from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.learn.train import train
from policyloop.run.deployment import open_deployment
from policyloop.serve.decider import Decider

HERE = Path(__file__).parent
N_BODIES = 512
LABELS = [f"layout-{i}" for i in range(7)]
LOOP = {
    "loop": "bench",
    "context": {f"n{i}": {"type": "number"} for i in range(10)}
    | {f"c{i}": {"type": "category", "values": ["a", "b", "c", "d"]} for i in range(2)},
    "actions": {"kind": "discrete", "labels": LABELS},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "1s"},
    "baseline": LABELS[0],
}


def prepare(folder: Path) -> Path:
    """A project whose loop has a trained model live."""
    rng = np.random.default_rng(3)
    n, k = 5000, len(LABELS)
    examples = examples_of_chance(
        contexts(n, rng),
        k,
        rng,
    )
    spec = read_spec(LOOP)
    trained = train(examples, spec, seed=1, parent=None, snapshot={}, code_version=policyloop.__version__)
    with open_deployment(read_settings(folder, {}).home) as deployment:
        deployment.registry.apply(spec)
        model = deployment.registry.publish(trained.manifest, trained.tensors)
        deployment.registry.promote_by_person(spec.loop, model, why="to be measured")
    return folder


def in_process_us(home: Path) -> float:
    """CPU of one decision without HTTP, JSON and log, in microseconds."""
    decider, log = open_decider(home)
    log.close()
    numbers = iter(range(1, 10**9))
    decider = Decider(decider.live, clock=SystemClock(), append=lambda event: next(numbers))
    requests = [msgspec.json.decode(body, type=DecideRequest) for body in bodies()] * 40
    began_s = time.process_time()
    for request in requests:
        decider.decide(request)
    return (time.process_time() - began_s) / len(requests) * 1e6


def main() -> None:
    """All servers in turn, several times; prints a table and whether each target is met."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=10.0, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="the servers take turns so many times; medians are told")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = prepare(Path(folder))
        decide_us = in_process_us(home)
        found: dict[str, list[dict[str, float]]] = {name: [] for name in SERVERS}
        for _ in range(asked.rounds):
            for name, results in found.items():
                results.append(one_run(name, home, asked.seconds))
    show(
        {n: {key: statistics.median(r[key] for r in results) for key in results[0]} for n, results in found.items()}, decide_us
    )


def show(told: dict[str, dict[str, float]], decide_us: float) -> None:
    """The table, and each target."""
    names = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "uvloop", "fastapi"))
    print(f"policyloop {policyloop.__version__}, Python {platform.python_version()}, {names}, {os.cpu_count()} cores, ", end="")
    print(f"{N_CONNECTIONS} connections")
    columns = {"per_s": "req/s", "per_cpu_s": "req/CPU s", "cpu_us": "CPU us", "p50_ms": "p50 ms", "p99_ms": "p99 ms"}
    print(f"{'server':<10}" + "".join(f"{title:>12}" for title in columns.values()))
    for name, numbers in told.items():
        print(f"{name:<10}" + "".join(f"{numbers[key]:>12,.{2 if key.endswith('ms') else 0}f}" for key in columns))
    print(f"a decision in process takes {decide_us:.1f} us of CPU")
    durable, fast, fastapi, echo = (told[name] for name in ("durable", "fast", "fastapi", "echo"))
    overhead = (durable["cpu_us"] - decide_us) / echo["cpu_us"]
    tell("requests per CPU second / FastAPI's", durable["per_cpu_s"] / fastapi["per_cpu_s"], at_least=2.0)
    tell("durable requests per second / undurable", durable["per_s"] / fast["per_s"], at_least=0.6)
    print(f"{'met   ' if overhead <= 1.5 else 'MISSED'} overhead / bare echo: {overhead:.2f} (at most 1.5)")


def tell(what: str, value: float, *, at_least: float) -> None:
    """One line: a figure and whether it is met."""
    print(f"{'met   ' if value >= at_least else 'MISSED'} {what}: {value:.2f} (at least {at_least})")


def one_run(
    name: str, home: Path, seconds: float, *, path: str = PATH, sent: Callable[[], list[bytes]] | None = None
) -> dict[str, float]:
    """Start a server, wait until it answers, load it, end it.

    Args:
        path: what is asked; of the loop `bench` without.
        sent: makes the requests' bodies; those of `bench` without.
    """
    told = (sent or bodies)()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, HERE / "http_servers.py", name, home, str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_until_it_answers(port, path, told[0])
        requests = home / "bodies"
        requests.write_bytes(b"\n".join(told))
        asked = [str(port), str(server.pid), str(seconds), path, requests]
        out = subprocess.run([sys.executable, HERE / "http_load.py", *asked], check=True, stdout=subprocess.PIPE)
        return json.loads(out.stdout)
    finally:
        server.terminate()
        server.wait(30)


def wait_until_it_answers(port: int, path: str, body: bytes) -> None:
    """Ask until the first answer."""
    deadline_s = time.monotonic() + 60
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", body, {"content-type": "application/json"})
    while True:
        try:
            urllib.request.urlopen(request, timeout=5).read()
            return
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.05)


def bodies() -> list[bytes]:
    """Requests for decisions in contexts of all sorts."""
    rng = np.random.default_rng(7)
    return [json.dumps({"context": context}).encode() for context in contexts(N_BODIES, rng)]


def contexts(n: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """10 numbers and 2 categories each."""
    numbers = rng.normal(size=(n, 10)).round(4)
    letters = rng.choice(list("abcd"), size=(n, 2))
    return [
        {f"n{i}": float(v) for i, v in enumerate(row)} | {f"c{i}": str(v) for i, v in enumerate(pair)}
        for row, pair in zip(numbers, letters, strict=True)
    ]


if __name__ == "__main__":
    main()
