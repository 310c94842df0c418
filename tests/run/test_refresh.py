"""A refresh: from the tables to the champion; nothing worse stays, and what cannot be trusted is not learned from."""

import msgspec
import pytest

from policyloop.core.errors import NothingToDo, UnknownName
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.gate.verdict import Call
from policyloop.join.hour_states import hour_states
from policyloop.join.hours import join_loop
from policyloop.learn.train import train
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.refresh import guard, refresh
from policyloop.run.watches.trusted import held_hours, release, trusted


def join(deployment):
    with ship_by_hand(deployment) as is_ours:
        assert is_ours
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)


def test_without_examples_there_is_nothing_to_train(shop, deployment):
    with pytest.raises(NothingToDo, match="loop 'shop' has no example to learn from: 0 are joined"):
        refresh(deployment, "shop")


def test_the_first_model_goes_live_and_says_what_it_was_made_of(shop, deployment):
    shop.visit(80)
    join(deployment)

    said = refresh(deployment, "shop").sentence

    standing = deployment.registry.standing("shop")
    manifest = deployment.registry.load("shop", standing.champion).manifest
    assert "PROMOTE. The first model replaces the baseline" in said
    assert manifest.n_examples == (trusted(deployment, standing.spec).examples.split < 0.8).sum()
    assert manifest.snapshot["examples"] == deployment.lake.snapshot()["examples"]
    assert (manifest.parent, standing.row.anchor) == (None, standing.champion)


def test_the_same_data_makes_the_same_bytes(shop, deployment):
    shop.visit(60)
    join(deployment)
    spec = deployment.registry.standing("shop").spec
    data = trusted(deployment, spec)

    made = [train(data.examples, spec, seed=3, parent=None, snapshot=data.snapshot, code_version="0") for _ in range(2)]

    assert made[0].tensors == made[1].tensors
    assert msgspec.json.encode(made[0].manifest) == msgspec.json.encode(made[1].manifest)


def test_a_refresh_that_learned_nothing_new_changes_nothing(shop, deployment):
    shop.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    champion = deployment.registry.standing("shop").champion

    refresh(deployment, "shop")

    standing = deployment.registry.standing("shop")
    assert standing.row.previous in (None, champion)


def test_harm_found_while_live_rolls_the_model_back(shop, deployment):
    """People change their minds right after the refresh: what the new model does is now worse than the uniform baseline."""
    shop.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    champion = deployment.registry.standing("shop").champion

    shop.visit(2500, clicks=lambda device, action: {"phone": "bold", "desktop": "calm"}[device] == action)
    join(deployment)
    said = guard(deployment, "shop")

    standing = deployment.registry.standing("shop")
    assert f"model {champion[:12]} was rolled back. Harm against the model before it" in said
    assert standing.champion is None
    assert deployment.registry.verdicts("shop")[0].verdict.call == Call.ROLLBACK


def test_clipped_rewards_hold_every_promotion(deployment, shop):
    document = {
        **to_mapping(deployment.registry.standing("shop").spec),
        "outcomes": {"clicked": {"type": "number", "take": "sum"}},
        "reward": {"expression": "2 * clicked", "range": [0, 1], "window": "10m", "close": "final"},
    }
    deployment.registry.apply(read_spec(document))
    shop.visit(80)
    join(deployment)

    said = refresh(deployment, "shop").sentence

    assert "INCONCLUSIVE" in said
    assert "outside reward.range and clipped; above 0.1 % nothing is promoted" in said
    assert deployment.registry.standing("shop").champion is None


def test_evidence_stops_at_the_first_decision_that_waits_for_its_outcome(shop, deployment):
    shop.visit(10)
    waiting = shop.decide()
    shop.visit(10)
    join(deployment)

    data = trusted(deployment, deployment.registry.standing("shop").spec)

    assert len(data.examples) == 20
    assert data.first_waiting == waiting.event.decided_at
    assert (data.examples.decided_at < data.first_waiting).sum() == 10


def test_only_a_held_hour_can_be_released(shop, deployment):
    shop.visit(5)
    join(deployment)
    (hour,) = hour_states(deployment.records, "shop")

    assert held_hours(deployment, "shop") == []
    with pytest.raises(UnknownName, match="no held hour is named"):
        release(deployment, "shop", hour)
