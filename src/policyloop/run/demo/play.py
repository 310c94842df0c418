"""The demo played: a warm start, rounds of decisions over HTTP, and between them the loop improving itself.

Question answered: does the whole loop run on real data, and what does it earn? Nothing here steers the loop but the
first `train now`: after each round the demo waits until the loop has joined, trained and judged by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from policyloop.client import Client
from policyloop.core.settings import Home
from policyloop.run.demo.client_app import ClientApp
from policyloop.run.demo.deployment import LOOP, DemoFailed, document_of, running, write_project
from policyloop.run.demo.loop_api import LoopApi
from policyloop.run.demo.story import Round, Story
from policyloop.run.deployment import open_deployment
from policyloop.simulate.dataset import Dataset

_PATIENCE_S = 120.0  # for one join, training and look of the gate
_LOOK_EVERY_S = 0.05
_SHORT = 8  # letters of a digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long the demo is."""

    warm_start: int = 100
    rounds: int = 15
    batch_size: int = 500
    seed: int = 0

    @property
    def n_decisions(self) -> int:
        """All of them, the warm start included."""
        return self.warm_start + self.rounds * self.batch_size


def play(data: Dataset, plan: Plan, folder: Path, *, on_decision: Callable[[], None]) -> Story:
    """Play the demo in a folder; its deployment stays there to be looked at.

    Raises:
        DemoFailed: the processes did not start, learn or end as they should.
    """
    began_s = time.monotonic()
    write_project(folder, document_of(data, rows_per_round=plan.batch_size))
    rows = np.random.default_rng(plan.seed).integers(len(data.label), size=plan.n_decisions)
    with running(folder) as url, Client(url) as client:
        app, api = ClientApp(client, LOOP, data), LoopApi(url, LOOP)
        rounds, rewards, changes = _rounds(app, api, rows, plan, on_decision)
    return Story(
        data=data.name,
        rewards=rewards,
        rounds=rounds,
        changes=changes,
        greedy_value=_greedy_value(folder, data),
        oracle=1.0,
        majority=data.majority,
        random=1.0 / len(data.labels),
        seconds=time.monotonic() - began_s,
    )


def _rounds(
    app: ClientApp, api: LoopApi, rows: NDArray[np.int64], plan: Plan, on_decision: Callable[[], None]
) -> tuple[list[Round], NDArray[np.float64], list[tuple[int, str]]]:
    """All rounds, the rewards after the warm start, and the changes of model."""
    rounds, rewards, changes = [], [], []
    played = 0
    for number in range(plan.rounds + 1):
        size = plan.batch_size if number else plan.warm_start
        reward, served_by = app.play(rows[played : played + size].tolist(), on_decision=on_decision)
        played += size
        verdict = _learned(api, played, is_first=number == 0)
        if verdict["verdict"] == "PROMOTE":
            changes.append((played - plan.warm_start, verdict["model"]))
            _wait_until_served(api, verdict["model"])
        rounds.append(_round(number, reward, served_by, verdict))
        if number:
            rewards.append(reward)
    return rounds, np.concatenate(rewards), changes


def _learned(api: LoopApi, n: int, *, is_first: bool) -> dict[str, Any]:
    """Wait until the loop has seen n decisions, trained and judged; answers the verdict."""
    _wait(lambda: api.status()["n_examples"] >= n, f"{n:,} examples to be joined")
    if is_first:
        api.train_now()

    def trained() -> bool:
        job = api.status()["last_job"]
        if job is None or job["n_examples"] < n:
            return False
        if job["state"] == "failed":
            raise DemoFailed(f"a training failed: {job['message']}")
        return bool(job["state"] == "done")

    _wait(trained, "a model to be trained and judged")
    verdict: dict[str, Any] = api.status()["last_verdict"]["body"]
    return verdict


def _wait_until_served(api: LoopApi, model: str) -> None:
    _wait(lambda: bool(api.status()["loop"]["serving"] == model), "the new model to serve")


def _wait(holds: Callable[[], bool], what: str) -> None:
    deadline_s = time.monotonic() + _PATIENCE_S
    while not holds():
        if time.monotonic() > deadline_s:
            raise DemoFailed(f"waited {_PATIENCE_S:.0f} s for {what}; server.log in the demo's folder may tell why.")
        time.sleep(_LOOK_EVERY_S)


def _round(number: int, reward: NDArray[np.float64], served_by: set[str], verdict: dict[str, Any]) -> Round:
    estimate = verdict["estimates"].get("challenger")
    low = high = value = None
    if estimate is not None and estimate["stderr"] is not None:
        value, half = estimate["value"], 1.96 * estimate["stderr"]
        low, high = value - half, value + half
    return Round(
        number=number,
        n=len(reward),
        reward=float(reward.mean()),
        served_by=", ".join(sorted(policy[:_SHORT] for policy in served_by)),
        model=verdict["model"][:_SHORT],
        estimate=value,
        low=low,
        high=high,
        verdict=verdict["verdict"],
        reason=" ".join(r["sentence"] for r in verdict["reasons"] if r["verdict"] == verdict["verdict"] and r["sentence"]),
    )


def _greedy_value(folder: Path, data: Dataset) -> float:
    """What the final champion earns on the whole table, without exploration."""
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        champion = deployment.registry.standing(LOOP).champion
        if champion is None:
            return 1.0 / len(data.labels)
        policy = deployment.registry.load(LOOP, champion).policy().greedy()
    allowed = np.ones((len(data.label), len(data.labels)), dtype=bool)
    pmf = policy.probabilities_of_many(data.contexts, allowed)
    return float(pmf[np.arange(len(data.label)), data.label].mean())
