"""The hold-out: a share of the traffic that stays with the baseline for good, and so can tell that a whole line went wrong.

Question answered: do the models that are live earn less than the baseline does? Each refresh was compared with the one before
it; many losses too small to see would add up unseen. Here they are seen: ROLLBACK, to the line's anchor.
Source: DESIGN section 6; gate/evidence.py, with the model that is live as the challenger and the baseline as the champion.
"""

from __future__ import annotations

from policyloop.gate.evidence import Evidence
from policyloop.gate.verdict import Call, Reason, number

ALPHA = 0.01  # a roll-back throws away weeks of learning, so a false one is five times rarer than a false promotion


def look_at_line(evidence: Evidence, *, alpha: float = ALPHA, is_of_episodes: bool = False) -> Reason:
    """ROLLBACK when the line is worse than the baseline, else INCONCLUSIVE; at any number of looks.

    Args:
        evidence: of live model minus baseline, since the line's anchor went live.
        alpha: chance that a line which is never worse is ever rolled back.
        is_of_episodes: whether whole returns are the evidence, and not decisions.
    """
    is_worse = evidence.e_worse >= 1 / alpha
    low, high = evidence.interval(alpha=2 * alpha)
    if evidence.n == 0:
        sentence = "Nothing of the hold-out has matured yet."
    else:
        each, of = ("an episode", "closed episodes") if is_of_episodes else ("a decision", "events")
        told = f"{evidence.mean:+.4g} {each} beside the baseline in {evidence.n:,} {of}"
        sure = f"{100 * (1 - alpha):g} % sure at most {high:+.4g}"
        sentence = f"The line earns {told}, {sure}{'' if is_worse else '; no harm is proven'}."
    numbers = {
        "difference": number(evidence.mean),
        "low": number(low),
        "high": number(high),
        "e_worse": number(evidence.e_worse),
        "needed": 1 / alpha,
        "alpha": alpha,
        "n": float(evidence.n),
    }
    return Reason(name="hold-out", call=Call.ROLLBACK if is_worse else Call.INCONCLUSIVE, sentence=sentence, numbers=numbers)
