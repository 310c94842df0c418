"""On a Ray cluster: parts of rollouts and of searches are tasks of many machines, an extra (`pip install 'policyloop[ray]'`).

Question answered: how do searches and rollouts use more than one machine, without opening them to anybody?
Every machine of the cluster has this version of Policyloop installed. A Ray cluster runs whatever anybody sends who reaches it,
so only one that asks for a token is used: start it, and whoever uses it, with `RAY_AUTH_MODE=token` and `RAY_AUTH_TOKEN` (or
`RAY_AUTH_TOKEN_PATH`). `RAY_ADDRESS` names the cluster; without it, it is the one on this machine.
Source: Ray's token authentication, https://docs.ray.io/en/latest/ray-security/token-auth.html.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import ray

from policyloop.core.errors import BadSetting

P = TypeVar("P")
R = TypeVar("R")

_MODE, _TOKENS = "RAY_AUTH_MODE", ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
_ADDRESS, _HERE = "RAY_ADDRESS", "auto"


class RayRunner:
    """Makes tasks of a cluster that asks for a token."""

    def each(self, function: Callable[[P], R], parts: Sequence[P], *, n_workers: int) -> Iterator[R]:
        """What a pure function gives for each part, in their order; at most so many tasks at a time.

        Args:
            function: of an installed module, so that every machine finds it by its name.
            parts: plain values; each is sent to the machine that computes it.
            n_workers: tasks at a time.

        Raises:
            BadSetting: there is no such cluster, or it is not told to ask for a token.
        """
        was_connected = ray.is_initialized()
        if not was_connected:
            _connect()
        try:
            call: Any = ray.remote(num_cpus=1)(_called)
            shared = ray.put(function)
            waiting = [call.remote(shared, part) for part in parts[:n_workers]]
            for place in range(len(parts)):
                answer: R = ray.get(waiting[place])
                if len(waiting) < len(parts):
                    waiting.append(call.remote(shared, parts[len(waiting)]))
                yield answer
        finally:
            if not was_connected:
                ray.shutdown()


def create() -> RayRunner:
    """A runner for a cluster.

    Raises:
        BadSetting: the environment does not ask for a token.
    """
    if os.environ.get(_MODE) != "token":
        mode = os.environ.get(_MODE) or "not set"
        raise BadSetting(
            f"{_MODE} is {mode}; expected token: a Ray cluster runs what anybody sends who reaches it. Start cluster and "
            f"command with {_MODE}=token and {_TOKENS[0]}."
        )
    return RayRunner()


def _connect() -> None:
    """To the cluster that the environment names; it is never made here."""
    address = os.environ.get(_ADDRESS, _HERE)
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, configure_logging=False)
    except Exception as error:  # noqa: BLE001 - Ray has errors of its own for each way of not being there
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadSetting(
            f"no Ray cluster answers at '{address}' ({first}); expected one that was started with the same token. Name it by "
            f"{_ADDRESS}, or start one: {_MODE}=token ray start --head."
        ) from None


def _called(function: Callable[[P], R], part: P) -> R:
    return function(part)
