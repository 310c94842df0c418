"""A model published while a thousand deciders at the edge poll: how long until each decides with it, and does one fail?

Question answered: are all on the new model within their poll interval? A real `policyloop up` on loopback; the deciders
live in a few processes, each with a polling thread and a spool of its own, as a user's program has them, and each is asked
for a decision once an interval. The time counts from the moment at which the promotion begins to be written.
Run alone on the machine: `python benchmarks/edge.py --deciders 1000 --poll-s 10`.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
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
from chance import examples_of_chance

from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.learn.train import train
from policyloop.run.deployment import Deployment, open_deployment
from policyloop.run.edge import Decider

N_PROCESSES = 4
LABELS = [f"layout-{i}" for i in range(7)]
CONTEXT = {f"n{i}": 0.5 for i in range(10)} | {"c0": "a", "c1": "b"}
LOOP = {
    "loop": "bench",
    "context": {f"n{i}": {"type": "number"} for i in range(10)}
    | {f"c{i}": {"type": "category", "values": ["a", "b", "c", "d"]} for i in range(2)},
    "actions": {"kind": "discrete", "labels": LABELS},
    "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
    "reward": {"expression": "clicked", "range": [0, 1], "window": "10m"},
    "train": {"every": "none"},
}
SETTINGS = "server: {log_level: error}\nlog: {low_water_bytes: 0}\n"
_LOOK_S = 0.02  # how often a process looks which model its deciders are on
_PATIENT_S = 120.0


def main() -> None:
    """One deployment, the deciders, and as many publications as rounds; prints what each round took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--deciders", type=int, default=1000)
    parser.add_argument("--poll-s", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3, help="publications, one after another; the worst is told")
    parser.add_argument("--inside", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.inside:
        url, folder = asked.inside
        hold(url, Path(folder), n=asked.deciders, poll_s=asked.poll_s)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policyloop.yaml").write_text(SETTINGS, encoding="utf-8")
        with open_deployment(read_settings(folder, {}).home) as deployment:
            deployment.registry.apply(read_spec(LOOP))
            promote(deployment, trained_model(deployment, seed=0))
            measure(deployment, folder, asked.deciders, asked.poll_s, asked.rounds)


def measure(deployment: Deployment, folder: Path, n: int, poll_s: float, n_rounds: int) -> None:
    """Start everything, publish, and tell."""
    up, url = started(folder)
    holders = []
    try:
        began_s = time.monotonic()
        sizes = [n // N_PROCESSES + (i < n % N_PROCESSES) for i in range(N_PROCESSES)]
        holders = [holder(url, folder / f"edge{i}", size, poll_s) for i, size in enumerate(sizes)]
        for one in holders:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n", "a process with deciders did not start"
        print(f"{n:,} deciders in {N_PROCESSES} processes, poll_s {poll_s:g}; all began in {time.monotonic() - began_s:.1f} s")
        rounds = [one_round(deployment, holders, up.pid, poll_s=poll_s, seed=i + 1) for i in range(n_rounds)]
    finally:
        ends = [one.communicate("end\n", timeout=_PATIENT_S)[0] for one in holders]
        up.terminate()
        up.wait(_PATIENT_S)
    show(rounds, [json.loads(end) for end in ends], poll_s)


def one_round(
    deployment: Deployment, holders: list[subprocess.Popen[str]], up: int, *, poll_s: float, seed: int
) -> dict[str, float]:
    """Publish one model and wait until every decider is on it."""
    model = trained_model(deployment, seed=seed)
    before_cpu_s, before_s = cpu_of_children_s(up), time.monotonic()
    began_at = time.time()
    promote(deployment, model)
    took_s: list[float] = []
    for one in holders:
        assert one.stdin is not None and one.stdout is not None
        one.stdin.write(f"{model}\n")
        one.stdin.flush()
    for one in holders:
        assert one.stdout is not None
        took_s += [at - began_at for at in json.loads(one.stdout.readline())]
    wall_s = time.monotonic() - before_s
    return {
        "n": len(took_s),
        "p50_s": statistics.median(took_s),
        "last_s": max(took_s),
        "server_cpu_share": (cpu_of_children_s(up) - before_cpu_s) / wall_s,
    }


def show(rounds: list[dict[str, float]], ends: list[dict[str, Any]], poll_s: float) -> None:
    """The numbers, and whether the target is met."""
    for told in rounds:
        print(
            f"published: {told['n']:,} on it, half within {told['p50_s']:.2f} s, the last after {told['last_s']:.2f} s; "
            f"the server's processes used {100 * told['server_cpu_share']:.0f} % of a core meanwhile"
        )
    total = {key: sum(end[key] for end in ends) for key in ends[0]}
    print(
        f"{total['looks']:,} looks, {total['downloads']:,} downloads, {total['failures']} failed looks; "
        f"{total['decisions']:,} decisions, {total['errors']} errors, {total['undelivered']} deciders with rows left; "
        f"{total['cpu_s']:.1f} s of CPU in the deciders' processes"
    )
    worst_s = max(told["last_s"] for told in rounds)
    n_failed = total["failures"] + total["errors"]
    is_met = worst_s <= poll_s and n_failed == 0
    print(f"{'met   ' if is_met else 'MISSED'} all within {poll_s:g} s: {worst_s:.2f} s; none fails: {n_failed} failed")


def hold(url: str, folder: Path, *, n: int, poll_s: float) -> None:
    """Hold n deciders; for each line with a model, tell when each came to be on it. Runs in a process of its own."""
    deciders = [Decider.from_url(url, spool=folder / str(i), poll_s=poll_s) for i in range(n)]
    print("ready", flush=True)
    n_decisions = n_errors = 0
    for line in sys.stdin:
        if line == "end\n":
            break
        since: dict[int, float] = {}
        turn = 0
        while len(since) < n:
            now = time.time()
            for place, decider in enumerate(deciders):
                if place not in since and decider.model == line.strip():
                    since[place] = now
            for _ in range(max(1, round(n * _LOOK_S / poll_s))):
                turn = (turn + 1) % n
                try:
                    deciders[turn].decide(CONTEXT)
                    n_decisions += 1
                except Exception:  # noqa: BLE001 - whatever it is, it is what is counted here
                    n_errors += 1
            time.sleep(_LOOK_S)
        print(json.dumps(list(since.values())), flush=True)
    n_undelivered = sum(not decider.flush() for decider in deciders)
    counts = [decider.counts() for decider in deciders]
    used = resource.getrusage(resource.RUSAGE_SELF)
    told = {key: sum(one[key] for one in counts) for key in ("looks", "downloads", "failures")}
    told |= {"decisions": n_decisions, "errors": n_errors, "undelivered": n_undelivered}
    print(json.dumps(told | {"cpu_s": used.ru_utime + used.ru_stime}), flush=True)
    os._exit(0)  # closing a thousand deciders one by one is not what is measured


def promote(deployment: Deployment, model: str) -> None:
    """Let a model decide; from the begin of this on, the time counts."""
    deployment.registry.promote_by_person("bench", model, why="to be measured")


def trained_model(deployment: Deployment, *, seed: int) -> str:
    """A new model, not live yet; its digest."""
    spec = read_spec(LOOP)
    rng = np.random.default_rng(seed)
    n, k = 2000, len(LABELS)
    numbers = rng.normal(size=(n, 10))
    names = np.array(["a", "b", "c", "d"])[rng.integers(4, size=(n, 2))]
    examples = examples_of_chance(
        [
            {f"n{i}": float(v) for i, v in enumerate(row)} | {f"c{i}": str(v) for i, v in enumerate(own)}
            for row, own in zip(numbers, names, strict=True)
        ],
        k,
        rng,
    )
    trained = train(examples, spec, seed=seed, parent=None, snapshot={}, code_version="benchmark")
    return deployment.registry.publish(trained.manifest, trained.tensors)


def started(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    """`policyloop up` on a free port, when it answers, and the address of the model."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    up = subprocess.Popen([sys.executable, "-m", "policyloop", "up", "--port", str(port)], cwd=folder, stdout=sys.stderr)
    deadline_s = time.monotonic() + _PATIENT_S
    while True:
        assert up.poll() is None and time.monotonic() < deadline_s, "policyloop up does not start"
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=1):
                return up, f"http://127.0.0.1:{port}/v1/loops/bench/models/latest"
        except OSError:
            time.sleep(0.1)


def holder(url: str, folder: Path, n: int, poll_s: float) -> subprocess.Popen[str]:
    """A process with n deciders."""
    command = [sys.executable, __file__, "--deciders", str(n), "--poll-s", str(poll_s), "--inside", url, str(folder)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def cpu_of_children_s(parent: int) -> float:
    """CPU seconds that the living children of a process have used, by /proc."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
