"""Learners of episodes beside d3rlpy: the same history, the same sizes and rates, the same number of updates, one run each.

Question answered: how many updates a second does each make, and what do the policies that they make earn? The other side runs
in an environment of its own, `.venv-d3rlpy`, which the first run makes: it takes minutes and 2 GB. It may use one thread or
all, whichever is quicker. 1,500 updates tell of speed, and of returns only where a few are enough; --updates 20000 tells more.
Run: python benchmarks/d3rlpy_beside.py [--updates N] [--tasks cartpole,pendulum] [--learners cql,iql] [--seeds N]
[--device cpu|cuda], which is where both sides learn; cuda needs pip install 'jax[cuda12]' too.
`best` is rebrac as it is by itself, beside what the others made. Needs: pip install 'policyloop[rl]'
Letters: n states, a numbers of an action.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jax
import numpy as np

from policyloop.core import plugins
from policyloop.core.episode import Transitions
from policyloop.learn.broken_rows import box_of
from policyloop.learn.train import LEARNERS
from policyloop.simulate.actor import EXPERT, Certain, certain_of
from policyloop.simulate.environment import Environment
from policyloop.simulate.history import play

HERE = Path(__file__).parent
THEIR_ENVIRONMENT = HERE.parent / ".venv-d3rlpy"
THEIR_PACKAGES = ("torch==2.13.0", "d3rlpy==2.8.1")
ALIKE = {"width": 256, "batch": 256, "learning_rate": 3e-4, "target_rate": 0.005}
# name -> settings of ours, settings of theirs, how many times as quick ours has to be
PAIRS = {
    "cql": (
        {"conservative_weight": 0.5, "n_samples": 4, "with_next": True, "temperature_rate": 1e-4},
        {"conservative_weight": 0.5, "n_action_samples": 4, "temp_learning_rate": 1e-4, "alpha_learning_rate": 0.0},
        2.0,
    ),
    "iql": ({}, {}, 4.0),
    "td3_bc": ({}, {}, 4.0),
    "rebrac": (
        {"actor_weight": 0.01, "critic_weight": 0.01, "layer_norm": False},
        {"actor_beta": 0.01, "critic_beta": 0.01},
        None,
    ),
}
HISTORIES = {"cartpole": ("history",), "pendulum": ("random", "learner", "history")}
N_EPISODES = {"cartpole": 300, "pendulum": 600}
N_PLAYED = 50
WARM = 20  # updates before the clock starts, in which ours is compiled


def main() -> None:
    """Every task, learner and seed."""
    asked = arguments()
    jax.config.update("jax_platforms", asked.device)
    print(
        f"{asked.updates:,} updates of batch {ALIKE['batch']}, networks 2 x {ALIKE['width']}, "
        f"learning rate {ALIKE['learning_rate']}; on {jax.devices()[0].device_kind}"
    )
    make_their_environment()
    for task in asked.tasks.split(","):
        environment = plugins.load("policyloop.simulate.environments", task).create()
        for seed in range(asked.seeds):
            compare(task, environment, asked.learners.split(","), asked.updates, seed, device=asked.device)


def arguments() -> argparse.Namespace:
    """What to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--updates", type=int, default=1500)
    parser.add_argument("--tasks", default=",".join(HISTORIES))
    parser.add_argument("--learners", default=",".join(PAIRS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    return parser.parse_args()


def make_their_environment() -> None:
    """Once; the version of everything else is left to the installer."""
    if not (THEIR_ENVIRONMENT / "bin" / "python").exists():
        subprocess.run([sys.executable, "-m", "venv", THEIR_ENVIRONMENT], check=True)
        subprocess.run([THEIR_ENVIRONMENT / "bin" / "pip", "install", "--quiet", *THEIR_PACKAGES], check=True)


def compare(task: str, environment: Environment, names: list[str], updates: int, seed: int, *, device: str) -> None:
    """One table: both sides of every learner, and ours at its best."""
    history = history_of(task, environment, seed)
    print(f"\n{task}, seed {seed}: {len(history):,} transitions, mean return {history.returns.mean():,.0f}")
    print(
        f"{'learner':10} {'ours/s':>8} {'theirs/s':>8} {'times':>6} {'per CPU s':>9} {'our return':>15} "
        f"{'their return':>15}         compiled"
    )
    for name in names:
        settings, others, times = PAIRS[name]
        ours = learn(environment, history, name, {**ALIKE, **settings}, updates, seed)
        theirs = learn_theirs(environment, history, name, others, updates, seed, device=device)
        quicker = rate(ours, "wall_s") / rate(theirs, "wall_s")
        missed = "" if times is None else f"  (demanded {times:g}: {'reached' if quicker >= times else 'MISSED'})"
        print(
            f"{name:10} {rate(ours, 'wall_s'):8.1f} {rate(theirs, 'wall_s'):8.1f} {quicker:6.2f} "
            f"{rate(ours, 'cpu_s') / rate(theirs, 'cpu_s'):9.2f} {told(ours)} {told(theirs)}{beside(ours, theirs)}  "
            f"{ours['compiled_s']:.1f} s{missed}",
            flush=True,
        )
    best = learn(environment, history, "rebrac", {"width": 128}, updates, seed)
    print(f"{'best':10} {rate(best, 'wall_s'):8.1f} {'':8} {'':6} {'':9} {told(best)}", flush=True)


def history_of(task: str, environment: Environment, seed: int) -> Transitions:
    """A mix of what the task's actors do, in equal parts."""
    parts = HISTORIES[task]
    played = [
        play(environment, environment.actors[name], n_episodes=N_EPISODES[task] // len(parts), seed=[seed, i]).to_transitions()
        for i, name in enumerate(parts)
    ]
    return stacked(played)


def stacked(parts: list[Transitions]) -> Transitions:
    """Episodes of several histories, one after the other."""
    starts = np.cumsum([0, *(part.n_episodes for part in parts[:-1])])
    columns = {}
    for name in Transitions.__slots__:
        values = [getattr(part, name) for part in parts]
        if isinstance(values[0], np.ndarray):
            columns[name] = np.concatenate(
                [value + start for value, start in zip(values, starts, strict=True)] if name == "episode" else values
            )
    return Transitions(**columns, discount=parts[0].discount)


def learn(environment: Environment, history: Transitions, name: str, settings: dict, updates: int, seed: int) -> dict:
    """Ours: seconds and returns."""
    actions = environment.problem.actions
    plugin = plugins.load(LEARNERS, name)
    learner = plugin.create_episodic(history, history.to_evaluate_on(1.0), actions=actions, seed=seed, **settings)
    began_s = time.perf_counter()
    learner.advance(WARM)
    compiled_s = time.perf_counter() - began_s
    began_s, cpu_s = time.perf_counter(), time.process_time()
    learner.advance(updates - WARM)
    took = {"n": updates - WARM, "wall_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s}
    played = play(environment, certain_of(learner.policy(), actions), n_episodes=N_PLAYED, seed=99)
    return {**took, "compiled_s": compiled_s, "returns": played.returns}


def learn_theirs(
    environment: Environment, history: Transitions, name: str, others: dict, updates: int, seed: int, *, device: str
) -> dict:
    """Theirs, in a process and an environment of its own; played here, by the same code as ours."""
    center, half = box_of(environment.problem.actions)
    asked = {**ALIKE, "name": name, "seed": seed, "updates": updates, "discount": history.discount, "theirs": others}
    asked["device"] = f"{device}:0"
    with tempfile.TemporaryDirectory() as kept:
        folder = Path(kept)
        (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
        np.savez(
            folder / "history.npz",
            state=history.state,
            action=(history.action_value - center) / half,
            reward=history.reward / np.abs(history.reward).max(),
            terminated=history.terminated,
            truncated=history.truncated,
        )
        child = [THEIR_ENVIRONMENT / "bin" / "python", HERE / "d3rlpy_child.py", folder]
        subprocess.run(child, check=True, stdout=subprocess.DEVNULL)
        took = json.loads((folder / "told.json").read_text(encoding="utf-8"))
        with np.load(folder / "actor.npz") as file:
            actor = dict(file)

    def act(state: np.ndarray) -> np.ndarray:
        y = (state - actor["mean"]) / actor["scale"]
        for i in range(2):
            y = np.maximum(y @ actor[f"{i}.w"] + actor[f"{i}.b"], 0)
        return center + half * np.tanh(y @ actor["2.w"] + actor["2.b"])

    played = play(environment, Certain(act, source=EXPERT), n_episodes=N_PLAYED, seed=99)
    return {**took, "returns": played.returns}


def rate(side: dict, seconds: str) -> float:
    """Updates a second, of wall or CPU time; none of those before the clock started."""
    return side["n"] / side[seconds]


def beside(ours: dict, theirs: dict) -> str:
    """Whether ours returns less by more than two standard errors of the episodes; another seed may differ by far more."""
    apart = ours["returns"].mean() - theirs["returns"].mean()
    noise = 2 * np.hypot(ours["returns"].std(), theirs["returns"].std()) / np.sqrt(N_PLAYED)
    return " lower" if apart < -noise else " equal" if apart < noise else " more "


def told(side: dict) -> str:
    """Mean return and its standard error."""
    returns = side["returns"]
    return f"{returns.mean():8,.0f} ±{returns.std() / np.sqrt(len(returns)):5,.0f}"


if __name__ == "__main__":
    main()
