"""Explaining, comparing and reporting where the caller brings the actions along."""

import random

import pytest

from market import MARKET, Market, offer
from policyloop.care.report import report_of
from policyloop.care.report_page import page_of
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import CandidateAction
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.questions.explaining import explain
from policyloop.run.questions.model_diff import diff
from policyloop.run.refresh import refresh


def improve(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("market").spec)
    refresh(deployment, "market")


def opened(deployment, **actions):
    deployment.registry.apply(read_spec({**MARKET, "actions": {**MARKET["actions"], **actions}}))
    return Market(deployment)


@pytest.fixture
def market(deployment):
    made = opened(deployment)
    made.visit(400)
    improve(deployment)
    yield made
    made.log.close()


def sold(market, prices, **request):
    actions = [CandidateAction(id=f"item-{i}", features={"price": price}) for i, price in enumerate(prices)]
    decided = market.decide(actions=actions, explore=False, **request)
    market.log.roll()
    return decided.answer


def test_to_a_small_purse_the_low_price_spoke_for_what_was_offered(market, deployment):
    answer = sold(market, [0.9, 0.05, 0.5])

    found = explain(deployment, answer.decision_id)

    why = found.explanation
    assert answer.action == "item-1"
    assert why.contributions[0].name == "action price"
    assert why.contributions[0].value == 0.05
    assert why.contributions[0].against_next > 0.05
    # Who asks is the same for all candidates, but it matters more to the cheap one: products of both are learned.
    assert {one.name for one in why.contributions} == {"purse", "action price"}
    assert any(told.startswith("action price = 0.05 raised the expected reward of 'item-1' by") for told in found.sentences())


def test_contributions_sum_to_the_lead_over_the_next_best_candidate(market, deployment):
    why = explain(deployment, sold(market, [0.9, 0.05, 0.5]).decision_id).explanation

    taken, other = why.offered[why.taken], why.offered[why.next_best]
    parts = [*why.contributions, why.usual]
    assert sum(one.to_taken for one in parts) == pytest.approx(taken.reward, abs=1e-12)
    assert sum(one.against_next for one in parts) == pytest.approx(taken.reward - other.reward, abs=1e-12)


def test_of_many_candidates_the_one_taken_stands_beside_the_best_of_the_others(market, deployment):
    answer = sold(market, [i / 100 for i in range(100)])

    why = explain(deployment, answer.decision_id).explanation

    assert len(why.offered) == 100
    assert why.n_others == 11


def test_any_json_of_a_candidate_is_told_key_by_key(deployment):
    market = opened(deployment, features="any")
    market.visit(300)
    improve(deployment)
    answer = sold(market, [0.9, 0.05, 0.5])
    market.log.close()

    why = explain(deployment, answer.decision_id).explanation

    assert {one.name for one in why.contributions} == {"purse", "action features.price", "action features (rest)"}
    assert {one.name: one.value for one in why.contributions}["action features.price"] == 0.05


def test_ids_known_ahead_are_a_piece_of_their_own(deployment):
    market = opened(deployment, ids=["item-0", "item-1"])
    market.visit(300)
    improve(deployment)
    answer = sold(market, [0.9, 0.05])
    market.log.close()

    why = explain(deployment, answer.decision_id).explanation

    assert {one.name: one.value for one in why.contributions}["action id"] == answer.action


def test_a_decision_of_the_baseline_among_candidates_names_what_was_taken(deployment):
    market = opened(deployment)
    decided = market.decide(actions=offer(random.Random(1), 40))
    market.log.roll()
    market.log.close()

    found = explain(deployment, decided.answer.decision_id)

    assert found.explanation is None
    assert found.sentences()[0].startswith(f"'{decided.answer.action}' was taken; it had a probability of 0.025")


def test_two_models_are_compared_on_what_was_offered_each_time(market, deployment):
    market.visit(20, n_candidates=60)
    improve(deployment)
    first, second = deployment.registry.models("market")

    made = diff(deployment, "baseline", first.model, loop="market", since=0)
    same = diff(deployment, second.model, second.model, loop="market", since=0)

    assert made.found.n == 420
    assert made.questions.allowed.shape == (420, 60)
    assert made.found.mean_moved > 0.4
    change = made.found.largest[0]
    assert made.questions.name_of(change.row, change.after).startswith("item-")
    assert same.found.mean_moved == 0.0


def test_a_report_names_the_ten_ids_taken_most_and_the_rest_together(market, deployment):
    for _ in range(12):
        sold(market, [0.9, 0.05, 0.5])
    with ship_by_hand(deployment):
        pass

    report = report_of(deployment, "market", since=0)

    assert report.n == 412
    assert (report.actions[0].name, report.actions[0].n) == ("item-1", 12)
    assert len(report.actions) == 11
    assert report.actions[-1].n_actions == 391
    assert b"391 others" in page_of(report)
