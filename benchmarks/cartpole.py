"""The cart-pole from raw history to ONNX: how good is the checkpoint that was chosen without a look at the environment?

Question answered: what does it return, played from the model and from the ONNX file; how much is lost beside the best
checkpoint of its run; and how long does all that take? It is the way of `policyloop demo cartpole`: 2,000 episodes of a clumsy
controller in a file, `import history`, `train`, `export onnx`. Each seed has a history and a process of its own, so that each
compiles what it needs. Not counted: that the history is simulated, and that checkpoints are played afterwards.
Run: python benchmarks/cartpole.py [--seeds 0,1,2] [--episodes 2000] [--played 100] [--json]
Needs: pip install 'policyloop[rl]'
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.interop.historian.prepare import prepare
from policyloop.interop.historian.reading import Reading
from policyloop.learn.offline import Checkpoint
from policyloop.run.apply import apply_spec
from policyloop.run.by_hand import join_by_hand, train_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.episodes import training_records
from policyloop.run.episodes.histories import bring_in
from policyloop.run.episodes.rollout import Plan, write_history
from policyloop.run.model_out import write_model
from policyloop.simulate.actor import POLICY, Actor, Certain, certain_of
from policyloop.simulate.environment import Environment, actor_of, open_environment
from policyloop.simulate.history import play

ENVIRONMENT = "cartpole"
MOST, LEAST, STRETCH = 10_500.0, 9_000.0, 11_000.0  # returns: of two in three seeds, of all; and of all, if we stretch
MOST_REGRET = 0.05  # of the range between the worst checkpoint and the best
MOST_S = 360.0
PLAYED_WITH = 99  # seed of the episodes that are played


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds of every part of the way, wall and CPU, in order."""

    wall_s: dict[str, float] = field(default_factory=dict)
    cpu_s: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Any:
        """Measure a block."""
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        yield
        self.wall_s[name] = time.perf_counter() - wall_s
        self.cpu_s[name] = time.process_time() - cpu_s


def measured(seed: int, *, episodes: int, played: int) -> dict[str, Any]:
    """The whole way with a history of its own."""
    environment = open_environment(ENVIRONMENT)
    clock, checkpoints = Clock(), []
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        simulated_s = time.perf_counter()
        history = write_history(
            Plan(environment=ENVIRONMENT, policy="history", n_episodes=episodes, seed=seed), folder / "history.parquet"
        )
        simulated_s = time.perf_counter() - simulated_s
        record = learned(environment, folder, clock, lambda one, state: checkpoints.append(one))
        chosen = int(record.choice["n_updates"])
        returns = {one.n_updates: of_actor(environment, certain(environment, one), played) for one in checkpoints}
        of_file = of_actor(environment, Certain(partial(asked, session(folder)), source=POLICY), played)
        difference = apart(environment, folder, next(one for one in checkpoints if one.n_updates == chosen))
    means = {n_updates: one["mean_return"] for n_updates, one in returns.items()}
    return {
        "seed": seed,
        "n_steps": history.n_steps,
        "history": {"mean_return": history.mean_return, "mean_steps": history.mean_steps, "full": history.share_full_length},
        "expert": of_actor(environment, actor_of(environment, "expert"), played),
        "chosen": {"n_updates": chosen, "by": record.choice["rule"], **returns[chosen]},
        "from_onnx": of_file,
        "last": returns[max(returns)],
        "best": {"n_updates": max(means, key=means.__getitem__), **returns[max(means, key=means.__getitem__)]},
        "regret": (max(means.values()) - means[chosen]) / (max(means.values()) - min(means.values())),
        "by_updates": means,
        "onnx_apart": difference,
        "simulated_s": simulated_s,
        **asdict(clock),
    }


def learned(
    environment: Environment, folder: Path, clock: Clock, on_checkpoint: Callable[[Checkpoint, Any], None]
) -> training_records.TrainingRecord:
    """From the file of a history to `model.onnx` beside it, and what is kept of the training."""
    spec = read_spec(environment.problem.loop_file())
    with open_deployment(Home(folder / "data")) as deployment:
        with clock.part("import"):
            apply_spec(deployment, spec)
            bring_in(deployment, spec, prepare(folder / "history.parquet", spec, Reading()).history)
            join_by_hand(deployment, spec)
        with clock.part("train and choose"):
            trained = train_by_hand(deployment, spec, on_checkpoint=on_checkpoint)
        assert trained is not None, "nobody else works in this folder"
        with clock.part("ONNX"):
            write_model(
                deployment, spec.loop, folder / "model.onnx", file_format="onnx", name=trained.model, is_stochastic=False
            )
        record = training_records.record_of(deployment.home, trained.model)
    assert record is not None, "a training run of episodes is kept"
    return record


def certain(environment: Environment, checkpoint: Checkpoint) -> Actor:
    """What a checkpoint does."""
    return certain_of(checkpoint.policy, environment.problem.actions)


def session(folder: Path) -> onnxruntime.InferenceSession:
    """The file, as any runtime reads it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(folder / "model.onnx"), options)


def asked(runtime: onnxruntime.InferenceSession, state: NDArray[Any]) -> NDArray[np.float64]:
    """(n, 1) what the file answers."""
    (action,) = runtime.run(["action"], {"state": state.astype(np.float32)})
    return np.asarray(action, np.float64)


def of_actor(environment: Environment, actor: Actor, n_episodes: int) -> dict[str, float]:
    """What it returns in episodes that are the same for all."""
    found = play(environment, actor, n_episodes=n_episodes, seed=PLAYED_WITH)
    return {
        "mean_return": float(found.returns.mean()),
        "stderr": float(found.returns.std(ddof=1) / np.sqrt(n_episodes)),
        "mean_steps": float(found.lengths.mean()),
        "full": found.share_full_length,
    }


def apart(environment: Environment, folder: Path, checkpoint: Checkpoint) -> float:
    """By how much the file's actions differ from the model's at most, in states that it comes through."""
    states = play(environment, certain(environment, checkpoint), n_episodes=5, seed=PLAYED_WITH).state.astype(np.float32)
    return float(np.abs(asked(session(folder), states) - checkpoint.policy.act(states)).max())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--played", type=int, default=100)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    one = partial(measured, episodes=given.episodes, played=given.played)
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as processes:
        results = processes.map(one, [int(seed) for seed in given.seeds.split(",")], chunksize=1)
    if given.json:
        print(json.dumps(results, indent=2))
        return
    show(results, given.played)


def show(results: list[dict[str, Any]], played: int) -> None:
    """Tables, and what was demanded."""
    learner = open_environment(ENVIRONMENT).problem.learner
    print(f"{learner}; mean return (standard error), mean steps and share of full length of {played} episodes")
    print("| seed | who | updates | mean return | steps | full length |")
    print("|---|---|---|---|---|---|")
    for one in results:
        for who in ("history", "expert", "chosen", "from_onnx", "last", "best"):
            print(row(one, who))
    print()
    print("| seed | regret, of the range | ONNX apart by at most | import | train and choose | ONNX | raw history to ONNX |")
    print("|---|---|---|---|---|---|---|")
    for one in results:
        parts = " | ".join(f"{one['wall_s'][part]:.1f} s ({one['cpu_s'][part]:.1f})" for part in one["wall_s"])
        print(
            f"| {one['seed']} | {100 * one['regret']:.1f} % | {one['onnx_apart']:.1e} | {parts} | "
            f"{sum(one['wall_s'].values()):.0f} s ({sum(one['cpu_s'].values()):.0f}) |"
        )
    print("seconds of wall time, of CPU time in brackets; the history was simulated before, in", end=" ")
    print(", ".join(f"{one['simulated_s']:.1f} s" for one in results))
    print()
    for told, is_met in demanded(results).items():
        print(f"{told}: {'met' if is_met else 'MISSED'}")


def row(one: dict[str, Any], who: str) -> str:
    """A line of the first table."""
    found = one[who]
    stderr = f" ({found['stderr']:.0f})" if "stderr" in found else ""
    return (
        f"| {one['seed']} | {who.replace('_', ' ')} | {found.get('n_updates', '')} | {found['mean_return']:,.0f}{stderr} | "
        f"{found['mean_steps']:.0f} | {100 * found['full']:.0f} % |"
    )


def demanded(results: list[dict[str, Any]]) -> dict[str, bool]:
    """What was to be reached, and whether it was."""
    returns = [one["chosen"]["mean_return"] for one in results]
    enough = -(-2 * len(returns) // 3)
    return {
        f"at least {MOST:,.0f} on two of three seeds": sum(value >= MOST for value in returns) >= enough,
        f"at least {LEAST:,.0f} on all": min(returns) >= LEAST,
        "every episode of full length": all(one["chosen"]["full"] == 1 for one in results),
        f"raw history to ONNX in at most {MOST_S:.0f} s": max(sum(one["wall_s"].values()) for one in results) <= MOST_S,
        f"regret of the choice at most {100 * MOST_REGRET:g} % of the range": max(one["regret"] for one in results)
        <= MOST_REGRET,
        f"as a stretch, at least {STRETCH:,.0f} on all": min(returns) >= STRETCH,
    }


if __name__ == "__main__":
    main()
