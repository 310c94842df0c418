"""An algorithm of one's own, in NumPy: PPO's clipped objective on a logged history. `python my_ppo.py FOLDER`.

The old policy is at first a Gaussian fitted to the history; after each round it is the new one, and logged steps count by how
likely it would have done them. In: data.parquet, task.json. Out: model.onnx, metrics.json. (arXiv:1707.06347)
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pyarrow.parquet as pq
from onnx import TensorProto, helper, numpy_helper

FEATURES, ROUNDS, STEPS, RATE, CLIP, MOST = 64, 60, 10, 0.05, 0.2, 5.0


def log_density(u, mean, spread):
    return (-0.5 * ((u - mean) / spread) ** 2).sum(axis=1)


def learn(folder):
    folder = Path(folder)
    task, data = json.loads((folder / "task.json").read_text()), pq.read_table(folder / "data.parquet")
    x, a = (np.array(data[name].to_pylist(), dtype=np.float64) for name in ("state", "action_value"))
    reward, episode = data["reward"].to_numpy(), data["episode"].to_numpy()
    low, high = np.array(task["low"]), np.array(task["high"])
    u = (a - (low + high) / 2) / ((high - low) / 2)  # actions in [-1, 1]

    rng = np.random.default_rng(task["seed"])
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    drawn, shift = rng.normal(size=(x.shape[1], FEATURES)), rng.normal(size=FEATURES)
    z = (x - mean) / scale
    f = np.hstack([np.ones((len(z), 1)), z, np.tanh(z @ drawn + shift)])

    returns = reward.astype(np.float64).copy()
    for i in range(len(returns) - 2, -1, -1):
        returns[i] += task["discount"] * returns[i + 1] * (episode[i] == episode[i + 1])
    gram = f.T @ f + 1.0 * np.eye(f.shape[1])
    value = np.linalg.solve(gram, f.T @ returns)
    after = np.append(returns[1:], 0) * np.append(episode[1:] == episode[:-1], False)
    advantage = reward + task["discount"] * after - f @ value  # what this step brought beyond what was usual here
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-9)

    weights = np.linalg.solve(gram, f.T @ u)  # the history, as a Gaussian
    spread = (u - f @ weights).std(axis=0)
    logged = log_density(u, f @ weights, spread)
    for _ in range(ROUNDS):
        old = log_density(u, f @ weights, spread)
        likely = np.minimum(np.exp(old - logged), MOST)
        for _ in range(STEPS):
            ratio = np.exp(log_density(u, f @ weights, spread) - old)
            moves = np.where(advantage > 0, ratio < 1 + CLIP, ratio > 1 - CLIP)  # where the clipped objective has a slope
            pull = (likely * ratio * advantage * moves)[:, None] * (u - f @ weights) / spread**2
            weights += RATE * np.linalg.solve(gram, f.T @ pull)

    numbers = {"mean": mean, "scale": scale, "drawn": drawn, "shift": shift, "weights": weights, "v": value[:, None], "one": 1,
               "zero": 0, "half": (high - low) / 2, "center": (low + high) / 2, "least": low, "most": high}  # fmt: skip
    add = helper.make_node
    nodes = [add("Sub", ["state", "mean"], ["d"]), add("Div", ["d", "scale"], ["z"]), add("MatMul", ["z", "drawn"], ["m"]),
             add("Add", ["m", "shift"], ["s"]), add("Tanh", ["s"], ["t"]), add("ReduceMax", ["z"], ["r"], axes=[1]),
             add("Mul", ["r", "zero"], ["n"]), add("Add", ["n", "one"], ["c"]), add("Concat", ["c", "z", "t"], ["f"], axis=1),
             add("MatMul", ["f", "weights"], ["u"]), add("Mul", ["u", "half"], ["h"]), add("Add", ["h", "center"], ["a"]),
             add("Max", ["a", "least"], ["b"]), add("Min", ["b", "most"], ["action"]), add("MatMul", ["f", "v"], ["q"]),
             add("Squeeze", ["q", "axis"], ["value"])]  # fmt: skip
    kept = [numpy_helper.from_array(np.atleast_1d(array).astype(np.float32), name) for name, array in numbers.items()]
    kept.append(numpy_helper.from_array(np.array([1]), "axis"))
    told = [helper.make_tensor_value_info("action", TensorProto.FLOAT, [None, len(low)]),
            helper.make_tensor_value_info("value", TensorProto.FLOAT, [None])]  # fmt: skip
    state = helper.make_tensor_value_info("state", TensorProto.FLOAT, [None, x.shape[1]])
    graph = helper.make_graph(nodes, "my_ppo", [state], told, kept)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), folder / "model.onnx")
    ess = likely.sum() ** 2 / (likely**2).sum()  # so many logged steps are like those of the new policy
    (folder / "metrics.json").write_text(json.dumps({"q_mean": float(returns.mean()), "ess": float(ess)}))


if __name__ == "__main__":
    learn(sys.argv[1])
