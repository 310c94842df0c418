"""Boxed: encoder, network, explorer and floor make a policy over numbers; this is what serves where actions are a box.

Question answered: from which density is the action drawn in this context, between the limits that hold right now, and what is
expected of the action that was drawn? Limits and floor are part of the density, so what is logged is what was drawn from.
Letters: n contexts, a numbers of an action, p labelled parts beside them, k labels of a part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from policyloop.core import plugins
from policyloop.core.density import Density
from policyloop.core.errors import BadModel
from policyloop.core.example import Context
from policyloop.core.model import Manifest
from policyloop.core.state import StateEncoder
from policyloop.policy import floor as floors
from policyloop.policy.explorers import greedy
from policyloop.policy.support import Support
from policyloop.policy.wanted import BoxExplorer, BoxModel, Wanted, Whole

EXPLORERS = "policyloop.policy.explorers"


@dataclass(frozen=True, slots=True, eq=False)
class BoxPolicy:
    """A policy that draws numbers around what its network wants. Immutable, and safe to share between threads."""

    encoder: StateEncoder
    model: BoxModel
    explorer: BoxExplorer
    floor: float
    parts: tuple[str, ...]  # names of the parts of an action: of those with labels first, then of the numbers
    support: Support | None = None  # where it has learned from; None: it does not tell

    @property
    def network(self) -> Whole:
        """The whole, for many states at once."""
        return self.model.network

    def in_state(self, context: Context) -> InState:
        """The same about one context, whose state is made once; for one decision."""
        return InState(self, self.encoder.encode(context))

    def density(self, context: Context, low: Sequence[float], high: Sequence[float]) -> Density:
        """As of `InState`."""
        return self.in_state(context).density(low, high)

    def pmfs(self, context: Context) -> list[list[float]]:
        """As of `InState`."""
        return self.in_state(context).pmfs()

    def mode(self, context: Context) -> list[float]:
        """(a,) the action without exploring, inside the box that it learned in; limits are not looked at.

        Raises:
            BadModel: the network answers what is no number.
        """
        return self.model.wanted(self.encoder.encode(context)).action

    def value(self, context: Context, values: Sequence[float], choices: Sequence[int] = ()) -> float:
        """As of `InState`."""
        return self.in_state(context).value(values, choices)

    def is_within_history(self, context: Context) -> bool:
        """As of `InState`."""
        return self.in_state(context).is_within_history()

    def with_floor(self, floor: float) -> BoxPolicy:
        """The same policy with another floor, in [0, 1]: a change of the spec's floor needs no new model."""
        return replace(self, floor=floors.check(floor))

    def greedy(self) -> BoxPolicy:
        """The same policy without exploration."""
        return replace(self, explorer=greedy.GreedyBox(), floor=0.0)


class InState:
    """A policy about one state: the network says once what it wants there, whoever asks. Of one decision, so of one thread."""

    __slots__ = ("_policy", "_state", "_wanted")

    def __init__(self, policy: BoxPolicy, state: NDArray[Any]) -> None:
        self._policy, self._state = policy, state
        self._wanted: Wanted | None = None

    def is_within_history(self) -> bool:
        """Whether the state lies where the model has learned from."""
        support = self._policy.support
        return support is None or support.holds(self._state)

    def density(self, low: Sequence[float], high: Sequence[float]) -> Density:
        """What the numbers are drawn from, with explorer and floor.

        Args:
            low: (a,) the limits that hold for this decision; nothing outside has any mass.
            high: (a,)

        Raises:
            BadModel: the network answers what is no number.
        """
        policy = self._policy
        found = policy.explorer.density(self._said(), low, high)
        return found.with_floor(policy.floor) if policy.floor else found

    def pmfs(self) -> list[list[float]]:
        """(p, k) what the labels beside the numbers are drawn from, with explorer and floor; none where there are none.

        Raises:
            BadModel: as above.
        """
        return [floors.apply(pmf, self._policy.floor) for pmf in self._policy.explorer.pmfs(self._said())]

    def value(self, values: Sequence[float], choices: Sequence[int] = ()) -> float:
        """The conservative expected return of one action: of the one that is returned, or it tells nothing.

        Args:
            values: (a,) in the action's units.
            choices: (p,) places of the labels beside the numbers.
        """
        return self._policy.model.value(self._state, values, choices)

    def _said(self) -> Wanted:
        if self._wanted is None:
            self._wanted = self._policy.model.wanted(self._state)
        return self._wanted


def explorer_of(name: str, settings: Mapping[str, Any]) -> BoxExplorer:
    """An explorer of numbers by name.

    Raises:
        UnknownName: no explorer has that name.
        BadModel: it explores labels alone.
        BadSetting: a setting is outside its range.
    """
    module = plugins.load(EXPLORERS, name)
    if not hasattr(module, "create_box"):
        raise BadModel(f"the explorer {name} is for labels; expected one for numbers, such as gaussian. Change the loop file.")
    made: BoxExplorer = module.create_box(**settings)
    return made


def box_policy(model: BoxModel, encoder: StateEncoder, manifest: Manifest, *, support: Support | None = None) -> BoxPolicy:
    """The policy of a loaded network.

    Raises:
        BadModel: it gives other numbers than the manifest names.
    """
    network = model.network
    found, named = len(model.choices) + network.n_numbers, len(manifest.labels)
    if found != named:
        raise BadModel(f"the network gives {found} parts of an action; its manifest names {named}. Train it again.")
    explore = manifest.explorer
    explorer = explorer_of(explore["name"], explore["settings"])
    return BoxPolicy(encoder, model, explorer, floors.check(explore["floor"]), tuple(manifest.labels), support)


def check_states(network: Whole, encoder: StateEncoder) -> None:
    """Refuse a network that takes other states than the encoder makes.

    Raises:
        BadModel: it does.
    """
    if network.state_shape != encoder.shape:
        raise BadModel(f"the network takes states of {network.state_shape}; its fields make {encoder.shape}. Train it again.")
