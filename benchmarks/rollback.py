"""A roll-back under load: how long after the verdict's row does every server process decide with the earlier model?

Question answered: is a bad model out of the traffic within a second? A real `policyloop up` on loopback, asked over some
connections without a pause; the roll-back is one write. Each server process logs under a name of its own, so the tables tell
when each one decided by the earlier model for the first time, and by the one rolled back for the last.
Run alone on the machine: `python benchmarks/rollback.py --rounds 20`.
"""

from __future__ import annotations

import argparse
import http.client
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc
from edge import CONTEXT, LOOP, SETTINGS, cpu_of_children_s, started, trained_model

from policyloop.core.settings import read_settings
from policyloop.core.spec_file import read_spec
from policyloop.lake.schema import DECISIONS
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import Deployment, open_deployment

N_CONNECTIONS = 16
DEMANDED_S = 1.0
_PAUSE_S = 0.005  # of a connection between two decisions
_SETTLED_S = 1.5  # until all servers follow a change, many times over


def main() -> None:
    """One deployment, and as many roll-backs as rounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "policyloop.yaml").write_text(SETTINGS, encoding="utf-8")
        with open_deployment(read_settings(folder, {}).home) as deployment:
            deployment.registry.apply(read_spec(LOOP))
            good = trained_model(deployment, seed=0)
            bad = [trained_model(deployment, seed=1 + i) for i in range(asked.rounds)]
            deployment.registry.promote_by_person("bench", good, why="to be measured")
            up, url = started(folder)
            try:
                load = Load(urlsplit(url).netloc)
                began_s, before_cpu_s = time.monotonic(), cpu_of_children_s(up.pid)
                rolled_back = [roll_back(deployment, model) for model in bad]
                cpu_share = (cpu_of_children_s(up.pid) - before_cpu_s) / (time.monotonic() - began_s)
                n_answers, n_failed = load.end()
            finally:
                up.terminate()
                up.wait(60)
            with ship_by_hand(deployment) as is_ours:
                assert is_ours, "the worker of `policyloop up` is gone"
            decisions = deployment.lake.rows(DECISIONS, columns=["writer", "decided_at", "policy"])
        show(decisions, good, bad, rolled_back, told=f"{n_answers:,} answers, {n_failed} failed", cpu_share=cpu_share)


def roll_back(deployment: Deployment, model: str) -> tuple[int, float]:
    """Promote a model, let all servers follow, roll it back; when the row was written, microseconds, and what it took, s."""
    registry = deployment.registry
    registry.promote_by_person("bench", model, why="to be rolled back")
    time.sleep(_SETTLED_S)
    began_s = time.monotonic()
    registry.roll_back_by_person("bench", why="to be measured")
    took_s = time.monotonic() - began_s
    time.sleep(_SETTLED_S)
    return registry.verdicts("bench", limit=1)[0].at, took_s


def show(
    decisions: pa.Table, good: str, bad: list[str], rolled_back: list[tuple[int, float]], *, told: str, cpu_share: float
) -> None:
    """The numbers, and whether the target is met."""
    writers = sorted(decisions["writer"].unique().to_pylist())
    first_s, last_s = [], []
    for model, (at, _) in zip(bad, rolled_back, strict=True):
        until = at + int(_SETTLED_S * 1e6)
        for writer in writers:
            its = decisions.filter(pc.equal(decisions["writer"], writer))
            after = its.filter(pc.and_(pc.greater_equal(its["decided_at"], at), pc.less(its["decided_at"], until)))
            by_good = pc.min(after.filter(pc.equal(after["policy"], good))["decided_at"]).as_py()
            by_bad = pc.max(after.filter(pc.equal(after["policy"], model))["decided_at"]).as_py()
            assert by_good is not None, "a server process never came back to the earlier model"
            first_s.append((by_good - at) / 1e6)
            last_s.append(0.0 if by_bad is None else (by_bad - at) / 1e6)
    write_ms = 1000 * statistics.median(took_s for _, took_s in rolled_back)
    print(
        f"{len(bad)} roll-backs, {len(writers)} server processes, {N_CONNECTIONS} connections, {told}; the servers used "
        f"{100 * cpu_share:.0f} % of a core"
    )
    print(f"the write takes {write_ms:.1f} ms (median)")
    print(
        f"from the verdict's row to a process's first decision by the earlier one: median {statistics.median(first_s):.3f} s, "
        f"slowest {max(first_s):.3f} s"
    )
    print(
        f"to its last decision by the model rolled back: median {statistics.median(last_s):.3f} s, slowest {max(last_s):.3f} s"
    )
    worst_s = max(*first_s, *last_s)
    print(f"{'met   ' if worst_s <= DEMANDED_S else 'MISSED'} every process within {DEMANDED_S:g} s: {worst_s:.3f} s")


class Load:
    """Connections that ask for one decision after another."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._stopping = threading.Event()
        self._answers = [0] * N_CONNECTIONS
        self._failures = [0] * N_CONNECTIONS
        self._threads = [threading.Thread(target=self._ask, args=(i,)) for i in range(N_CONNECTIONS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> tuple[int, int]:
        """Stop; how many answers there were, and how many of them were none."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        return sum(self._answers), sum(self._failures)

    def _ask(self, place: int) -> None:
        connection = http.client.HTTPConnection(self._address, timeout=10)
        body = json.dumps({"context": CONTEXT})
        while not self._stopping.wait(_PAUSE_S):
            connection.request("POST", "/v1/loops/bench/decide", body, {"content-type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self._answers[place] += 1
            self._failures[place] += answer.status != 200
        connection.close()


if __name__ == "__main__":
    main()
