"""The guard of refreshes, and hard stops, while a challenge shares the traffic: whose decisions were bad is told apart."""

import math

import pytest

from blind_shop import begin, join, lived_through
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.join.history import examples_of
from policyloop.run.challenges import challenging
from policyloop.run.looks import look
from policyloop.run.refresh import guard, refresh
from policyloop.serve.fallback import MAX_ERRORS
from shop import SHOP, Shop

BLIND_RECIPE = "context: [hour]\n"  # earns half of what the loop's own recipe does
LATE = {"name": "proven-better", "alpha": 1e-300}  # so that it goes on, however bad it is


def shop_with(deployment, **gate):
    """A shop that has learned what people like, and refreshed once."""
    deployment.registry.apply(read_spec({**SHOP, "gate": {"canary": 0.5, "challenge": LATE, **gate}}))
    shop = Shop(deployment)
    for _ in range(2):
        shop.visit(120)
        join(deployment)
        refresh(deployment, "shop")
    return shop


def in_canary(shop, deployment):
    begin(deployment, BLIND_RECIPE)
    lived_through(shop, n=300, rounds=6, until=State.CANARY)
    assert deployment.registry.challenges.open("shop").state == State.CANARY


@pytest.mark.parametrize("hold_out", [0.0, 0.2])
def test_a_bad_challenger_is_not_laid_at_the_champions_door(deployment, hold_out):
    shop = shop_with(deployment, hold_out=hold_out)
    champion = deployment.registry.standing("shop").champion
    in_canary(shop, deployment)
    shop.visit(1500)
    join(deployment)

    said = guard(deployment, "shop")
    shop.log.close()

    examples, _ = examples_of(deployment.lake, deployment.registry, deployment.registry.standing("shop").spec)
    earned = {side: examples.reward[examples.trial.side == side].mean() for side in ("champion", "challenger")}
    assert earned["challenger"] < earned["champion"] - 0.2
    assert said is None
    assert deployment.registry.standing("shop").champion == champion


def test_harm_of_the_champion_is_found_although_others_decide_half_of_the_time(deployment):
    shop = shop_with(deployment)
    first = deployment.registry.standing("shop").row.previous
    in_canary(shop, deployment)
    deployment.registry.reset_by_person("shop", why="as if it were the first")
    deployment.registry.promote_by_person("shop", first, why="as if it were the first")

    shop.visit(2500, clicks=lambda device, action: {"phone": "bold", "desktop": "calm"}[device] == action)
    join(deployment)
    done = look(deployment, "shop")
    shop.visit(50)
    join(deployment)
    look(deployment, "shop")
    shop.log.close()

    assert any(f"model {first[:12]} was rolled back. Harm against the model before it" in said.sentence for said in done)
    assert deployment.registry.standing("shop").champion is None
    assert deployment.registry.verdicts("shop")[0].verdict.call == Call.ROLLBACK
    assert deployment.registry.challenges.open("shop").state == State.CANARY  # it waits for a champion to be held against


def test_a_challenger_that_breaks_is_stopped_without_statistics(deployment):
    shop = shop_with(deployment, guards={"$errors": {"margin": 0.02, "stop": 0.05}})
    in_canary(shop, deployment)
    challenger = shop.swap.find("shop").live.traffic.challenger

    for _ in range(MAX_ERRORS + 1):
        challenger.breaker.bad(math.inf)  # from now on it is left alone
    for _ in range(3):
        shop.visit(100)
        join(deployment)
        look(deployment, "shop")
    shop.log.close()

    last = deployment.registry.challenges.moves("shop")[0]
    assert challenger.name == last.verdict.model
    assert last.after == State.RETIRED
    assert last.verdict.sentence.startswith("Guard $errors: it gave no answer in ")
    assert last.verdict.sentence.endswith("beyond the stop of 5 %.")


def test_a_hard_stop_on_an_outcome_ends_a_challenge_that_nothing_else_would_end_yet(deployment):
    guards = {"clicked": {"margin": 0.6, "stop": 0.15}}
    shop = shop_with(deployment, guards=guards)
    in_canary(shop, deployment)
    shop.visit(600)
    join(deployment)

    look(deployment, "shop")
    shop.log.close()

    last = deployment.registry.challenges.moves("shop")[0]
    assert last.after == State.RETIRED
    assert "Guard clicked: it is -0." in last.verdict.sentence
    assert "beyond the stop of 0.15" in last.verdict.sentence
    assert challenging.look(deployment, "shop", log=None) is None  # it has ended
