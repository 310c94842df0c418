"""A logged decision is found, in the log or in the tables, and made again."""

import pytest

from policyloop.core.errors import UnknownDecision
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.rebuild import rebuild
from policyloop.run.refresh import refresh


def test_what_is_only_in_the_log_is_found_and_agrees(shop, deployment):
    (decision_id,) = shop.visit(1)

    found = rebuild(deployment, decision_id)

    assert found.decision.decision_id == decision_id
    assert found.replay.agrees


def test_what_a_model_decided_is_made_again_from_log_key_and_model(shop, deployment):
    shop.visit(80)
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)
    refresh(deployment, "shop")
    (decision_id,) = shop.visit(1)
    with ship_by_hand(deployment):
        pass

    found = rebuild(deployment, decision_id, loop="shop")

    assert found.decision.policy == deployment.registry.standing("shop").champion
    assert found.replay.largest_difference == 0
    assert found.replay.agrees


def test_an_unknown_id_is_an_error_in_words(shop, deployment):
    shop.visit(1)

    with pytest.raises(UnknownDecision, match="no decision has the id 'nobody'"):
        rebuild(deployment, "nobody")
