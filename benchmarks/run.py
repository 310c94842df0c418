"""Every measured number, one command after another on an otherwise idle machine, written down in RESULTS.md.

Run: make bench (POLICYLOOP_DEMO_DATA names the shuttle table; without it its rows are left out)
     python benchmarks/run.py NAME ... measures some, and leaves the others' results as they are.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"

# name -> title, arguments; what follows a hyphen in a name tells two runs of one command apart
BENCHMARKS: dict[str, tuple[str, list[str]]] = {
    "tables": ("What a loop earns on tables whose right answers are known", []),
    "learner": ("linear beside Vowpal Wabbit's command line", []),
    "learners": ("boosted and automatic beside linear and vw", ["--seeds", "1"]),
    "learners-shuttle": (
        "boosted and automatic on shuttle, five seeds",
        ["--tables", "shuttle", "--learners", "linear,boosted,automatic"],
    ),
    "estimators": ("All estimators on a million examples of ten actions", []),
    "decide_in_process": ("One decision in process, the log left out", []),
    "network": ("One state through a network, by ONNX and in a decision", []),
    "candidates": ("One decision among candidates", []),
    "any_json": ("Any JSON beside declared fields", []),
    "decide_numbers": ("One decision that is a number beside one over labels, the log left out", []),
    "numbers_over_http": ("A decision that is a number over HTTP, beside one over labels", ["--seconds", "10"]),
    "over_http": ("/decide over HTTP", ["--seconds", "10"]),
    "personalizer": ("A rank of the Personalizer endpoint beside /decide", ["--seconds", "5"]),
    "edge": ("A model published while a thousand deciders at the edge poll", ["--deciders", "1000", "--poll-s", "10"]),
    "logcheck": ("Faults of the logged propensities found (G3)", []),
    "log_throughput": ("The log", ["3"]),
    "join": ("The join of a million decisions", []),
    "history": ("A history of 1.4 million steps, from columns to transitions, arrays and answers", []),
    "rollback": ("A roll-back under load, until every server process follows", ["--rounds", "20"]),
    "cartpole": ("The cart-pole from raw history to ONNX, three seeds", []),
    "d3rlpy_beside": ("Learners of episodes beside d3rlpy", ["--updates", "2000"]),
    "d3rlpy_beside-seeds": (
        "cql and td3_bc beside d3rlpy, four seeds",
        ["--updates", "500", "--tasks", "cartpole", "--learners", "cql,td3_bc", "--seeds", "4"],
    ),
    "gate": ("The gate in worlds whose truth is known", []),
    "episode_gate": ("The gate of episodes on the cart-pole", []),
    "sequences": ("Estimators of whole episodes against exact values", []),
}
LIBRARIES = (
    *("numpy", "duckdb", "deltalake", "pyarrow", "msgspec", "uvicorn", "uvloop", "fastapi", "vowpalwabbit"),
    *("jax", "onnxruntime", "lightgbm"),
)


def main(names: list[str]) -> None:
    """Run what is asked for, or all, and write the paper."""
    for name in names or BENCHMARKS:
        measured = section(name)
        known = {**sections(RESULTS.read_text(encoding="utf-8")), name: measured}  # another run may have written meanwhile
        RESULTS.write_text(head() + "\n".join(known[one] for one in BENCHMARKS if one in known), encoding="utf-8")
        print(f"{name} is measured", flush=True)


def sections(paper: str) -> dict[str, str]:
    """By benchmark, what the paper says of it."""
    found = {}
    for name, (title, _) in BENCHMARKS.items():
        _, start, rest = paper.partition(f"\n## {title}\n")
        if start:
            found[name] = start.lstrip("\n") + rest[: rest.index("\n```\n", rest.index("\n```\n") + 1) + len("\n```\n")]
    return found


def head() -> str:
    """What was measured on what."""
    return f"""# Results

Written by `make bench`; each section says when it was measured and by which command. CPU time is told beside wall time,
because the machine is shared: what a neighbour takes shows in the wall time first. A demanded number that is missed is
said to be missed.

Policyloop {version("policyloop")}, Python {platform.python_version()}, {platform.system()} {platform.machine()},
{processor()}, {os.cpu_count()} cores.
{", ".join(f"{name} {version(name)}" for name in LIBRARIES)}.
A keyed hash, the smallest step of a decision, takes {hash_us():.2f} us of CPU on this machine.

"""


def section(name: str) -> str:
    """One benchmark, run now."""
    title, arguments = BENCHMARKS[name]
    began_s = time.monotonic()
    script = f"{name.partition('-')[0]}.py"
    command = [sys.executable, str(HERE / script), *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    took_s = time.monotonic() - began_s
    told = " ".join(["python", f"benchmarks/{script}", *arguments])
    return f"## {title}\n\n{datetime.now(UTC):%Y-%m-%d}, `{told}`, {took_s:.0f} s\n\n```\n{done.stdout.rstrip()}\n```\n"


def processor() -> str:
    """The processor's name, where the system tells."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor())


def hash_us(n: int = 200_000) -> float:
    """Microseconds of CPU for one BLAKE2b of 64 bytes: what the machine's figures can be compared by."""
    data, key = bytes(64), bytes(32)
    best = float("inf")
    for _ in range(5):
        began_s = time.process_time()
        for _ in range(n):
            hashlib.blake2b(data, digest_size=8, key=key).digest()
        best = min(best, time.process_time() - began_s)
    return best / n * 1e6


if __name__ == "__main__":
    main(sys.argv[1:])
