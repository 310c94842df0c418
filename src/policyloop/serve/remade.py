"""Remade: what the models named in a decision's record give now, mixed as they were then.

Question answered: are the logged probabilities, mixed and of each model on its own, those that the named models give, and was
the side drawn as it should? The side needs no model but the baseline: the log has what champion and challenger said.
Letters: k actions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from policyloop.core.candidates import Candidates
from policyloop.core.event import Decision
from policyloop.core.loop import LoopSpec
from policyloop.core.model import BASELINE, IMPORTED
from policyloop.core.rng import keyed_uniform
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT, Shadow, read_shadow
from policyloop.serve.probabilities import point_of
from policyloop.serve.served import Served
from policyloop.serve.traffic import Branch, mixed, side_after, side_before


@dataclass(frozen=True, slots=True, kw_only=True)
class Remade:
    """What came of asking again."""

    pmf: list[float] | None  # (k,) what the action would be drawn from; None: not all of the models were handed in
    differences: Sequence[float]  # between logged and computed, the largest of each comparison
    is_side_alike: bool | None


def named_in(decision: Decision) -> set[str]:
    """Digests of all models that had a say in a decision."""
    names = _all_named(decision, shadow_of(decision))
    return {name for name in names if name != BASELINE and not name.startswith(IMPORTED)}


def shadow_of(decision: Decision) -> Shadow:
    """What stands beside the decision."""
    return Shadow() if decision.shadow is None else read_shadow(decision.shadow)


def remade(
    decision: Decision, asked: Mapping[str, Served], *, spec: LoopSpec, salt: bytes, candidates: Candidates | None
) -> Remade:
    """Ask again.

    Args:
        decision: as it was logged.
        asked: by name those that can be asked, among them the baseline.
        spec: the one that the decision names.
        salt: the one that the decision names.
        candidates: the set that was offered; None where the actions are labels.
    """
    if decision.action_source is not None:  # somebody else's choice was carried out
        return Remade(pmf=None, differences=(), is_side_alike=None)
    k = len(spec.labels) if candidates is None else len(candidates)
    allowed = decision.mask or [True] * k
    context = msgspec.json.decode(decision.context)
    shadow = shadow_of(decision)
    given = {name: asked[name].pmf(context, allowed, candidates) for name in _all_named(decision, shadow) if name in asked}
    logged = None if decision.pmf is None else decision.probabilities()
    pmf = _drawn_from(decision, shadow, given)
    champion = decision.policy if decision.mixture is None else decision.mixture[0][0]
    told = [
        (logged, pmf),
        (shadow.champion_probabilities, given.get(champion)),
        (shadow.probabilities, given.get(shadow.policy or "")),
    ]
    found = [_largest(then, now) for then, now in told if then is not None and now is not None]
    is_side_alike = None
    if decision.mixture is not None:
        is_side_alike = _is_side_alike(decision, shadow, given.get(BASELINE, []), salt)
    return Remade(pmf=pmf, differences=found, is_side_alike=is_side_alike)


def _all_named(decision: Decision, shadow: Shadow) -> set[str]:
    """Those who had a say, the baseline among them where it did."""
    asked = set() if shadow.policy is None else {shadow.policy}
    return {decision.policy, *asked, *(name for name, _ in decision.mixture or ())}


def _drawn_from(decision: Decision, shadow: Shadow, given: Mapping[str, list[float]]) -> list[float] | None:
    """(k,) what the action is drawn from, of what each model gives; None when one of them is missing."""
    if decision.mixture is None or shadow.by is not None:
        pmf = given.get(decision.policy)
    elif all(name in given for name, _ in decision.mixture):
        pmf = mixed(_branches(decision, given))
    else:
        return None
    return point_of(pmf) if pmf is not None and decision.propensity_kind == "point" else pmf


def _branches(decision: Decision, given: Mapping[str, Sequence[float]]) -> list[Branch]:
    """The sides of a mixture, the champion's first."""
    sides = [CHAMPION, *(HOLD_OUT if name == BASELINE else CHALLENGER for name, _ in (decision.mixture or ())[1:])]
    return [Branch(side, name, share, given[name]) for side, (name, share) in zip(sides, decision.mixture or (), strict=True)]


def _is_side_alike(decision: Decision, shadow: Shadow, baseline: Sequence[float], salt: bytes) -> bool:
    """Whether the logged side of a mixture is drawn again, from what the log says that each model said."""
    champion = shadow.champion_probabilities or decision.probabilities()
    its = {name: champion for name, _ in (decision.mixture or ())[:1]} | {BASELINE: baseline}
    if shadow.policy is not None:
        its[shadow.policy] = shadow.probabilities or []
    if any(name not in its for name, _ in decision.mixture or ()):  # the log does not say what it said
        return False
    branches = _branches(decision, its)
    if shadow.by is None:
        u = keyed_uniform(salt, decision.loop, decision.decision_id, "mixture")
        side = side_after(branches, decision.action[0], u=u)
    else:
        unit = {"subject": decision.subject, "episode": decision.episode_id, "decision": decision.decision_id}[shadow.by]
        side = side_before(branches, unit or "", salt=salt, loop=decision.loop, challenge=shadow.challenge, state=shadow.state)
    return (side.side, side.policy) == (decision.side, decision.policy)


def _largest(then: Sequence[float], now: Sequence[float]) -> float:
    """How far apart two pmfs are at most."""
    if len(then) != len(now):
        return float("inf")
    return max(abs(a - b) for a, b in zip(then, now, strict=True))
