"""A rule: what a refresh must pass before it is live, and what it must go on passing.

Question answered: what does a plug-in of gate/rules promise, and which one does a spec name?
"""

from __future__ import annotations

from typing import Protocol

from policyloop.core import plugins
from policyloop.core.loop import PluginSpec
from policyloop.gate.case import Case
from policyloop.gate.verdict import Reason

RULES = "policyloop.gate.rules"


class Rule(Protocol):
    """A plug-in of gate/rules; `create(*, ...)` in its file makes one from its settings in YAML."""

    def judge(self, case: Case) -> tuple[Reason, ...]:
        """Before the model is live: at least one reason; each calls for PROMOTE, RETIRE or INCONCLUSIVE."""
        ...

    def watch(self, case: Case) -> tuple[Reason, ...]:
        """While it is live, at any number of looks: at least one reason; each calls for ROLLBACK or INCONCLUSIVE."""
        ...


def rule_of(rule: PluginSpec) -> Rule:
    """The rule that a spec names, with its settings.

    Raises:
        UnknownName: no rule has that name.
        BadSetting: a setting is outside its range.
    """
    made: Rule = plugins.load(RULES, rule.name).create(**rule.settings)
    return made
