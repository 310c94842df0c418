"""A rule: what a refresh must pass before it is live and go on passing, and what a challenge must prove.

Question answered: what does a plug-in of gate/rules promise, and which one does a spec name?
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from policyloop.core import plugins
from policyloop.core.errors import UnknownName
from policyloop.core.loop import PluginSpec
from policyloop.core.plugin_settings import names_with
from policyloop.gate.case import Case
from policyloop.gate.evidence import Evidence
from policyloop.gate.verdict import Reason

RULES = "policyloop.gate.rules"
REFRESH, CHALLENGE = "create", "create_challenge"  # the functions that make a rule for the one or the other


class Rule(Protocol):
    """A plug-in of gate/rules; `create(*, ...)` in its file makes one from its settings in YAML."""

    def judge(self, case: Case) -> tuple[Reason, ...]:
        """Before the model is live: at least one reason; each calls for PROMOTE, RETIRE or INCONCLUSIVE."""
        ...

    def watch(self, case: Case) -> tuple[Reason, ...]:
        """While it is live, at any number of looks: at least one reason; each calls for ROLLBACK or INCONCLUSIVE."""
        ...


class ChallengeRule(Protocol):
    """A plug-in of gate/rules for challenges; `create_challenge(*, ...)` in its file makes one. A file may have both."""

    def judge(self, evidence: Evidence, *, floor: float, n_uncovered: int = 0) -> tuple[Reason, ...]:
        """At any look: at least one reason; each calls for PROMOTE, RETIRE, INCONCLUSIVE or REFUSE.

        Args:
            evidence: of the challenge so far.
            floor: of the explorer, [0, 1].
            n_uncovered: events at which the challenger would take an action that was served with probability 0.
        """
        ...


def rule_of(rule: PluginSpec) -> Rule:
    """The rule for refreshes that a spec names, with its settings.

    Raises:
        UnknownName: no rule has that name, or it is none for refreshes.
        BadSetting: a setting is outside its range.
    """
    made: Rule = _maker(rule, REFRESH)(**rule.settings)
    return made


def challenge_rule_of(rule: PluginSpec) -> ChallengeRule:
    """The rule for challenges that a spec names, with its settings.

    Raises:
        UnknownName: no rule has that name, or it is none for challenges.
        BadSetting: a setting is outside its range.
    """
    made: ChallengeRule = _maker(rule, CHALLENGE)(**rule.settings)
    return made


def _maker(rule: PluginSpec, name: str) -> Callable[..., Any]:
    """The function of that name in the rule's file."""
    module = plugins.load(RULES, rule.name)
    if not hasattr(module, name):
        raise UnknownName("rule", rule.name, [plugins.as_written(RULES, known) for known in names_with(RULES, name)])
    made: Callable[..., Any] = getattr(module, name)
    return made
