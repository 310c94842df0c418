"""Proven better: a challenger of another recipe goes live only on evidence that holds however often one looks.

Question answered: has this challenger shown that it earns more than the champion? At level alpha a challenger that is never
better is promoted with probability at most alpha over its whole life, and one that is never worse is retired so.
Source: DESIGN section 6; gate/evidence.py for the e-values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from policyloop.core.errors import BadSetting
from policyloop.gate.evidence import Evidence, sure
from policyloop.gate.verdict import Call, Number, Reason, number

FEWEST_EVENTS = 1000
FEWEST_TELLING = 20
SMALLEST_ESS = 200.0
LARGEST_SHARE = 0.1  # of the squared weight, by one event

_NAME = "proven-better"


def create_challenge(*, alpha: float = 0.05) -> ProvenBetter:
    """The rule.

    Args:
        alpha: chance that a challenger which is never better is ever promoted; the same for retiring; in (0, .5).

    Raises:
        BadSetting: `alpha` is outside its range.
    """
    if not 0 < alpha < 0.5:
        raise BadSetting(f"gate.challenge.alpha is {alpha}; expected a number above 0 and below 0.5, such as 0.05.")
    return ProvenBetter(alpha)


@dataclass(frozen=True, slots=True)
class ProvenBetter:
    """The rule with its level."""

    alpha: float

    def judge(self, evidence: Evidence, *, floor: float, n_uncovered: int = 0) -> tuple[Reason, ...]:
        """PROMOTE on proof, RETIRE on proof of the contrary, INCONCLUSIVE between; REFUSE where the log cannot tell.

        Args:
            evidence: of the challenge so far.
            floor: of the explorer, [0, 1].
            n_uncovered: events at which the challenger would take an action that was served with probability 0.
        """
        if (refusal := _refusal(floor, n_uncovered)) is not None:
            return (refusal,)
        if evidence.e_worse >= 1 / self.alpha:
            return (self._reason(evidence, Call.RETIRE),)
        if not self._is_proven(evidence):
            return (self._reason(evidence, Call.INCONCLUSIVE),)
        return (self._reason(evidence, Call.PROMOTE), *(_lack(sentence) for sentence in _lacks(evidence)))

    def _is_proven(self, evidence: Evidence) -> bool:
        """Better at some time by the e-value, and on the average of all the time by the bound."""
        return evidence.e_better >= 1 / self.alpha and evidence.lower(alpha=self.alpha) > 0

    def _reason(self, evidence: Evidence, call: Call) -> Reason:
        """What the evidence says, in a sentence and in its numbers."""
        low, high = evidence.interval(alpha=self.alpha)
        e_better, e_worse = evidence.e_better, evidence.e_worse
        numbers: dict[str, Number] = {
            "difference": number(evidence.mean),
            "low": number(low),
            "high": number(high),
            "e_better": number(e_better),
            "e_worse": number(e_worse),
            "needed": 1 / self.alpha,
            "alpha": self.alpha,
            "n": float(evidence.n),
            "n_telling": float(evidence.n_telling),
            "ess": evidence.ess,
            "largest_share": evidence.largest_share,
        }
        if evidence.n == 0:
            sentence = "No events of this challenge have matured yet, so nothing can be said."
        else:
            odds = _odds(e_worse if call == Call.RETIRE else e_better)
            sentence = _SENTENCES[call].format(
                n=evidence.n,
                difference=evidence.mean,
                sure=sure(evidence, alpha=self.alpha, settled=_SETTLED.get(call)),
                odds=f"{odds} to 1",
                needed=f"{1 / self.alpha:g} to 1",
            )
        return Reason(name=_NAME, call=call, sentence=sentence, numbers=numbers)


_SETTLED: dict[Call, Literal["better", "worse"]] = {Call.PROMOTE: "better", Call.RETIRE: "worse"}
_SENTENCES = {
    Call.PROMOTE: (
        "Proven better in {n:,} events: it earns {difference:+.4g} a decision beside the champion, {sure}. The odds that it is "
        "better stand {odds}; {needed} is asked for, and counts however often one looks."
    ),
    Call.RETIRE: (
        "Worse than the champion: in {n:,} events it earns {difference:+.4g} a decision beside it, {sure}. The odds that it is "
        "worse stand {odds}; {needed} settles it."
    ),
    Call.INCONCLUSIVE: (
        "Not settled after {n:,} events: it earns {difference:+.4g} a decision beside the champion, {sure}. The odds that it "
        "is better stand {odds}; {needed} is asked for. A tie never goes live."
    ),
}


def _refusal(floor: float, n_uncovered: int) -> Reason | None:
    """Why the log cannot tell anything, where it cannot."""
    if floor <= 0:
        sentence = (
            "explore.floor is 0, so some actions are never tried and the log cannot show what they would have earned: "
            "set explore.floor above 0."
        )
        return Reason(name=_NAME, call=Call.REFUSE, sentence=sentence, numbers={"floor": floor})
    if n_uncovered > 0:
        sentence = (
            f"At {n_uncovered:,} events the challenger would take an action that was served with probability 0, so the log "
            f"cannot tell what it would have earned: give it a canary, or a floor that reaches every action."
        )
        return Reason(name=_NAME, call=Call.REFUSE, sentence=sentence, numbers={"n_uncovered": float(n_uncovered)})
    return None


def _lack(sentence: str) -> Reason:
    return Reason(name="minimum-evidence", call=Call.INCONCLUSIVE, sentence=sentence)


def _lacks(evidence: Evidence) -> list[str]:
    """What proof is still missing, so that it does not rest on a handful of events."""
    lacks = []
    if evidence.n < FEWEST_EVENTS:
        lacks.append(f"{evidence.n:,} events have matured; a promotion waits for {FEWEST_EVENTS:,}.")
    if evidence.n_telling < FEWEST_TELLING:
        lacks.append(
            f"{evidence.n_telling} events took the challenger's favourite where the champion has another; a promotion waits "
            f"for {FEWEST_TELLING}."
        )
    if evidence.ess < SMALLEST_ESS:
        lacks.append(f"The events weigh as much as {evidence.ess:.0f} equal ones; a promotion waits for {SMALLEST_ESS:.0f}.")
    if evidence.largest_share > LARGEST_SHARE:
        lacks.append(
            f"One event carries {100 * evidence.largest_share:.0f} % of the squared weight; a promotion waits until none "
            f"carries more than {100 * LARGEST_SHARE:.0f} %."
        )
    return lacks


def _odds(e_value: float) -> str:
    """As people say odds: with one digit while they are small, and no more digits than anyone believes."""
    if e_value > 1e6:
        return "more than a million"
    return f"{e_value:,.0f}" if e_value >= 10 else f"{e_value:.2g}"
