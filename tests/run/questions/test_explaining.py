"""Explaining logged decisions of a real deployment: by a model, by the baseline, before and after the tables have them."""

import pytest

from policyloop.core.errors import UnknownDecision
from policyloop.core.spec_file import read_spec
from policyloop.core.wire import DecideRequest
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.questions.explaining import explain
from policyloop.run.refresh import refresh
from shop import SHOP, Shop


def improve(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)
    refresh(deployment, "shop")


def decide(shop, **request):
    shop.swap.look()
    asked = DecideRequest(**{"context": {"hour": 9, "device": "phone"}, **request})
    decided = shop.swap.find("shop").decide(asked)
    shop.log.roll()
    return decided


def test_the_device_spoke_for_the_action_that_phone_people_like(shop, deployment):
    shop.visit(150)
    improve(deployment)
    decided = decide(shop, explore=False)

    found = explain(deployment, decided.answer.decision_id)

    why = found.explanation
    assert decided.answer.action == "calm"
    assert why.contributions[0].name == "device"
    assert why.contributions[0].to_taken > 0.3
    assert why.is_exact
    sentences = found.sentences()
    assert sentences[0] == "'calm' was taken; it had a probability of 1."
    assert any(told.startswith("device = phone raised the expected reward of 'calm' by 0.") for told in sentences)
    assert "The caller asked not to explore, so the most probable action was taken." in sentences


def test_contributions_and_what_is_usual_sum_to_the_expected_reward_and_to_the_leads(shop, deployment):
    shop.visit(150)
    improve(deployment)

    why = explain(deployment, decide(shop).answer.decision_id).explanation

    taken, other = why.offered[why.taken], why.offered[why.next_best]
    parts = [*why.contributions, why.usual]
    assert sum(one.to_taken for one in parts) == pytest.approx(taken.reward, abs=1e-12)
    assert sum(one.against_next for one in parts) == pytest.approx(taken.reward - other.reward, abs=1e-12)
    assert sum(one.against_others for one in parts) == pytest.approx(taken.reward - other.reward, abs=1e-12)


def test_of_trees_the_contributions_sum_to_the_expected_reward_too(deployment):
    deployment.registry.apply(read_spec({**SHOP, "learner": "boosted"}))
    shop = Shop(deployment)
    shop.visit(300)
    improve(deployment)

    why = explain(deployment, decide(shop).answer.decision_id).explanation
    shop.log.close()

    assert why.contributions[0].name == "device"
    assert sum(one.to_taken for one in [*why.contributions, why.usual]) == pytest.approx(
        why.offered[why.taken].reward, abs=1e-9
    )


def test_explorer_and_floor_lead_to_the_logged_probability(shop, deployment):
    shop.visit(100)
    improve(deployment)
    decided = decide(shop)

    why = explain(deployment, decided.answer.decision_id, loop="shop").explanation

    for one in why.offered:
        assert (1 - why.floor) * one.explored + why.floor / 2 == pytest.approx(one.probability, abs=1e-12)
    assert why.offered[why.taken].probability == decided.answer.propensity
    assert not any("replay" in told for told in explain(deployment, decided.answer.decision_id).sentences())


def test_a_decision_that_is_still_in_the_log_alone_is_explained_from_the_tables_that_there_are(shop, deployment):
    shop.visit(100)
    improve(deployment)
    decided = decide(shop)

    found = explain(deployment, decided.answer.decision_id)

    assert found.explanation.n_background == 64


def test_twice_the_same_question_gets_the_same_answer(shop, deployment):
    shop.visit(100)
    improve(deployment)
    decision_id = decide(shop).answer.decision_id

    assert explain(deployment, decision_id).explanation == explain(deployment, decision_id).explanation


def test_of_the_baseline_it_is_said_that_it_looks_at_nothing(shop, deployment):
    (decision_id,) = shop.visit(1)

    found = explain(deployment, decision_id)

    assert found.explanation is None
    assert found.sentences()[1] == (
        "The baseline decided: it takes every allowed action alike, with a floor of 0.2, and looks at no field. It decides "
        "until a model is live, while the loop is paused, and where a model breaks."
    )


def test_a_masked_action_gets_no_score(shop, deployment):
    shop.visit(100)
    improve(deployment)

    found = explain(deployment, decide(shop, exclude=["calm"]).answer.decision_id)

    assert [one.reward is None for one in found.explanation.offered] == [True, False]
    assert "'bold' was the only action that was allowed and that the model knows." in found.sentences()
    assert "1 of 2 offered actions were not allowed." in found.sentences()


def test_an_id_that_no_decision_has_is_answered_as_everywhere(shop, deployment):
    with pytest.raises(UnknownDecision, match="no decision has the id 'nobody'"):
        explain(deployment, "nobody")
