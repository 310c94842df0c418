"""What every gate rule promises. A new file in `gate/rules/` is tested here without an edit."""

import pytest

from policyloop.core import plugins
from policyloop.core.errors import UnknownName
from policyloop.core.loop import PluginSpec
from policyloop.gate.case import case_of
from policyloop.gate.entrant import Entrant
from policyloop.gate.rule import RULES, rule_of
from policyloop.gate.verdict import Call


def entrant(model, policy):
    return Entrant(model, policy, rewards=policy)


@pytest.fixture(params=plugins.ours(RULES))
def rule(request):
    return rule_of(PluginSpec(name=request.param))


@pytest.fixture(params=[0, 1, 2, 500])
def case(request, policy_of, worse, spec, log):
    return case_of(
        entrant("new", worse),
        champion=entrant("old", policy_of()),
        anchor=entrant("first", policy_of()),
        evidence=log(worse, request.param, seed=1),
        spec=spec,
    )


def test_gives_reasons_in_words_and_calls_for_what_it_may(rule, case):
    before, after = rule.judge(case), rule.watch(case)

    assert {reason.call for reason in before} <= {Call.PROMOTE, Call.RETIRE, Call.INCONCLUSIVE}
    assert {reason.call for reason in after} <= {Call.ROLLBACK, Call.INCONCLUSIVE}
    assert all(reason.sentence.endswith((".", "`.")) for reason in (*before, *after))


def test_the_name_is_written_with_a_dash_as_well(spec_with):
    assert rule_of(PluginSpec(name="no-harm")) == rule_of(PluginSpec(name="no_harm"))


def test_an_unknown_rule_is_an_error_with_the_nearest_name():
    with pytest.raises(UnknownName, match="no rule is named 'no-ham'; did you mean 'no-harm'"):
        rule_of(PluginSpec(name="no-ham"))
