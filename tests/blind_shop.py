"""A shop whose own recipe does not look at the device, which is all that matters; a challenge that does can win."""

from policyloop.core.spec_file import read_spec
from policyloop.join.hours import join_loop
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.challenges import challenging
from policyloop.run.looks import look
from policyloop.run.refresh import refresh
from shop import SHOP, Shop

BLIND = {
    **SHOP,
    "context": {**SHOP["context"], "device": {**SHOP["context"]["device"], "learn": False}},
    "gate": {"canary": 0.3},
}
SEEING = "context: [hour, device]\n"
AS_BLIND = "learner: {name: linear, max_weight: 20}\n"


def shop_of(deployment, **gate):
    """A shop whose first model is live."""
    deployment.registry.apply(read_spec({**BLIND, "gate": {**BLIND["gate"], **gate}}))
    shop = Shop(deployment)
    shop.visit(80)
    join(deployment)
    refresh(deployment, "shop")
    return shop


def join(deployment):
    with ship_by_hand(deployment) as is_ours:
        assert is_ours
        join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)


def begin(deployment, recipe=SEEING):
    row = challenging.begin(deployment, "shop", recipe, why="a try")
    challenging.train_next(deployment, "shop")
    return row


def lived_through(shop, *, n, rounds, until=None, **visiting):
    """Visitors come and looks are taken; the states that the challenge went through."""
    states = []
    for _ in range(rounds):
        look(shop.deployment, "shop")
        challenge = shop.deployment.registry.challenges.all("shop")[0]
        if not states or states[-1] != challenge.state:
            states.append(challenge.state)
        if not challenge.is_open or challenge.state == until:
            break
        shop.visit(n, **visiting)
        join(shop.deployment)
    return states
