"""A logged decision is found, in the log or in the tables, and made again."""

import numpy as np
import pytest

from policyloop.core.errors import UnknownDecision
from policyloop.core.spec_file import read_spec
from policyloop.evaluate.compare import evidence
from policyloop.join.history import examples_of
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.questions.rebuild import rebuild
from policyloop.run.refresh import refresh
from shop import SHOP


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


def test_what_champion_and_hold_out_shared_is_made_again_with_its_side(shop, deployment):
    deployment.registry.apply(read_spec({**SHOP, "gate": {"hold_out": 0.4}}))
    shop.visit(80)
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)
    refresh(deployment, "shop")
    ids = shop.visit(20)
    with ship_by_hand(deployment):
        pass

    found = [rebuild(deployment, decision_id, loop="shop") for decision_id in ids]

    assert {one.decision.side for one in found} == {"champion", "hold-out"}
    assert all(one.replay.agrees and one.replay.is_side_alike for one in found)
    assert {one.replay.largest_difference for one in found} == {0.0}


def test_what_the_hold_out_decided_is_evidence_with_the_mixtures_propensity_and_learned_from(shop, deployment):
    deployment.registry.apply(read_spec({**SHOP, "gate": {"hold_out": 0.4}}))
    shop.visit(80)
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)
    refresh(deployment, "shop")
    shop.visit(60)
    spec = deployment.registry.standing("shop").spec
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, spec)

    examples, _ = examples_of(deployment.lake, deployment.registry, spec)

    counted = evidence(examples, split=spec.train.split)
    held = counted.trial.side == "hold-out"
    base, champion = np.array([0.5, 0.5]), counted.trial.champion_pmf[held]
    np.testing.assert_allclose(counted.pmf[held], 0.4 * base + 0.6 * champion, rtol=1e-12)
    np.testing.assert_array_equal(counted.propensity[held], counted.pmf[held, counted.action[held]])
    assert held.any()
    assert not examples.is_fallback[80:].any()
    assert (examples.to_learn_from(spec.train.split).trial.side == "hold-out").any()


def test_an_unknown_id_is_an_error_in_words(shop, deployment):
    shop.visit(1)

    with pytest.raises(UnknownDecision, match="no decision has the id 'nobody'"):
        rebuild(deployment, "nobody")
