"""One learner of d3rlpy on a history in a file: how many updates a second, and the actor that it made.

Run by benchmarks/d3rlpy_beside.py in an environment of its own; ours is not imported here.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import d3rlpy
import numpy as np
import torch
from d3rlpy.algos import CQLConfig, IQLConfig, ReBRACConfig, TD3PlusBCConfig
from d3rlpy.dataset import MDPDataset
from d3rlpy.logging import NoopAdapterFactory
from d3rlpy.models.encoders import VectorEncoderFactory
from d3rlpy.preprocessing import StandardObservationScaler

CONFIGS = {"cql": CQLConfig, "iql": IQLConfig, "td3_bc": TD3PlusBCConfig, "rebrac": ReBRACConfig}
WARM = 20  # updates before the clock starts, and to try a number of threads
THREADS = (1, torch.get_num_threads())


def main(folder: Path) -> None:
    """Read `history.npz` and `asked.json`, write `actor.npz` and `told.json`."""
    asked = json.loads((folder / "asked.json").read_text(encoding="utf-8"))
    d3rlpy.seed(asked["seed"])
    with np.load(folder / "history.npz") as file:
        history = dict(file)
    algo = config_of(asked).create(device=asked["device"])
    dataset = MDPDataset(
        observations=history["state"],
        actions=history["action"],
        rewards=history["reward"],
        terminals=history["terminated"].astype(np.float32),
        timeouts=history["truncated"].astype(np.float32),
    )
    algo.build_with_dataset(dataset)
    learn(algo, dataset, WARM)
    torch.set_num_threads(quickest(algo, dataset))
    n = asked["updates"] - WARM * (1 + len(THREADS))
    began_s, cpu_s = time.perf_counter(), time.process_time()
    learn(algo, dataset, n)
    told = {"n": n, "wall_s": time.perf_counter() - began_s, "cpu_s": time.process_time() - cpu_s}
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")
    np.savez(folder / "actor.npz", **actor_of(algo))


def quickest(algo: d3rlpy.algos.QLearningAlgoBase, dataset: MDPDataset) -> int:
    """Threads that updates go quickest with: small networks lose more by a second one than they gain."""
    took_s = {}
    for n in THREADS:
        torch.set_num_threads(n)
        began_s = time.perf_counter()
        learn(algo, dataset, WARM)
        took_s[n] = time.perf_counter() - began_s
    return min(took_s, key=took_s.__getitem__)


def config_of(asked: dict) -> d3rlpy.algos.AlgoBase:
    """The same sizes and rates as ours."""
    encoder = VectorEncoderFactory([asked["width"]] * 2)
    return CONFIGS[asked["name"]](
        actor_learning_rate=asked["learning_rate"],
        critic_learning_rate=asked["learning_rate"],
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        **({"value_encoder_factory": encoder} if asked["name"] == "iql" else {}),
        batch_size=asked["batch"],
        tau=asked["target_rate"],
        gamma=asked["discount"],
        observation_scaler=StandardObservationScaler(),
        **asked["theirs"],
    )


def learn(algo: d3rlpy.algos.QLearningAlgoBase, dataset: MDPDataset, n: int) -> None:
    """For n updates, with nothing logged."""
    algo.fit(dataset, n_steps=n, n_steps_per_epoch=n, logger_adapter=NoopAdapterFactory(), show_progress=False)


def actor_of(algo: d3rlpy.algos.QLearningAlgoBase) -> dict:
    """Mean and deviation of states, and the affine maps up to the mean before the tanh."""
    policy = algo.impl.policy
    maps = [m for m in policy.modules() if isinstance(m, torch.nn.Linear)][:3]
    arrays = {
        f"{i}.{part}": t.detach().cpu().numpy() for i, m in enumerate(maps) for part, t in (("w", m.weight.T), ("b", m.bias))
    }
    scaler = algo.observation_scaler
    return {**arrays, "mean": np.asarray(scaler.mean), "scale": np.asarray(scaler.std)}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
