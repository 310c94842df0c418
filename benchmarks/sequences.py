"""Estimators of whole episodes against exact values, on the inventory and the grid world.

Question answered: do FQE and the doubly robust estimator put twenty policies into their true order, and how much is lost by
choosing the one that they put first? Truth comes from the linear system, not from episodes. The history is the environment's
own: half of it is random, the other half a careless (s, S), or the optimum.
Run: python benchmarks/sequences.py [--episodes 2000] [--seeds 3] [--json]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from policyloop.core import plugins
from policyloop.evaluate.fitted_q import cross_judged
from policyloop.evaluate.sequence_report import ESTIMATORS
from policyloop.evaluate.sequences import ratios
from policyloop.evaluate.target import target_of_labels
from policyloop.simulate.environment import actor_of, open_environment
from policyloop.simulate.environments.gridworld import GridWorld
from policyloop.simulate.environments.inventory import Inventory
from policyloop.simulate.history import play

N_POLICIES = 20
LEAST_CORRELATION, MOST_REGRET = 0.9, 0.05
DEMANDED = ("fqe", "dr")
SHOWN = ("fqe", "dr", "weighted_dr", "per_decision", "weighted_per_decision")

Table = NDArray[np.float64]


def policies_of(environment: Inventory | GridWorld, rng: np.random.Generator) -> list[Table]:
    """(s, k) each: from nearly random to nearly the best, by way of what is good and what is bad."""
    truth = environment.truth
    values = truth.values(np.full(truth.reward.shape, 1 / truth.reward.shape[1]))
    q = truth.action_values(truth.values(np.eye(truth.reward.shape[1])[truth.best()]))
    made = []
    for i in range(N_POLICIES):
        goal = q if i % 2 else truth.action_values(values)
        noise = rng.normal(size=q.shape) * q.std() * rng.uniform(0, 0.5)
        warmth = q.std() * float(np.geomspace(0.3, 10, N_POLICIES)[i])
        scores = (goal + noise) / warmth
        pmf = np.exp(scores - scores.max(axis=1, keepdims=True))
        made.append(pmf / pmf.sum(axis=1, keepdims=True))
    return made


def places(environment: Inventory | GridWorld, state: NDArray[np.float32]) -> NDArray[np.intp]:
    """(n,) the number of every state in the tables."""
    return environment.cell(state) if isinstance(environment, GridWorld) else state[:, 0].astype(np.intp)


def measured(name: str, *, episodes: int, seed: int) -> dict[str, dict[str, float]]:
    """Rank correlation and regret by estimator, of one history."""
    environment = open_environment(name)
    assert isinstance(environment, Inventory | GridWorld)
    history = play(environment, actor_of(environment, "history"), n_episodes=episodes, seed=seed).to_transitions()
    policies = policies_of(environment, np.random.default_rng(seed))
    true = np.array([environment.truth.value(policy) for policy in policies])
    told: dict[str, list[float]] = {estimator: [] for estimator in SHOWN}
    for policy in policies:
        target = target_of_labels(lambda state, policy=policy: policy[places(environment, state)], history)
        sequences = cross_judged(history, target, ratio=ratios(history, target), model="tabular")
        for estimator in SHOWN:
            told[estimator].append(plugins.load(ESTIMATORS, estimator).estimate(sequences).value)
    return {estimator: _held_against(np.array(values), true) for estimator, values in told.items()}


def _held_against(estimated: NDArray[np.float64], true: NDArray[np.float64]) -> dict[str, float]:
    known = np.nan_to_num(estimated, nan=-1e300)
    chosen = true[int(known.argmax())]
    return {
        "correlation": float(spearmanr(known, true).statistic),
        "regret": float((true.max() - chosen) / (true.max() - true.min())),
        "error": float(np.median(np.abs(known - true)) / (true.max() - true.min())),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    results = {}
    for name in ("inventory", "gridworld"):
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        found = [measured(name, episodes=asked.episodes, seed=seed) for seed in range(asked.seeds)]
        took = (time.perf_counter() - wall_s, time.process_time() - cpu_s)
        results[name] = {estimator: _over_seeds([one[estimator] for one in found]) for estimator in SHOWN}
        if not asked.json:
            _print(name, results[name], asked.episodes, asked.seeds, took)
    if asked.json:
        print(json.dumps(results, indent=2))


def _over_seeds(found: list[dict[str, float]]) -> dict[str, float]:
    """The worst of the demanded numbers, the median of the error."""
    return {
        "worst_correlation": min(one["correlation"] for one in found),
        "worst_regret": max(one["regret"] for one in found),
        "median_error": statistics.median(one["error"] for one in found),
    }


def _print(name: str, found: dict[str, dict[str, float]], episodes: int, seeds: int, took: tuple[float, float]) -> None:
    print(f"{name}: {N_POLICIES} policies, {episodes:,} episodes of history, worst of {seeds} seeds")
    print("| estimator | rank correlation | regret, of the range | median error, of the range |")
    print("|---|---|---|---|")
    for estimator, numbers in found.items():
        is_met = numbers["worst_correlation"] >= LEAST_CORRELATION and numbers["worst_regret"] <= MOST_REGRET
        verdict = (" met" if is_met else " MISSED") if estimator in DEMANDED else ""
        print(
            f"| {estimator}{verdict} | {numbers['worst_correlation']:.3f} | {100 * numbers['worst_regret']:.1f} % | "
            f"{100 * numbers['median_error']:.1f} % |"
        )
    print(f"demanded of fqe and dr: at least {LEAST_CORRELATION:g}, at most {100 * MOST_REGRET:g} %")
    print(f"{took[0]:.1f} s of wall time, {took[1]:.1f} s of CPU time\n")


if __name__ == "__main__":
    main()
