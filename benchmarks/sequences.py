"""Estimators of whole episodes against exact values, on the inventory and the grid world; and models of fqe on the cart-pole.

Question answered: do FQE and the doubly robust estimator put twenty policies into their true order, and how much is lost by
choosing the one that they put first? Truth comes from the linear system, not from episodes. The history is the environment's
own: half of it is random, the other half a careless (s, S), or the optimum. On the cart-pole, where truth is what 100 episodes
return, the policies are checkpoints of a run of rebrac, and every model of the return that takes numbers is asked.
Run: python benchmarks/sequences.py [--episodes 2000] [--seeds 3] [--json]
Needs: pip install 'policyloop[rl]'
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from policyloop.core import plugins
from policyloop.evaluate.affordable import MOST_EPISODES
from policyloop.evaluate.fitted_q import cross_judged, fit, judged
from policyloop.evaluate.history import values_to_go
from policyloop.evaluate.sequence_report import ESTIMATORS
from policyloop.evaluate.sequences import ratios
from policyloop.evaluate.target import target_of_labels, target_of_numbers
from policyloop.learn.train import LEARNERS
from policyloop.simulate.actor import certain_of
from policyloop.simulate.environment import actor_of, open_environment
from policyloop.simulate.environments.gridworld import GridWorld
from policyloop.simulate.environments.inventory import Inventory
from policyloop.simulate.history import play

N_POLICIES = 20
LEAST_CORRELATION, MOST_REGRET = 0.9, 0.05
DEMANDED = ("fqe", "dr")
MODELS_OF_NUMBERS = ("linear", "trees", "network")
CHECKPOINTS = (300, 1500, 4000, 8000)  # updates
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


def of_checkpoints() -> dict[str, Any]:
    """On the cart-pole: what checkpoints return, what each model of the return expects of them, and in how many CPU seconds."""
    environment = open_environment("cartpole")
    actions = environment.problem.actions
    history = play(environment, actor_of(environment, "history"), n_episodes=1000, seed=5).to_transitions()
    held_out = history.to_evaluate_on(0.8)
    some = held_out.where(np.isin(held_out.episode, np.unique(held_out.episode)[:MOST_EPISODES]))
    learner = plugins.load(LEARNERS, "rebrac").create_episodic(
        history.to_learn_from(0.8), held_out, actions=actions, seed=0, width=128
    )
    true: list[float] = []
    told: dict[str, list[float]] = {model: [] for model in MODELS_OF_NUMBERS}
    cpu_s = dict.fromkeys(MODELS_OF_NUMBERS, 0.0)
    for at in CHECKPOINTS:
        learner.advance(at - learner.n_updates)
        policy = learner.policy()
        played = play(environment, certain_of(policy, actions), n_episodes=100, seed=99).to_transitions()
        true.append(float(values_to_go(played)[played.is_first].mean()))
        target = target_of_numbers(policy.act, some)
        for model in MODELS_OF_NUMBERS:
            began_s = time.process_time()
            value = judged(fit(some, target, model=model), some, target).state_value
            cpu_s[model] += (time.process_time() - began_s) / len(CHECKPOINTS)
            assert value is not None
            told[model].append(float(value[some.is_first].mean()))
    return {"updates": CHECKPOINTS, "true": true, "told": told, "cpu_s": cpu_s}


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
    checkpoints = of_checkpoints()
    if asked.json:
        print(json.dumps({**results, "cartpole": checkpoints}, indent=2))
    else:
        _print_checkpoints(checkpoints)


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


def _print_checkpoints(found: dict[str, Any]) -> None:
    print(f"cartpole: what is expected from the first states of {MOST_EPISODES} held-out episodes on, discounted")
    print("| updates of rebrac | truth | " + " | ".join(MODELS_OF_NUMBERS) + " |")
    print("|---|---|" + "---|" * len(MODELS_OF_NUMBERS))
    for at, true, *told in zip(found["updates"], found["true"], *found["told"].values(), strict=True):
        print(f"| {at:,} | {true:,.0f} | " + " | ".join(f"{value:,.0f}" for value in told) + " |")
    ranks = {model: spearmanr(values, found["true"]).statistic for model, values in found["told"].items()}
    told = [f"{model} {ranks[model]:.2f} in {found['cpu_s'][model]:.1f} s of CPU time each" for model in ranks]
    print(f"rank correlation: {', '.join(told)}")


if __name__ == "__main__":
    main()
