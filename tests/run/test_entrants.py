"""Models of the registry as they serve under today's spec, whichever actions they were trained on."""

import numpy as np

from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.entrants import entrant_of
from policyloop.run.questions.estimates import estimates_of
from policyloop.run.refresh import refresh
from shop import SHOP


def joined(deployment):
    with ship_by_hand(deployment):
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)


def test_after_a_change_of_labels_a_model_still_expects_rewards_so_that_dr_is_not_ips(shop, deployment):
    shop.visit(80)
    joined(deployment)
    refresh(deployment, "shop")
    shop.visit(200)
    joined(deployment)
    champion = deployment.registry.standing("shop").champion
    before = entrant_of(deployment.registry, deployment.registry.standing("shop").spec, champion)
    spec = read_spec({**SHOP, "actions": {"kind": "discrete", "labels": ["calm", "loud", "bold"]}})
    deployment.registry.apply(spec)

    after = entrant_of(deployment.registry, spec, champion)

    context = {name: field.values[0] if field.values else 1 for name, field in spec.context.items()}
    calm, bold = before.rewards.rewards_of_many([context])[0]
    np.testing.assert_allclose(after.rewards.rewards_of_many([context]), [[calm, (calm + bold) / 2, bold]])
    (found,) = estimates_of(deployment, "shop", [champion])
    value_by = {value.estimator: value.value for value in found.values}
    assert value_by["dr"] != value_by["ips"]
