"""Overrides and conflicts: what else than the logged draw decided what was done.

Question answered: how often was another action carried out than the chosen one, of which action, and how many decisions
contradict themselves? Both are left out of evidence, and leaving out more than a few of one action is itself a choice by
action, which turns true propensities untrue. Counts are those of the join.
"""

from __future__ import annotations

from collections.abc import Sequence

from policyloop.gate.verdict import Call, Reason
from policyloop.join.audit import Audit

EXECUTED, CONFLICTS = "log-executed", "log-conflicts"

MOST_EXECUTED = 0.05  # of the times that an action was chosen
MOST_CONFLICTS = 0.01  # of all decisions
_FEWEST = 20  # that tell a share from an accident


def reasons(audit: Audit, labels: Sequence[str]) -> tuple[Reason, Reason]:
    """One on overrides, one on conflicts; REFUSE above the bound.

    Args:
        audit: of the hours that are looked at, added up.
        labels: of the actions, as far as they have any.
    """
    return _executed(audit, labels), _conflicts(audit)


def _executed(audit: Audit, labels: Sequence[str]) -> Reason:
    pairs = zip(audit.instead_by_action, audit.chosen_by_action, strict=False)
    shares = [instead / chosen if instead >= _FEWEST else 0.0 for instead, chosen in pairs]
    worst = max(range(len(shares)), key=shares.__getitem__, default=None)
    share = 0.0 if worst is None else shares[worst]
    numbers = {"executed": float(audit.executed), "n": float(audit.examples), "largest_share": share}
    if worst is None or share <= MOST_EXECUTED:
        sentence = f"Another action than the chosen was carried out in {audit.executed:,} of {audit.examples:,} examples."
        return Reason(name=EXECUTED, call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True)
    name = f"'{labels[worst]}'" if worst < len(labels) else f"at place {worst}"
    sentence = (
        f"In {100 * share:.3g} % of the decisions for action {name} ({audit.instead_by_action[worst]:,} of "
        f"{audit.chosen_by_action[worst]:,}) another one was carried out; above {100 * MOST_EXECUTED:g} % what is left is no "
        f"fair draw. Mask actions that cannot be carried out when you ask for the decision."
    )
    return Reason(name=EXECUTED, call=Call.REFUSE, sentence=sentence, numbers=numbers, is_check=True)


def _conflicts(audit: Audit) -> Reason:
    share = audit.conflict / audit.decisions if audit.decisions else 0.0
    numbers = {"conflicts": float(audit.conflict), "n": float(audit.decisions), "share": share}
    if share <= MOST_CONFLICTS or audit.conflict < _FEWEST:
        sentence = f"{audit.conflict:,} of {audit.decisions:,} decisions were logged twice with different probabilities."
        return Reason(name=CONFLICTS, call=Call.PROMOTE, sentence=sentence, numbers=numbers, is_check=True)
    sentence = (
        f"{100 * share:.3g} % of the decisions ({audit.conflict:,} of {audit.decisions:,}) were logged twice with different "
        f"probabilities or contexts; above {100 * MOST_CONFLICTS:g} % no evidence is trusted. Send each decision once, or the "
        f"same context with the same decision_id."
    )
    return Reason(name=CONFLICTS, call=Call.REFUSE, sentence=sentence, numbers=numbers, is_check=True)
