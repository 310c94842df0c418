"""Replay of a decision that is numbers: drawn again from its logged density, and computed again by the model it names.

Question answered: are the logged numbers those that the density and the deployment's key lead to, and does the named model
still give that density and expect that return? The first holds anywhere; a network computes in single precision, so that on
another machine it gives the same to 1e-5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import msgspec

from policyloop.core.density import Density
from policyloop.core.event import Decision, unpack_floats
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE
from policyloop.core.rng import keyed_uniform
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT
from policyloop.serve.box import Box, box_of, in_state
from policyloop.serve.chances import Chances, drawn_from
from policyloop.serve.remade import shadow_of
from policyloop.serve.traffic import Branch, side_before

TOLERANCE = 1e-12
NETWORK_TOLERANCE = 1e-5
_PARAMETERS = ("loc", "scale", "center", "half", "low", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxReplay:
    """What came of making a decision again. None: it could not be asked."""

    logged: Mapping[str, float | str]  # by part
    drawn: Mapping[str, float | str] | None  # from the logged density; None: another system drew it
    is_drawn_alike: bool | None
    is_split_alike: bool | None
    is_propensity_alike: bool | None  # the logged propensity is what the density gives
    is_side_alike: bool | None  # drawn again; None: one alone could decide
    largest_difference: float | None  # of logged and computed density and return; None: the model was not handed in

    @property
    def agrees(self) -> bool:
        """Whether nothing that could be asked differs."""
        is_alike = self.largest_difference is None or self.largest_difference <= NETWORK_TOLERANCE
        asked = (self.is_drawn_alike, self.is_split_alike, self.is_propensity_alike, self.is_side_alike)
        return is_alike and False not in asked

    def sentences(self) -> list[str]:
        """The same for people, one finding each."""
        said = []
        if self.is_drawn_alike is None:
            said.append("The action was not drawn by us, so it cannot be drawn again.")
        elif self.is_drawn_alike:
            said.append("From the logged density the draw gives the same values again.")
        else:
            said.append(f"From the logged density the draw gives {self.drawn}; logged is {self.logged}.")
        if self.is_propensity_alike is False:
            said.append("The logged propensity is not what the logged density gives these values.")
        if self.is_side_alike is False:
            said.append("The logged side is not the one that the draw leads to.")
        if self.is_split_alike is False:
            said.append("The logged split is not the one that the id leads to.")
        if self.largest_difference is None:
            said.append("The density was not computed again.")
        else:
            alike = "agree" if self.largest_difference <= NETWORK_TOLERANCE else "differ"
            said.append(f"Logged and computed densities {alike}: they are {self.largest_difference:.3g} apart at most.")
        return said


def replay_numbers(decision: Decision, spec: LoopSpec, *, salt: bytes, policies: Mapping[str, Any]) -> BoxReplay:
    """Draw again, and compute again where the model is at hand.

    Args:
        spec: the one that the decision names.
        salt: the one that the decision names, which the caller has seen to.
        policies: by digest the models that the decision names, `ready` under the spec; the baseline needs none handed in.
    """
    box = box_of(spec)
    assert box is not None, "the loop's actions are numbers"
    values = decision.action_value or []
    chances = _logged(decision)
    again = None
    if decision.draw_version != 0 and chances is not None:
        again = drawn_from(chances, partial(keyed_uniform, salt, decision.loop, decision.decision_id))
    unit = decision.episode_id or decision.decision_id
    return BoxReplay(
        logged=box.named(decision.action, values),
        drawn=None if again is None else box.named(again.choices, again.values),
        is_drawn_alike=None if again is None else again.choices == decision.action and _near(again.values, values),
        is_split_alike=None
        if decision.salt_id is None
        else decision.split == keyed_uniform(salt, decision.loop, unit, "split"),
        is_propensity_alike=None
        if chances is None
        else math.isclose(decision.propensity, chances.at(decision.action, values), rel_tol=TOLERANCE),
        is_side_alike=None if decision.mixture is None else _is_side_alike(decision, salt),
        largest_difference=None if chances is None else _difference(decision, box, chances, policies),
    )


def _logged(decision: Decision) -> Chances | None:
    """What the log says that the action was drawn from; None where another system did not say."""
    if decision.density is None:
        return None
    return Chances(Density.from_json(decision.density), [unpack_floats(pmf) for pmf in decision.pmf or []])


def _difference(decision: Decision, box: Box, logged: Chances, policies: Mapping[str, Any]) -> float | None:
    """How far the named model's density and expected return are from those logged; None when it was not handed in."""
    context = msgspec.json.decode(decision.context)
    low, high = logged.density.low, logged.density.high
    if decision.policy == BASELINE:
        given = box.of_baseline(context, low, high)
        return min(_apart(logged, one) for one in (given, given.point()))
    policy = policies.get(decision.policy)
    if policy is None:
        return None
    here = in_state(policy, context)
    given = box.of_model(here, low, high)
    alike = min(_apart(logged, one) for one in (given, given.point(), _nearest(given)))
    expected = decision.action_value_estimate
    if expected is None:
        return alike
    value = here.value(decision.action_value or [], decision.action)
    return max(alike, abs(value - expected) / max(1.0, abs(expected)))


def _nearest(chances: Chances) -> Chances:
    """What is logged of a bell of which nothing is left between the limits."""
    sure = chances.point()
    return Chances(sure.density.with_floor(chances.density.floor), chances.pmfs)


def _apart(then: Chances, now: Chances) -> float:
    """The largest difference of two; infinite where they are of different families."""
    a, b = then.density, now.density
    if a.family != b.family or len(then.pmfs) != len(now.pmfs):
        return math.inf
    pairs = [(getattr(a, name), getattr(b, name)) for name in _PARAMETERS] + list(zip(then.pmfs, now.pmfs, strict=True))
    if any(len(x) != len(y) for x, y in pairs):
        return math.inf
    apart: list[float] = [abs(p - q) for x, y in pairs for p, q in zip(x, y, strict=True)]
    return max(abs(a.floor - b.floor), *apart)


def _is_side_alike(decision: Decision, salt: bytes) -> bool:
    """Whether the side is drawn again as it was logged."""
    shadow, mixture = shadow_of(decision), decision.mixture or []
    names = [CHAMPION, *(HOLD_OUT if name == BASELINE else CHALLENGER for name, _ in mixture[1:])]
    branches = [Branch(side, name, share, ()) for side, (name, share) in zip(names, mixture, strict=True)]
    units = {"subject": decision.subject, "episode": decision.episode_id, "decision": decision.decision_id}
    unit = units[shadow.by or "decision"] or ""
    side = side_before(branches, unit, salt=salt, loop=decision.loop, challenge=shadow.challenge, state=shadow.state)
    return side.side == decision.side


def _near(then: Sequence[float], now: Sequence[float]) -> bool:
    """Whether they are the same numbers, but for rounding."""
    pairs = zip(then, now, strict=False)
    return len(then) == len(now) and all(math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=TOLERANCE) for a, b in pairs)
