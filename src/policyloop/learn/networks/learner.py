"""A learner of episodes by networks: a method, the rows on the device, and what has been learned from them so far.

Question answered: learn for a while, tell how it goes, hand out what there is, stop and go on. The weights handed out are
averages over the last updates, which are steadier than those of any single one.
Source: averages of weights: Polyak & Juditsky 1992.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from numpy.typing import NDArray

from policyloop.core.episode import EpisodePolicy, Transitions
from policyloop.core.errors import BadModel, BadSetting, Diverged, NothingToDo
from policyloop.core.loop import ActionSpec
from policyloop.core.policy import Tensors
from policyloop.learn.broken_rows import box_of
from policyloop.learn.networks.actors import LOG_STD
from policyloop.learn.networks.copying import Copying
from policyloop.learn.networks.method import Learned, Method, advanced, begun, told_of
from policyloop.learn.networks.replay import put, with_room
from policyloop.learn.networks.rows import Rows, picked, rows_of, scaler_of
from policyloop.learn.networks.shape import Weights, check_whole
from policyloop.learn.networks.td3 import Td3
from policyloop.policy.network import Network

_ROWS_TO_TELL = 4096  # of each part: enough to see how it goes, and no more than a few updates' work
_HELD_OUT = "held_out_"
_OF_A_POLICY = {"trunk", "critics"}  # names of weights that a policy has all of
_RETURNS = ("q_mean", "q_min", "q_max", "q_policy")

_picked = jax.jit(picked)
_Numbers = TypeVar("_Numbers", Learned, Rows)


class NetworkLearner:
    """An `EpisodeLearner`. Owns `learned`; everything that it hands out is a copy."""

    def __init__(
        self,
        method: Method,
        train: Transitions,
        held_out: Transitions,
        *,
        actions: ActionSpec,
        seed: int,
        batch: int,
        numbers: Mapping[str, float],
        room: int = 0,
    ) -> None:
        """A learner that knows nothing yet.

        Args:
            method: what one update is.
            train: what it learns from; at least one row before `advance`.
            held_out: what it is told of and never learns from; may be empty.
            actions: the loop's.
            seed: what weights and minibatches come from.
            batch: rows of a minibatch.
            numbers: those of the method, without the discount.
            room: for so many rows in all, where `append` is to bring more; 0: it is not.

        Raises:
            BadSetting: batch is no whole number above 0.
            Invalid: a row of the history cannot be learned from.
        """
        check_whole("batch", batch)
        self.method = method
        self.batch = int(batch)
        self.n_updates = 0
        self.room = room
        self.n_put = len(train)
        rows = rows_of(train, actions)
        self.rows = put(with_room(_none_of(rows), room), rows, n_before=0) if room else rows
        self.held_out = rows_of(held_out, actions)
        self.learned = begun(method, scaler_of(train), {**numbers, "discount": train.discount}, seed)
        self._actions = actions

    @property
    def device(self) -> str:
        """What the numbers lie on and are computed by: the device's name, and its kind where that says more."""
        (device,) = self.rows.reward.devices()
        return f"{device.device_kind}" if device.device_kind == device.platform else f"{device.device_kind} ({device.platform})"

    @property
    def n_rows(self) -> int:
        """How many there are to learn from."""
        return min(self.n_put, self.rows.n)

    def append(self, more: Transitions) -> None:
        """Take in transitions that were played meanwhile. The first sets the units, where there was no history before.

        Raises:
            BadSetting: the learner was made without room for them.
            Invalid: a row cannot be learned from.
        """
        if not self.room:
            raise BadSetting("learner.replay is 0, which leaves no room for more transitions; expected at least 1.")
        if not self.n_put:
            self.learned = self.learned._replace(scaler=scaler_of(more))
        self.rows = put(self.rows, rows_of(more, self._actions), n_before=self.n_put)
        self.n_put += len(more)

    def advance(self, n_updates: int) -> Mapping[str, float]:
        """Learn for so many updates, and tell the means over them.

        Raises:
            BadSetting: n_updates is not above 0.
            NothingToDo: there is no row to learn from.
            Diverged: a number is no longer finite; what was learned before stays.
        """
        self._check(n_updates)
        stop = self.n_updates + int(n_updates)
        learned, sums = advanced(
            self.method,
            self.batch,
            self.learned,
            self.rows,
            jnp.int32(self.n_rows),
            jnp.int32(self.n_updates),
            jnp.int32(stop),
        )
        told = {name: float(total) / n_updates for name, total in sums.items()}
        check_finite(told, self.n_updates, stop)
        self.learned, self.n_updates = learned, stop
        return told

    def diagnose(self) -> Mapping[str, float]:
        """How it stands on some thousand rows of the data and of held-out episodes, in the loop's reward unit.

        Raises:
            Diverged: a number is not finite.
        """
        n = min(_ROWS_TO_TELL, *(size for size in (self.n_rows, self.held_out.n) if size))
        told = self._told(self.rows, self.n_rows, n, "") | self._told(self.held_out, self.held_out.n, n, _HELD_OUT)
        check_finite(told, self.n_updates, self.n_updates)
        return told

    def policy(self) -> Network:
        """What has been learned so far."""
        return network_of(self.method, self.learned, self._actions)

    def state(self) -> Tensors:
        """Weights, optimiser, which update comes next, and the rows where more may have come than it was created with."""
        counts = {"n_updates": np.array(self.n_updates, np.int64), "n_put": np.array(self.n_put, np.int64)}
        return {**tensors_of(self.learned), **counts, **(tensors_of(self.rows) if self.room else {})}

    def resume(self, state: Tensors) -> None:
        """Go on from what `state` gave.

        Raises:
            BadModel: it was given by a learner of another shape or method.
        """
        self.learned = restored(state, like=self.learned)
        self.rows = restored(state, like=self.rows) if self.room else self.rows
        self.n_updates, self.n_put = int(state["n_updates"]), int(state["n_put"])

    def begin_with(self, policy: EpisodePolicy) -> None:
        """Know what a policy of the same shape knows, in its units; how it was learned is not known, and begins anew.

        Raises:
            BadSetting: the method keeps more than a policy has.
            BadModel: the policy is of another shape.
        """
        if set(self.learned.weights) != _OF_A_POLICY:
            raise BadSetting("learner.goes_on is true, which takes a learner of labels: dqn or cql_discrete.")
        self.learned = known_of(policy, self.learned)

    def _told(self, rows: Rows, n_rows: int, n: int, before: str) -> dict[str, float]:
        """Of n rows; of as many of either part, so that no second size is compiled."""
        if not n_rows:
            return {}
        told = told_of(self.method, self.learned, _picked(rows, _places(n_rows, n)))
        of_unit = self._powers()
        return {f"{before}{name}": float(number) * of_unit.get(name, 1.0) for name, number in told.items()}

    def _powers(self) -> dict[str, float]:
        """What makes the loop's reward unit of the numbers that are told: networks learn in a unit of their own."""
        unit = float(self.learned.scaler.reward)
        term = 1.0 if isinstance(self.method, Copying | Td3) else unit  # theirs is a distance of actions
        return {**dict.fromkeys(_RETURNS, unit), "td_error": unit**2, "conservative": term}

    def _check(self, n_updates: int) -> None:
        if int(n_updates) != n_updates or n_updates < 1:
            raise BadSetting(f"learner.updates is {n_updates}; expected a whole number above 0.")
        if not self.n_rows:
            raise NothingToDo(
                "the history has no row to learn from; expected at least one episode below `train.split`. "
                "Import more episodes, or raise `train.split`."
            )


def check_finite(told: Mapping[str, float], start: int, stop: int) -> None:
    """That a learner still learns.

    Raises:
        Diverged: a number is not finite.
    """
    bad = next((name for name, number in told.items() if not math.isfinite(number)), None)
    if bad is not None:
        raise Diverged(bad, told[bad], start, stop)


def network_of(method: Method, learned: Learned, actions: ActionSpec) -> Network:
    """The averages over the last updates, as numbers that need no JAX."""
    shape, center_half = method.shape, box_of(actions)
    critics = learned.average["critics"]
    tensors = {"state.mean": learned.scaler.mean, "state.scale": learned.scaler.scale}
    named = {"trunk": learned.average["trunk"], "actor": method.actor(learned.average)}
    for name, layers in {**named, **{f"critic{j}": critic for j, critic in enumerate(critics)}}.items():
        tensors |= {f"{name}.{i}.{part}": tensor for i, layer in enumerate(layers) for part, tensor in layer.items()}
    settings: dict[str, Any] = {
        "head": method.head,
        "n_layers": shape.depth + 1,
        "n_critics": len(critics),
        "layer_norm": shape.layer_norm,
        "trunk": [{"stride": stride, "padding": "same"} for stride in shape.strides],
        "state_shape": list(shape.state),
        "dtype": shape.dtype,
        "center": center_half[0].tolist(),
        "half": center_half[1].tolist(),
        "reward_scale": float(learned.scaler.reward),
        "log_std": list(LOG_STD),
        **({"choices": [list(part.labels) for part in actions.choices]} if actions.choices else {}),
    }
    return Network(settings, {name: np.array(tensor) for name, tensor in tensors.items()})


def known_of(policy: EpisodePolicy, learned: Learned) -> Learned:
    """The inverse of `network_of` where a policy has all weights that there are: they, their targets and averages, and units.

    Raises:
        BadModel: the policy is of another shape.
    """
    settings, tensors = policy.save()

    def found(path: Any, leaf: Array) -> Array:
        name, *place = _path(path).split("/")
        named = ".".join([f"critic{place.pop(0)}" if name == "critics" else name, *place])
        return _fitting(tensors.get(named), leaf, named)

    weights: Weights = jax.tree_util.tree_map_with_path(found, learned.weights)
    scaler = learned.scaler._replace(
        mean=_fitting(tensors.get("state.mean"), learned.scaler.mean, "state.mean"),
        scale=_fitting(tensors.get("state.scale"), learned.scaler.scale, "state.scale"),
        reward=jnp.float32(settings.get("reward_scale", 1.0)),
    )
    return learned._replace(weights=weights, target=dict(weights), average=dict(weights), scaler=scaler)


def _fitting(tensor: Any, like: Array, name: str) -> Array:
    if tensor is None or tensor.shape != like.shape:
        raise BadModel(
            f"the model to go on from has {'no tensor' if tensor is None else f'the shape {tensor.shape}'} for '{name}'; "
            f"expected the shape {like.shape}. Go on with the sizes that it was made with, or with goes_on: false."
        )
    return jnp.asarray(tensor)


def tensors_of(numbers: Learned | Rows) -> Tensors:
    """Every number, by its path."""
    return {_path(path): np.array(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(numbers)}


def restored(state: Tensors, *, like: _Numbers) -> _Numbers:
    """The inverse of `tensors_of`, in the form of numbers there are.

    Raises:
        BadModel: a number is missing, or has another shape.
    """

    def found(path: Any, leaf: Array) -> Array:
        tensor = state.get(_path(path))
        if tensor is None or tensor.shape != leaf.shape:
            raise BadModel(
                f"the checkpoint has {'no tensor' if tensor is None else f'the shape {tensor.shape}'} for '{_path(path)}'; "
                f"expected the shape {leaf.shape}. Resume with the learner, settings and actions that it was made with."
            )
        return jnp.asarray(tensor)

    same: _Numbers = jax.tree_util.tree_map_with_path(found, like)
    return same


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _places(n_rows: int, n: int) -> NDArray[np.int64]:
    """(n,) rows to tell of, the same every time, from all over the history."""
    if n_rows == n:
        return np.arange(n)
    return np.sort(np.random.default_rng(0).choice(n_rows, n, replace=False))  # every so-many-th may be of one kind


def _none_of(rows: Rows) -> Rows:
    return Rows(*(column[:0] for column in rows))
