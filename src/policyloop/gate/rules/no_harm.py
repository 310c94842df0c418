"""No harm: a refresh goes live unless the evidence shows that it earns less than the champion, or than the anchor.

Question answered: is there evidence against this newer model of the same recipe? Against the anchor as well, so that many
small losses, each too small to see, do not add up unseen. While it is live the evidence goes on, and harm found then rolls
it back; those looks are many, so they use a bound that holds over all of them.
Source: DESIGN section 6; evaluate/interval.py for the bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from policyloop.core.errors import BadSetting
from policyloop.evaluate.belief import MUCH_UNSUPPORTED
from policyloop.evaluate.compare import Comparison
from policyloop.gate.case import Case
from policyloop.gate.harm import look_for_harm
from policyloop.gate.verdict import Call, Reason, number

_WAY_OUT = "set explore.floor above 0, or promote it yourself with `policyloop promote`."


def create(*, alpha: float = 0.05) -> NoHarm:
    """The rule.

    Args:
        alpha: chance that a harmless model is held back, or over its whole life rolled back; in (0, .5).

    Raises:
        BadSetting: `alpha` is outside its range.
    """
    if not 0 < alpha < 0.5:
        raise BadSetting(f"gate.refresh.alpha is {alpha}; expected a number above 0 and below 0.5, such as 0.05.")
    return NoHarm(alpha)


@dataclass(frozen=True, slots=True)
class NoHarm:
    """The rule with its level."""

    alpha: float

    def judge(self, case: Case) -> tuple[Reason, ...]:
        """RETIRE on harm against the champion or the anchor, else PROMOTE; REFUSE where the log cannot tell."""
        if (refusal := _refusal(case)) is not None:
            return (refusal,)
        judged = [self._judge_one("no-harm", case.whom, case.champion, case.span)]
        if case.anchor is not None:
            judged.append(self._judge_one("no-harm-anchor", "the anchor", case.anchor, case.span))
        return _with_what_follows(judged)

    def watch(self, case: Case) -> tuple[Reason, ...]:
        """ROLLBACK on harm against the model before; the level holds over all looks together."""
        harm = look_for_harm(case.champion.difference, alpha=self.alpha, span=case.span, is_repeated=True)
        call = Call.ROLLBACK if harm.is_seen else Call.INCONCLUSIVE
        return (Reason(name="no-harm", call=call, sentence=harm.told("the model before it"), numbers=harm.numbers),)

    def _judge_one(self, name: str, whom: str, comparison: Comparison, span: float) -> _Judged:
        harm = look_for_harm(comparison.difference, alpha=self.alpha, span=span, is_repeated=False)
        call = Call.RETIRE if harm.is_seen else Call.PROMOTE
        return _Judged(Reason(name=name, call=call, sentence=harm.told(whom), numbers=harm.numbers), harm.is_too_few)


@dataclass(frozen=True, slots=True)
class _Judged:
    """One comparison."""

    reason: Reason
    is_too_few: bool


def _with_what_follows(judged: list[_Judged]) -> tuple[Reason, ...]:
    """The reasons; where too few events let the model through, the last of them that says so says what follows, too."""
    reasons = [one.reason for one in judged]
    few = [place for place, one in enumerate(judged) if one.is_too_few]
    if few and all(reason.is_passed for reason in reasons):
        last = reasons[few[-1]]
        reasons[few[-1]] = replace(last, sentence=f"{last.sentence} It goes live, and the evidence goes on.")
    return tuple(reasons)


def _refusal(case: Case) -> Reason | None:
    """Why the log cannot tell what the model would have earned, where it cannot.

    A new action starts with its share of the floor, which older decisions did not have; so much is never refused.
    """
    unsupported = case.champion.overlap.unsupported  # NaN where it is not known
    if case.floor == 0:
        sentence = f"explore.floor is 0, so the log cannot show what other actions would have earned: {_WAY_OUT}"
    elif unsupported > max(MUCH_UNSUPPORTED, case.floor):
        sentence = (
            f"{unsupported:.1%} of what it would do are actions that the log gave the probability 0, so the log cannot show "
            f"what they would have earned: let it be decided on for a while with every action allowed, or promote it yourself "
            f"with `policyloop promote`."
        )
    else:
        return None
    return Reason(
        name="no-harm", call=Call.REFUSE, sentence=sentence, numbers={"floor": case.floor, "unsupported": number(unsupported)}
    )
