"""`linear` beside Vowpal Wabbit's command line: examples trained per CPU second, and how well both decide while they learn.

Question answered: on one log of uniform decisions on the shuttle table (POLICYLOOP_DEMO_DATA, else scikit-learn's digits),
how many examples does each learn per CPU second, and how often would each, being greedy, have been wrong about an
example just before it learned it? Both learn from the same standardised numbers, Vowpal Wabbit from text, with
`--cb_explore_adf -q sa`; what an empty run of it costs (Python's start) is taken off its time. `linear` is measured twice:
the learner alone, from numbers to a model, and with all that training does before, from the log's JSON contexts. Being
wrong is told by the table, not estimated. `linear` is asked every 100 examples, which is no help to it; Vowpal Wabbit at
every one. Everything runs on one thread.
Run: POLICYLOOP_DEMO_DATA=shuttle.trn python benchmarks/learner.py [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from policyloop.core.example import ExampleBatch
from policyloop.core.spec_file import read_spec
from policyloop.learn.learners import linear
from policyloop.policy.features import Encoder
from policyloop.simulate.dataset import Dataset, digits, read

ROUNDS = 7  # the best counts: a shared machine only adds
ASKED_EVERY = 100
SEED = 77


class Log:
    """Uniform decisions on the rows of a table, in a shuffled order."""

    def __init__(self, data: Dataset) -> None:
        rng = np.random.default_rng(SEED)
        rows = rng.permutation(len(data.label))
        self.name = data.name
        self.k = len(data.labels)
        self.fields = read_spec({"loop": "log", **data.document}).context
        self.lines = [msgspec.json.encode(data.contexts[i]) for i in rows]
        self.label = data.label[rows]
        self.action = rng.integers(self.k, size=len(rows))
        self.reward = (self.action == self.label).astype(np.float64)

    def batch(self, features: NDArray[np.float64], start: int = 0) -> ExampleBatch:
        """The examples from `start` on that these features belong to."""
        part = slice(start, start + len(features))
        n = len(features)
        return ExampleBatch(
            features=features,
            allowed=np.ones((n, self.k), dtype=bool),
            action=self.action[part],
            reward=self.reward[part],
            propensity=np.full(n, 1 / self.k),
            decided_at=np.arange(part.start, part.start + n, dtype=np.int64),
        )


def new_learner(log: Log, encoder: Encoder) -> linear.LinearLearner:
    """`linear` with its defaults."""
    rng = np.random.default_rng(SEED)
    return linear.create(n_actions=log.k, n_features=encoder.n_features, rng=rng, reward_default=0.0)


def linear_cpu_s(log: Log) -> tuple[float, float]:
    """CPU seconds from numbers to a model, and from the log's JSON to a model."""
    began_s = time.process_time()
    contexts = [msgspec.json.decode(line) for line in log.lines]
    encoder = Encoder.fit(log.fields, contexts)
    batch = log.batch(encoder.encode_many(contexts))
    encoded_s = time.process_time()
    learner = new_learner(log, encoder)
    learner.learn(batch)
    learner.reward_model()
    end_s = time.process_time()
    return end_s - encoded_s, end_s - began_s


def linear_loss(log: Log) -> float:
    """Share of examples that the greedy policy was wrong about before it learned them."""
    contexts = [msgspec.json.decode(line) for line in log.lines]
    n, wrong, next_fit = len(contexts), 0, 0
    encoder, learner = None, None
    for start in range(0, n, ASKED_EVERY):
        stop = min(start + ASKED_EVERY, n)
        if encoder is None or learner is None or start >= next_fit:  # means and spreads of what came before, as in a loop
            encoder = Encoder.fit(log.fields, contexts[:start])
            learner = new_learner(log, encoder)
            learner.learn(log.batch(encoder.encode_many(contexts[:start])))
            next_fit = max(2 * start, ASKED_EVERY)
        features = encoder.encode_many(contexts[start:stop])
        best = learner.reward_model().predict(features).mean.argmax(axis=1)
        wrong += int((best != log.label[start:stop]).sum())
        learner.learn(log.batch(features, start))
    return wrong / n


def write_vw(log: Log, file: Path) -> None:
    """The same log in Vowpal Wabbit's text: the numbers that `linear` learns from, costs for rewards."""
    contexts = [msgspec.json.decode(line) for line in log.lines]
    features = Encoder.fit(log.fields, contexts).encode_many(contexts)[:, 1:]  # it has a constant of its own
    probability = 1 / log.k
    with file.open("w", encoding="utf-8") as out:
        for row, action, reward in zip(features.tolist(), log.action.tolist(), log.reward.tolist(), strict=True):
            out.write("shared |s " + " ".join(f"f{j}:{value:.6g}" for j, value in enumerate(row)) + "\n")
            for index in range(log.k):
                label = f"0:{-reward:g}:{probability:.6f} " if index == action else ""
                out.write(f"{label}|a a{index}\n")
            out.write("\n")


def vw_cpu_s(file: Path, *more: str) -> float:
    """CPU seconds of one run over a file."""
    options = ["--cb_explore_adf", "--epsilon", "0", "-q", "sa", "--quiet", "-d", str(file), *more]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "vowpalwabbit", *options], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def vw_loss(log: Log, file: Path, predictions: Path) -> float:
    """As `linear_loss`, by the probabilities that it gave before it learned each example."""
    vw_cpu_s(file, "-p", str(predictions))
    lines = [line for line in predictions.read_text(encoding="utf-8").splitlines() if line.strip()]
    right = 0.0
    for line, label in zip(lines, log.label.tolist(), strict=True):
        probability = dict(entry.split(":") for entry in line.split(","))
        right += float(probability.get(str(label), 0.0))
    return 1 - right / len(lines)


def measured() -> dict[str, float | str]:
    """All figures."""
    named = os.environ.get("POLICYLOOP_DEMO_DATA")
    data = read(Path(named)).without_rare(0.0005) if named else digits()
    log = Log(data)
    n = len(log.label)
    with tempfile.TemporaryDirectory() as folder:
        file, empty = Path(folder) / "log.vw", Path(folder) / "empty.vw"
        write_vw(log, file)
        empty.write_text("", encoding="utf-8")
        start_s = min(vw_cpu_s(empty) for _ in range(ROUNDS))
        vw_s = min(vw_cpu_s(file) for _ in range(ROUNDS)) - start_s
        loss_of_vw = vw_loss(log, file, Path(folder) / "predictions")
    runs = [linear_cpu_s(log) for _ in range(ROUNDS)]
    linear_s, from_json_s = min(run[0] for run in runs), min(run[1] for run in runs)
    return {
        "log": f"{log.name}, {n:,} uniform decisions",
        "linear_per_cpu_s": n / linear_s,
        "linear_from_json_per_cpu_s": n / from_json_s,
        "vw_per_cpu_s": n / vw_s,
        "ratio": vw_s / linear_s,
        "ratio_from_json": vw_s / from_json_s,
        "linear_loss": linear_loss(log),
        "vw_loss": loss_of_vw,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    as_json = parser.parse_args().json
    with threadpool_limits(1):
        found = measured()
    if as_json:
        print(json.dumps(found))
        return
    print(found["log"])
    print(f"{'':20}{'examples per CPU s':>20}{'progressive loss':>20}")
    print(f"{'Vowpal Wabbit':20}{found['vw_per_cpu_s']:>20,.0f}{found['vw_loss']:>20.4f}")
    print(f"{'linear':20}{found['linear_per_cpu_s']:>20,.0f}{found['linear_loss']:>20.4f}")
    print(f"{'linear, from JSON':20}{found['linear_from_json_per_cpu_s']:>20,.0f}{found['linear_loss']:>20.4f}")
    print(
        f"linear trains {found['ratio']:.1f} times as many examples per CPU second, from JSON {found['ratio_from_json']:.1f} "
        f"times; demanded are 10, at no greater loss."
    )


if __name__ == "__main__":
    main()
