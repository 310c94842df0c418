"""Traffic: who else may decide beside the champion, with which share, and which side a decision fell on.

Question answered: from which probabilities is this action drawn, and whose decision was it?
A challenger in the state SHADOW is only asked. In CANARY and RAMP it decides a share of what the hold-out leaves; the
baseline keeps the hold-out for good. Mostly the action is drawn from the *mixture* of their probabilities, and the side
after it, with the chance that the action came from there:

    P(a) P(side | a) = P(a) share pmf_side(a) / P(a) = share pmf_side(a)

which is the law of drawing the side first, with weights that are never larger than 1 / share. Where one unit has to stay on
one side, the side comes first, by a keyed hash of the unit, and the action is drawn from that side's probabilities: the
steps of an episode, and the decisions about a subject where the loop is sticky. So it is where nothing is explored: the
side first, then its most probable action. The hold-out's hash knows nothing of challenges, so who is held out stays so.
Letters: k actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import mul
from typing import Literal

import msgspec

from policyloop.core.model import BASELINE
from policyloop.core.rng import keyed_uniform
from policyloop.core.shadow import CHALLENGER, CHAMPION, HOLD_OUT
from policyloop.serve.fallback import Breaker
from policyloop.serve.served import Served

State = Literal["shadow", "advisory", "canary", "ramp"]
STATES: tuple[State, ...] = ("shadow", "advisory", "canary", "ramp")
ONLY_ASKED = STATES[:2]  # in which no decision is the challenger's own


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenger:
    """The model of a challenge. Immutable, but for the breaker's counts."""

    challenge: str  # whose
    state: State
    name: str  # the model's digest
    policy: Served = field(compare=False)  # told by name, and by the breaker that it came with
    share: float  # of what the hold-out leaves, in (0, 1); without effect where it is only asked
    breaker: Breaker

    @property
    def decides(self) -> float:
        """Its share of what the hold-out leaves, now."""
        return 0.0 if self.state in ONLY_ASKED else self.share


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Who may decide beside the champion; at least one of the two is there."""

    challenger: Challenger | None = None
    hold_out: float = 0.0  # share of all decisions that the baseline keeps, [0, 1)
    is_sticky: bool = False  # a subject stays on one side


def state_of(name: str) -> State | None:
    """The state of a challenge by its name, in small or capital letters; None in those in which nobody asks the challenger."""
    return next((state for state in STATES if state == name.lower()), None)


class Branch(msgspec.Struct, frozen=True, gc=False):
    """One side of a decision: who, how often, and with which probabilities."""

    side: str
    policy: str
    share: float
    pmf: Sequence[float]  # k


def branches_of(
    traffic: Traffic,
    *,
    champion: str,
    champion_pmf: Sequence[float],
    challenger_pmf: Sequence[float] | None,
    baseline_pmf: Sequence[float] | None,
) -> list[Branch]:
    """The sides that a decision may fall on, the champion's first.

    Args:
        champion: the model's digest.
        champion_pmf: (k,) what it gave.
        challenger_pmf: (k,) what the challenger gave; None: it has no share in this decision, and the champion has it all.
        baseline_pmf: (k,); None without a hold-out.
    """
    challenger = traffic.challenger
    rest = 1.0 - traffic.hold_out
    taken = 0.0 if challenger is None or challenger_pmf is None else challenger.decides
    branches = [Branch(CHAMPION, champion, rest * (1.0 - taken), champion_pmf)]
    if taken > 0.0 and challenger is not None and challenger_pmf is not None:
        branches.append(Branch(CHALLENGER, challenger.name, rest * taken, challenger_pmf))
    if baseline_pmf is not None:
        branches.append(Branch(HOLD_OUT, BASELINE, traffic.hold_out, baseline_pmf))
    return branches


def mixed(branches: Sequence[Branch]) -> list[float]:
    """(k,) the probabilities of drawing a side and then its action; those of the only one as they are."""
    first = branches[0]
    if len(branches) == 1:
        return list(first.pmf)
    if len(branches) == 2:  # nearly always, and several times as fast
        other = branches[1]
        s, o = first.share, other.share
        pmf = [s * p + o * q for p, q in zip(first.pmf, other.pmf, strict=True)]
    else:
        shares = [branch.share for branch in branches]
        pmf = [sum(map(mul, shares, column)) for column in zip(*[branch.pmf for branch in branches], strict=True)]
    # where all agree on one action, rounded shares could make more than 1 of it
    return pmf if max(pmf) <= 1.0 else [min(p, 1.0) for p in pmf]


def side_after(branches: Sequence[Branch], action: int, *, u: float) -> Branch:
    """The side of an action that was drawn from the mixture; `u` in [0, 1) is the number of the stream `mixture`."""
    of_side = [branch.share * branch.pmf[action] for branch in branches]
    left = u * sum(of_side)
    last = branches[0]
    for branch, part in zip(branches, of_side, strict=True):
        if part > 0.0:
            left -= part
            last = branch
            if left < 0.0:
                break
    return last


def side_before(
    branches: Sequence[Branch], unit: str, *, salt: bytes, loop: str, challenge: str | None, state: str | None
) -> Branch:
    """The side that a unit is on, whatever it does.

    Args:
        branches: as `branches_of` gives them.
        unit: the subject's hash, the episode's id or the decision's.
        salt: the deployment's key.
        loop: its name.
        challenge: with `state`, what the challenger's side is drawn anew for; None without a challenge.
        state: of the challenge.
    """
    shares = {branch.side: branch.share for branch in branches}
    of_side = {branch.side: branch for branch in branches}
    held = shares.get(HOLD_OUT, 0.0)
    if held > 0.0 and keyed_uniform(salt, loop, unit, "hold-out") < held:
        return of_side[HOLD_OUT]
    taken = shares.get(CHALLENGER, 0.0)
    if taken > 0.0:
        u = keyed_uniform(salt, loop, unit, f"mixture {challenge} {state}")
        if u * (shares[CHAMPION] + taken) < taken:
            return of_side[CHALLENGER]
    return of_side[CHAMPION]
