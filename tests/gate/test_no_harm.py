"""The rule no-harm: how often it is wrong, and what it sees, on worlds with known truth."""

from dataclasses import replace

import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.gate.case import case_of
from policyloop.gate.entrant import Entrant
from policyloop.gate.rules import no_harm
from policyloop.gate.verdict import Call, verdict_of


def entrant(model, policy):
    return Entrant(model, policy, rewards=policy)


RULE = no_harm.create()


def judged(challenger, champion, rows, spec, anchor=None):
    case = case_of(
        entrant("new", challenger),
        champion=entrant("old", champion),
        anchor=anchor and entrant("first", anchor),
        evidence=rows,
        spec=spec,
    )
    return RULE.judge(case)


def test_an_equally_good_model_is_held_back_at_most_as_often_as_alpha_says(policy_of, spec, log, truth):
    equal = truth.copy()
    equal[1] = [0.8, 0.8, 0.5]  # in kind 1 both earn .8 in truth, and each model believes in its own
    believes_first, believes_second = equal.copy(), equal.copy()
    believes_first[1, 0] += 0.05
    believes_second[1, 1] += 0.05
    runs = 200

    held = 0
    for seed in range(runs):
        rows = log(policy_of(believes_second), 500, seed=seed, truth=equal)
        held += verdict_of(judged(policy_of(believes_first), policy_of(believes_second), rows, spec)) == Call.RETIRE

    assert held <= 19  # 10 of 200 expected at the most; 19 is three standard deviations above


def test_a_better_model_is_hardly_ever_held_back(policy_of, spec, log, worse):
    verdicts = [verdict_of(judged(policy_of(), worse, log(worse, 500, seed=s), spec)) for s in range(100)]

    assert verdicts.count(Call.RETIRE) <= 1


def test_a_clearly_worse_model_is_seen_before_it_is_live(policy_of, spec, log, worse):
    verdicts = [verdict_of(judged(worse, policy_of(), log(policy_of(), 2000, seed=s), spec)) for s in range(100)]

    assert verdicts.count(Call.RETIRE) >= 90


def test_a_model_that_believes_the_opposite_of_the_truth_is_seen_sooner(policy_of, spec, log, truth):
    upside_down = policy_of(1 - truth)

    verdicts = [verdict_of(judged(upside_down, policy_of(), log(policy_of(), 500, seed=s), spec)) for s in range(50)]

    assert verdicts.count(Call.RETIRE) >= 48


def test_with_too_few_events_it_goes_live_and_that_is_the_reason(policy_of, spec, log, worse):
    (reason,) = judged(worse, policy_of(), log(policy_of(), 40, seed=1), spec)

    assert reason.call == Call.PROMOTE
    assert reason.sentence.startswith("Too few events to see harm against the champion: ")
    assert reason.sentence.endswith("It goes live, and the evidence goes on.")


def test_that_it_goes_live_is_said_once_and_not_where_it_does_not(policy_of, spec, log, worse):
    few, many = log(policy_of(), 40, seed=1), log(policy_of(), 4000, seed=3)

    young = judged(worse, policy_of(), few, spec, anchor=policy_of())
    harmful = judged(worse, policy_of(worse.expected + 1e-6), many, spec, anchor=policy_of())

    says = [sum("It goes live" in reason.sentence for reason in reasons) for reasons in (young, harmful)]
    assert [reason.sentence.startswith("Too few events") for reason in young] == [True, True]
    assert says == [1, 0]


def test_losses_too_small_to_see_one_by_one_are_seen_against_the_anchor(policy_of, spec, log, truth, worse):
    # the champion is nearly as bad as the challenger already; only the anchor shows it
    rows = log(policy_of(), 4000, seed=3)

    reasons = judged(worse, policy_of(worse.expected + 1e-6), rows, spec, anchor=policy_of())

    assert [(reason.name, reason.call) for reason in reasons] == [
        ("no-harm", Call.PROMOTE),
        ("no-harm-anchor", Call.RETIRE),
    ]


def test_a_floor_of_zero_leaves_no_evidence_and_says_so(policy_of, spec_with, log):
    rows = log(policy_of(), 500, seed=1)

    (reason,) = judged(policy_of(), policy_of(), rows, spec_with(floor=0.0))

    assert reason.call == Call.REFUSE
    assert reason.sentence.startswith("explore.floor is 0, so the log cannot show")


def test_a_model_that_would_do_what_the_log_never_did_is_refused(policy_of, spec, log):
    rows = log(policy_of(floor=0.0), 500, seed=1)
    elsewhere = policy_of(np.roll(policy_of().expected, 1, axis=1))

    (reason,) = judged(elsewhere, policy_of(), rows, spec)

    assert reason.call == Call.REFUSE
    assert "are actions that the log gave the probability 0" in reason.sentence


def test_an_action_that_is_new_since_the_log_is_no_reason_to_refuse(policy_of, spec, log):
    rows = log(policy_of(), 500, seed=1)
    older = replace(rows, pmf=np.where(np.arange(3) == 2, 0.0, rows.pmf / rows.pmf[:, :2].sum(axis=1, keepdims=True)))
    only_two = older.where((rows.action != 2) & (rows.pmf[:, 2] < 0.5))

    reasons = judged(policy_of(), policy_of(), only_two, spec)

    assert {reason.call for reason in reasons} == {Call.PROMOTE}


def test_over_all_looks_together_a_harmless_live_model_is_rolled_back_at_most_as_often_as_alpha_says(
    policy_of, spec, log, truth
):
    equal = truth.copy()
    equal[1] = [0.8, 0.8, 0.5]
    live, before = equal.copy(), equal.copy()
    live[1, 0] += 0.05
    before[1, 1] += 0.05
    runs = 40

    rolled_back = 0
    for seed in range(runs):
        rows = log(policy_of(live), 2000, seed=seed, truth=equal)
        looks = (rows.where(rows.decided_at < n) for n in range(200, 2001, 200))
        rolled_back += any(watched(policy_of(live), policy_of(before), seen, spec) == Call.ROLLBACK for seen in looks)

    assert rolled_back <= 6  # 2 of 40 expected at the most; 6 is three standard deviations above


def watched(live, before, rows, spec):
    case = case_of(entrant("live", live), champion=entrant("before", before), anchor=None, evidence=rows, spec=spec)
    return verdict_of(RULE.watch(case))


def test_harm_of_a_live_model_is_found_while_it_is_live(policy_of, spec, log, worse):
    found = sum(watched(worse, policy_of(), log(worse, 2500, seed=s), spec) == Call.ROLLBACK for s in range(50))

    assert found >= 45


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, -0.1, np.nan])
def test_a_level_outside_its_range_is_refused(alpha):
    with pytest.raises(BadSetting, match=r"gate\.refresh\.alpha is .*; expected a number above 0 and below 0\.5"):
        no_harm.create(alpha=alpha)
