"""Point: the classic rule, kept for comparison. The higher estimate goes live, however little it rests on.

Question answered: is the challenger's estimate above the champion's? No interval is looked at, so with few events it
lets a worse model through nearly as often as a better one; `no-harm` is the rule to use.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.gate.case import Case
from policyloop.gate.evidence import Evidence
from policyloop.gate.verdict import Call, Reason, number


def create() -> Point:
    """The rule; it has no settings."""
    return Point()


def create_challenge() -> PointOfChallenge:
    """The same rule for challenges; it has no settings."""
    return PointOfChallenge()


@dataclass(frozen=True, slots=True)
class Point:
    """The rule."""

    def judge(self, case: Case) -> tuple[Reason, ...]:
        """PROMOTE when the challenger's estimate is above the champion's, else RETIRE; INCONCLUSIVE without examples."""
        new, old = case.champion.challenger, case.champion.champion
        numbers = {"challenger": number(new.value), "champion": number(old.value), "n": float(new.n)}
        if new.n == 0:
            sentence = "There are no evaluation events yet, so there is nothing to compare."
            return (Reason(name="point", call=Call.INCONCLUSIVE, sentence=sentence, numbers=numbers),)
        is_above = new.value > old.value
        sentence = (
            f"Its estimate {new.value:.4g} is {'above' if is_above else 'not above'} the champion's {old.value:.4g} "
            f"({new.n:,} evaluation events)."
        )
        return (Reason(name="point", call=Call.PROMOTE if is_above else Call.RETIRE, sentence=sentence, numbers=numbers),)

    def watch(self, case: Case) -> tuple[Reason, ...]:
        """The classic rule does not look back: always INCONCLUSIVE."""
        sentence = f"The rule `point` does not watch a live model ({case.champion.difference.n:,} evaluation events)."
        return (Reason(name="point", call=Call.INCONCLUSIVE, sentence=sentence),)


@dataclass(frozen=True, slots=True)
class PointOfChallenge:
    """The rule, for a challenge."""

    def judge(self, evidence: Evidence, *, floor: float, n_uncovered: int = 0) -> tuple[Reason, ...]:
        """PROMOTE when the difference is above 0, else RETIRE; INCONCLUSIVE without events, REFUSE without support."""
        if floor <= 0 or n_uncovered > 0:
            sentence = "Some actions that the challenger takes are never served, so the log cannot tell what they earn."
            return (Reason(name="point", call=Call.REFUSE, sentence=sentence),)
        numbers = {"difference": number(evidence.mean), "n": float(evidence.n)}
        if evidence.n == 0:
            sentence = "No events of this challenge have matured yet, so there is nothing to compare."
            return (Reason(name="point", call=Call.INCONCLUSIVE, sentence=sentence, numbers=numbers),)
        call = Call.PROMOTE if evidence.mean > 0 else Call.RETIRE
        sentence = f"The estimated difference is {evidence.mean:+.4g} in {evidence.n:,} events."
        return (Reason(name="point", call=call, sentence=sentence, numbers=numbers),)
