"""What is allowed in a loop file and yet likely a mistake: sentences for `apply`, `init` and the console.

Question answered: how large can an importance weight get, can the gate ever see anything, does the range fit?
"""

from __future__ import annotations

import math

from policyloop.core.duration import show_duration
from policyloop.core.loop import LoopSpec
from policyloop.core.spec_episodes import reward_names
from policyloop.core.spec_reward import reachable_range

STARVING_WEIGHT = 1000.0  # beyond it, the gate needs more events than most loops ever see
_ENOUGH_ESS = 200  # effective examples below which an interval says little


def largest_weight(spec: LoopSpec, *, n_actions: int | None = None) -> float:
    """The largest importance weight that the floor allows: actions / floor; infinite without a floor.

    Args:
        n_actions: how many are offered at once; None: as many as the spec allows.
    """
    return math.inf if spec.explore.floor == 0 else (n_actions or _most_actions(spec)) / spec.explore.floor


def warnings_of(spec: LoopSpec) -> list[str]:
    """Sentences, each with the key that it is about; empty when nothing looks odd."""
    return [*about_weights(spec), *_about_range(spec), *_about_use(spec), *_about_time(spec), *_about_episodes(spec)]


def about_weights(spec: LoopSpec, *, n_actions: int | None = None) -> list[str]:
    """Whether the floor leaves the gate something to see; `n_actions` as in `largest_weight`."""
    if spec.has_box:
        return []  # numbers are compared by densities, and episodes by the model that was drawn for each
    weight = largest_weight(spec, n_actions=n_actions)
    if math.isinf(weight):
        return ["explore.floor is 0: actions may never be tried, so no gate can pass; use 0.02 or more."]
    if weight <= STARVING_WEIGHT or spec.train.split == 1:
        return []
    n_events = round(_ENOUGH_ESS * weight / (1 - spec.train.split), -3)
    hint = _hint(spec) if n_actions is None else ""
    return [
        f"explore.floor is {spec.explore.floor:g} over {n_actions or _most_actions(spec)} actions: one example may weigh "
        f"{weight:,.0f}, so the gate may need about {n_events:,.0f} decisions to see a policy that chooses otherwise.{hint}"
    ]


def _most_actions(spec: LoopSpec) -> int:
    """How many may be offered at once."""
    return spec.actions.max if spec.is_candidates else len(spec.labels)


def _hint(spec: LoopSpec) -> str:
    """What to do where fewer candidates come than may come."""
    return " Say in actions.max how many candidates come at most." if spec.is_candidates else ""


def constant_rewards(spec: LoopSpec) -> list[str]:
    """Whether the expression and the range allow one reward only."""
    low, high = _reachable(spec)
    if low == high:
        return [f"reward.expression is {low:g} whatever happens: there is nothing to learn."]
    if high <= spec.reward.low or low >= spec.reward.high:
        return [f"reward.range does not meet the expression, so every reward is clipped to one number: {_span(spec)}."]
    return []


def _about_range(spec: LoopSpec) -> list[str]:
    if constant := constant_rewards(spec):
        return constant
    reward, span = spec.reward, _span(spec)
    low, high = _reachable(spec)
    found = []
    if low < reward.low or high > reward.high:
        found.append(f"reward.range can be exceeded, and what lies outside is clipped: {span}.")
    slack = 1e-9 * (reward.high - reward.low)
    if low > reward.low + slack or high < reward.high - slack:
        found.append(f"reward.range is wider than need be, which makes intervals wide: {span}.")
    return found


def _reachable(spec: LoopSpec) -> tuple[float, float]:
    """The smallest and the largest value of the expression."""
    more = None if spec.episodes is None else reward_names(spec.context, spec.actions)
    reachable = reachable_range(spec.reward.expression, spec.outcomes, more=more)
    assert reachable is not None, "a spec was made with an expression that can be undefined"
    return reachable


def _span(spec: LoopSpec) -> str:
    low, high = _reachable(spec)
    return f"the range is [{spec.reward.low:g}, {spec.reward.high:g}], the expression lies in [{low:g}, {high:g}]"


def _about_use(spec: LoopSpec) -> list[str]:
    unused = [name for name in spec.outcomes if name not in spec.reward.expression.names]
    found = [f"outcomes.{name} is not used by reward.expression; it is stored and counted only." for name in unused]
    if len(spec.labels) == 1:
        found.append("actions.labels has one label: there is nothing to choose.")
    never = [field.name for field in spec.context.values() if field.store == "never" and field.name != spec.subject]
    found += [f"context.{name} has `store: never`: it is not in the examples, so nothing learns from it." for name in never]
    if spec.train.split == 1:
        found.append("train.split is 1: no decision is left for evaluation, so the gate sees nothing.")
    return found


def _about_time(spec: LoopSpec) -> list[str]:
    found = []
    if spec.train.window_s is not None and spec.reward.window_s >= spec.train.window_s:
        found.append(
            f"reward.window ({show_duration(spec.reward.window_s)}) is not shorter than train.window "
            f"({show_duration(spec.train.window_s)}): examples are too old to learn from when they are ready."
        )
    if spec.reward.close == "final":
        found.append(
            "reward.close is final: only for clients that send a final outcome for every decision, or rewards are biased."
        )
    return found


def _about_episodes(spec: LoopSpec) -> list[str]:
    """What the gate of episodes cannot do."""
    if spec.episodes is None:
        return []
    found = []
    reserved = [guard.name for guard in spec.gate.guards if guard.name not in spec.outcomes]
    if reserved:
        found.append(
            f"gate.guards of reserved names are not watched in loops with episodes ({', '.join(reserved)}): challenges are "
            f"judged by whole returns, slices and guards on outcomes; put what must not get worse into one of these."
        )
    if spec.gate.hold_out and spec.episodes.max_steps is None:
        found.append(
            "gate.hold_out is set and episodes.max_steps is not, so nothing bounds the return of an episode, and harm done by "
            "what is live is not found."
        )
    return found
