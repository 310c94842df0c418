"""Predict: what the network that decides makes of states as they are. Nothing is drawn, and nothing is logged.

Question answered: what would the network say of these states, for whoever looks on and does not act?
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import UNSET, UnsetType
from numpy.typing import NDArray

from policyloop.core.endpoint import Call, Endpoint, Reply
from policyloop.core.errors import Fault, Invalid, NoNetwork
from policyloop.core.model import BASELINE, short
from policyloop.core.state import StateEncoder
from policyloop.ingest.payload import read
from policyloop.policy.network import Network
from policyloop.policy.predicted_states import network_of, predicted
from policyloop.serve.limits import Limits
from policyloop.serve.live import Live
from policyloop.server.service import Service

MAX_INPUTS = 1000
_MAX_FAULTS = 20
_encode = msgspec.json.Encoder().encode


class PredictRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """States as numbers, in the order of the loop's context; a category has a number for each of its values."""

    inputs: list[Any]  # of each state its numbers, or the nested lists of a tensor


class PredictAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """One entry for every input."""

    model: str  # digest of the model that answered
    names: list[str]  # of the numbers of an action, or the labels
    mean: list[list[float]]  # the action without exploring, inside the limits; of labels, what the critics expect on average
    standard_deviation: list[list[float]]  # of the policy's own distribution, in the action's units; of labels, of the critics
    value: list[float]  # the least return to expect of that action; of labels, of the best one
    # of labels beside numbers, by part: the policy's own probability of each; the value is of the numbers with the likeliest
    pmf: dict[str, list[list[float]]] | UnsetType = UNSET
    # whether the model learned from states like it; of one that it did not, `decide` answers with the baseline's action. Left
    # out where the model does not tell, as of images
    within_history: list[bool] | UnsetType = UNSET


async def predict(service: Service, call: Call) -> Reply:
    """Ask the champion's network about states."""
    live = service.decider(call).live
    request = read(call.body, PredictRequest)
    network = network_of(live.policy)
    if network is None:
        raise NoNetwork(live.spec.loop, "the baseline" if live.name == BASELINE else f"model {short(live.name)}, no network,")
    return Reply(200, await asyncio.to_thread(_answer, live, network, request))


def _answer(live: Live, network: Network, request: PredictRequest) -> bytes:
    names_of_state = StateEncoder.of(live.spec.context.values()).names if len(network.state_shape) == 1 else ()
    states = states_of(request.inputs, network.state_shape, names=names_of_state)
    support = getattr(live.policy, "support", None)
    low, high = Limits(live.spec).between(None)
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of it is looked at below
        mean, deviation, value = predicted(network, states, low=low, high=high)
        chances = network.chances(states) if network.choices else []
    _check_numbers(mean, deviation, value, *chances)
    names = [part.name for part in live.spec.actions.box] or list(live.spec.labels)
    answer = PredictAnswer(
        model=live.name,
        names=names,
        mean=mean.tolist(),
        standard_deviation=deviation.tolist(),
        value=value.tolist(),
        pmf={part.name: pmf.tolist() for part, pmf in zip(live.spec.actions.choices, chances, strict=True)} or UNSET,
        within_history=UNSET if support is None else [support.holds(state) for state in states],
    )
    return _encode(answer)


def states_of(inputs: Sequence[Any], shape: tuple[int, ...], *, names: Sequence[str] = ()) -> NDArray[np.float32]:
    """(n, *shape) of what was sent.

    Args:
        inputs: as they were sent.
        shape: of one state.
        names: of its numbers, in order; none of an image.

    Raises:
        Invalid: there are none or too many, or rows are not of that shape; the rows are named.
    """
    if not 1 <= len(inputs) <= MAX_INPUTS:
        raise Invalid([Fault("$.inputs", f"has {len(inputs):,} states; expected 1 to {MAX_INPUTS:,} at a time.")])
    states = np.empty((len(inputs), *shape), dtype=np.float32)
    faults: list[Fault] = []
    for i, row in enumerate(inputs):
        told = _why_not(row, shape, names)
        if told is None:
            states[i] = row
        elif len(faults) < _MAX_FAULTS:
            faults.append(Fault(f"$.inputs[{i}]", told))
    if faults:
        raise Invalid(faults, subject="the inputs")
    return states


def _numbers(shape: Sequence[int]) -> str:
    """`3 numbers`, `2 x 4 numbers`, `1 number`."""
    return f"{' x '.join(map(str, shape)) or 'no list of'} number{'s' * (tuple(shape) != (1,))}"


def _why_not(row: Any, shape: tuple[int, ...], names: Sequence[str]) -> str | None:
    """What is wrong with a state; None where nothing is."""
    expected = _numbers(shape) if len(shape) == 1 else f"nested lists of {' x '.join(map(str, shape))} numbers"
    if isinstance(row, Mapping):
        order = f", in this order: {', '.join(names)}" if names else ""
        return f"is an object; expected a list of {expected}{order}."
    try:
        found = np.array(row)
    except ValueError:  # lists of different lengths
        return f"is no even list; expected {expected}."
    if found.dtype.kind not in "iuf":
        return f"holds what is no number; expected {expected}."
    if found.shape != shape:
        return f"has {_numbers(found.shape)}; expected {expected}."
    if not (np.abs(found) <= np.finfo(np.float32).max).all():
        return "holds a number that is too large; expected what float32 can hold."
    return None


def _check_numbers(*answers: NDArray[Any]) -> None:
    """Refuse states so far out that the network answers what is no number."""
    is_good = np.logical_and.reduce([np.isfinite(part).reshape(len(part), -1).all(axis=1) for part in answers])
    bad = np.flatnonzero(np.logical_not(is_good))[:_MAX_FAULTS].tolist()
    if bad:
        told = "is so far from what the network learned from that it answers no number; expected states like those."
        raise Invalid([Fault(f"$.inputs[{i}]", told) for i in bad], subject="the inputs")


ENDPOINTS = (
    Endpoint(
        method="POST",
        path="/v1/loops/{loop}/predict",
        scope="decide",
        handler=predict,
        summary="What the champion's network makes of states: mean, standard deviation and conservative value. Not logged.",
        request=PredictRequest,
        answer=PredictAnswer,
        errors=(404, 409),
    ),
)
