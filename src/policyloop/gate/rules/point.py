"""Point: the classic rule, kept for comparison. The higher estimate goes live, however little it rests on.

Question answered: is the challenger's estimate above the champion's? No interval is looked at, so with few events it
lets a worse model through nearly as often as a better one; `no-harm` is the rule to use.
"""

from __future__ import annotations

from dataclasses import dataclass

from policyloop.gate.case import Case
from policyloop.gate.verdict import Call, Reason, number


def create() -> Point:
    """The rule; it has no settings."""
    return Point()


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
