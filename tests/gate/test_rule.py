"""What every gate rule promises. A new file in `gate/rules/` is tested here without an edit."""

import numpy as np
import pytest

from policyloop.core.errors import UnknownName
from policyloop.core.loop import PluginSpec
from policyloop.core.plugin_settings import names_with
from policyloop.gate.case import case_of
from policyloop.gate.chunk import Chunk
from policyloop.gate.entrant import Entrant
from policyloop.gate.evidence import begin, update
from policyloop.gate.limits import limits_of
from policyloop.gate.rule import CHALLENGE, REFRESH, RULES, challenge_rule_of, rule_of
from policyloop.gate.verdict import Call, verdict_of


def entrant(model, policy):
    return Entrant(model, policy, rewards=policy)


@pytest.fixture(params=names_with(RULES, REFRESH))
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


LIMITS = limits_of(low=0.0, high=1.0, least_propensity=0.1)


def evidence_of(phi):
    phi = np.asarray(phi, dtype=np.float64)
    chunk = Chunk(phi=phi, weight=np.ones(len(phi)), is_telling=phi != 0)
    return update(begin(LIMITS), chunk, limits=LIMITS)


@pytest.fixture(params=names_with(RULES, CHALLENGE))
def challenge_rule(request):
    return challenge_rule_of(PluginSpec(name=request.param))


def test_a_challenge_that_is_plainly_better_goes_live_and_one_that_is_plainly_worse_does_not(challenge_rule):
    def call_of(phi):
        reasons = challenge_rule.judge(evidence_of(phi), floor=0.1)
        assert all(reason.sentence.endswith(".") for reason in reasons)
        return verdict_of(reasons)

    assert call_of([0.5, 0.7] * 1000) == Call.PROMOTE
    assert call_of([-0.5, -0.7] * 1000) in (Call.RETIRE, Call.INCONCLUSIVE)


def test_without_events_a_challenge_is_neither_promoted_nor_retired(challenge_rule):
    (reason,) = challenge_rule.judge(evidence_of([]), floor=0.1)

    assert reason.call == Call.INCONCLUSIVE
    assert reason.numbers["difference"] is None


@pytest.mark.parametrize("facts", [{"floor": 0.0}, {"floor": 0.1, "n_uncovered": 3}])
def test_a_log_that_cannot_tell_about_a_challenger_is_refused(challenge_rule, facts):
    (reason,) = challenge_rule.judge(evidence_of([0.5, 0.7] * 1000), **facts)

    assert reason.call == Call.REFUSE


def test_a_rule_for_challenges_is_no_rule_for_refreshes_and_the_other_way_round():
    with pytest.raises(UnknownName, match="no rule is named 'proven-better'"):
        rule_of(PluginSpec(name="proven-better"))
    with pytest.raises(UnknownName, match="no rule is named 'no-harm'"):
        challenge_rule_of(PluginSpec(name="no-harm"))
