"""What d3rlpy's CQL and IQL say of small fixed weights and one batch, written down for a test of ours.

Question answered: are our losses theirs? Everything that is random in theirs is drawn here and written down beside it.
Run in an environment of its own (benchmarks/d3rlpy_beside.py makes one):
    .venv-d3rlpy/bin/python benchmarks/d3rlpy_losses.py > tests/learn/networks/d3rlpy_losses.json
Letters: n rows, d numbers of a state, a numbers of an action, j critics, s actions drawn for each row.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version

import torch
from d3rlpy.algos import CQLConfig, IQLConfig
from d3rlpy.models.encoders import VectorEncoderFactory
from d3rlpy.torch_utility import TorchMiniBatch

N, D, A, S, WIDTH = 6, 3, 2, 4, 8
GAMMA = 0.97


def main() -> None:
    """Both, as JSON."""
    torch.manual_seed(20)
    told = {
        "made_by": f"benchmarks/d3rlpy_losses.py with d3rlpy {version('d3rlpy')}, torch {version('torch')}",
        "gamma": GAMMA,
        "batch": listed(vars_of(batch := a_batch())),
        "cql": of_cql(batch),
        "iql": of_iql(batch),
    }
    json.dump(told, sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")


def a_batch() -> TorchMiniBatch:
    """Rows of which two end."""
    return TorchMiniBatch(
        observations=torch.randn(N, D),
        actions=torch.rand(N, A) * 1.8 - 0.9,
        rewards=torch.randn(N, 1),
        next_observations=torch.randn(N, D),
        next_actions=torch.rand(N, A) * 1.8 - 0.9,
        returns_to_go=torch.zeros(N, 1),
        terminals=torch.tensor([[0.0], [1.0], [0.0], [0.0], [1.0], [0.0]]),
        intervals=torch.ones(N, 1),
        device="cpu:0",
    )


def of_cql(batch: TorchMiniBatch) -> dict:
    """Critic's loss, conservative term, actor's and temperature's loss."""
    encoder = VectorEncoderFactory([WIDTH, WIDTH])
    config = CQLConfig(
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        gamma=GAMMA,
        n_action_samples=S,
        conservative_weight=0.5,
        alpha_learning_rate=0.0,
        alpha_threshold=0.0,
        initial_temperature=0.7,
    )
    algo = config.create(device="cpu:0")
    algo.create_impl((D,), A)
    impl, modules = algo.impl, algo.impl._modules
    shaken(modules.targ_q_funcs)
    noise = {"here": torch.randn(S, N, A), "after": torch.randn(S, N, A), "even": torch.rand(N * S, A) * 2 - 1}
    with drawn(normal=[noise["here"], noise["after"]], uniform=[noise["even"]]):
        loss = impl.compute_critic_loss(batch, impl.compute_target(batch))
    noise["own"] = torch.randn(N, A)
    modules.temp_optim.optim.param_groups[0]["lr"] = (
        0.0  # its step comes first in theirs: the losses are to be of one temperature
    )
    with drawn(normal=[noise["own"]], uniform=[]):
        actor = impl.compute_actor_loss(batch, modules.policy(batch.observations))
    noise["even"] = noise["even"].view(N, S, A).transpose(0, 1)  # ours has the draws in front
    return {
        "conservative_weight": 0.5,
        "temperature": 0.7,
        "weights": {
            "actor": layers_of(modules.policy),
            "critics": [layers_of(q) for q in modules.q_funcs],
            "target": [layers_of(q) for q in modules.targ_q_funcs],
        },
        "noise": listed(noise),
        "losses": {
            "critic_loss": float(loss.critic_loss),
            "conservative_loss": float(loss.conservative_loss),
            "actor_loss": float(actor.actor_loss),
            "temperature_loss": float(actor.temp_loss),
        },
    }


def of_iql(batch: TorchMiniBatch) -> dict:
    """The critics', the value's and the actor's loss."""
    encoder = VectorEncoderFactory([WIDTH, WIDTH])
    config = IQLConfig(
        actor_encoder_factory=encoder,
        critic_encoder_factory=encoder,
        value_encoder_factory=encoder,
        gamma=GAMMA,
        expectile=0.8,
        weight_temp=2.0,
        max_weight=1.5,
    )
    algo = config.create(device="cpu:0")
    algo.create_impl((D,), A)
    impl, modules = algo.impl, algo.impl._modules
    shaken(modules.targ_q_funcs)
    loss = impl.compute_critic_loss(batch, impl.compute_target(batch))
    output = modules.policy(batch.observations)
    actor = impl.compute_actor_loss(batch, output)
    return {
        "expectile": 0.8,
        "weight_temperature": 2.0,
        "most_weight": 1.5,
        "log_std": listed({"log_std": output.logstd})["log_std"],
        "weights": {
            "actor": layers_of(modules.policy),
            "critics": [layers_of(q) for q in modules.q_funcs],
            "target": [layers_of(q) for q in modules.targ_q_funcs],
            "value": layers_of(modules.value_func),
        },
        "losses": {
            "q_loss": float(loss.q_loss),
            "v_loss": float(loss.v_loss),
            "actor_loss": float(actor.actor_loss),
        },
    }


def shaken(module: torch.nn.Module) -> None:
    """Other weights than those it was copied from."""
    with torch.no_grad():
        for weights in module.parameters():
            weights.add_(0.1 * torch.randn_like(weights))


class drawn:  # noqa: N801
    """Inside, normal and uniform numbers are those given, in that order."""

    def __init__(self, *, normal: list, uniform: list) -> None:
        self._normal, self._uniform = list(normal), list(uniform)

    def __enter__(self) -> None:
        self._rsample, self._even = torch.distributions.Normal.rsample, torch.Tensor.uniform_
        normal, uniform = self._normal, self._uniform

        def rsample(dist, shape=()):
            noise = normal.pop(0)
            assert noise.shape == (*shape, *dist.loc.shape)
            return dist.loc + dist.scale * noise

        def uniform_(tensor, low=0.0, high=1.0):
            even = uniform.pop(0)
            assert even.shape == tensor.shape
            return tensor.copy_(even)

        torch.distributions.Normal.rsample, torch.Tensor.uniform_ = rsample, uniform_

    def __exit__(self, *exception) -> None:
        torch.distributions.Normal.rsample, torch.Tensor.uniform_ = self._rsample, self._even
        assert exception[0] is not None or not (self._normal or self._uniform), "not everything was drawn"


def layers_of(network: torch.nn.Module) -> list:
    """Affine maps in order, (in, out); two heads of an actor side by side."""
    maps = [m for m in network.modules() if isinstance(m, torch.nn.Linear)]
    hidden, heads = maps[:2], maps[2:]
    last = (torch.cat([m.weight for m in heads]), torch.cat([m.bias for m in heads]))
    pairs = [*((m.weight, m.bias) for m in hidden), last]
    return [listed({"w": weight.T, "b": bias}) for weight, bias in pairs]


def vars_of(batch: TorchMiniBatch) -> dict:
    """What ours needs of a batch."""
    names = ("observations", "actions", "rewards", "next_observations", "next_actions", "terminals")
    return {name: getattr(batch, name) for name in names}


def listed(tensors: dict) -> dict:
    """As JSON has it, to seven digits."""

    def rounded(value):
        return [rounded(one) for one in value] if isinstance(value, list) else float(f"{value:.7g}")

    return {name: rounded(tensor.detach().tolist()) for name, tensor in tensors.items()}


if __name__ == "__main__":
    main()
