"""`policyloop challenge` and `policyloop gate`: what a person sees of a challenge, and can say to it."""

import json

import pytest

from blind_shop import BLIND, SEEING, join, lived_through
from policyloop.core.settings import Home
from policyloop.run.challenges import challenging
from policyloop.run.deployment import open_deployment
from policyloop.run.refresh import refresh
from shop import Shop


@pytest.fixture
def shop(policyloop, tmp_path):
    """A project whose loop `shop` has a model live; gives the command line."""
    (tmp_path / "shop.yaml").write_text("\n".join(f"{key}: {json.dumps(value)}" for key, value in BLIND.items()))
    (tmp_path / "recipe.yaml").write_text(SEEING)
    assert policyloop("apply").code == 0
    with open_deployment(Home(tmp_path / "policyloop-data")) as deployment:
        opened = Shop(deployment)
        opened.visit(80)
        join(deployment)
        refresh(deployment, "shop")
        opened.log.close()
    return policyloop


@pytest.fixture
def lived(shop, tmp_path):
    """A function that lets the begun challenge live through some rounds."""

    def through(**how):
        with open_deployment(Home(tmp_path / "policyloop-data")) as deployment:
            opened = Shop(deployment)
            challenging.train_next(deployment, "shop")
            states = lived_through(opened, **how)
            opened.log.close()
        return states

    return through


def test_a_dry_run_says_what_would_be_tried_and_begins_nothing(shop):
    ran = shop("challenge", "shop", "--recipe", "recipe.yaml", "--dry-run")

    assert ran.out.splitlines()[0].startswith("$.context.device: category of 2 values, not learned from -> category")
    assert ran.out.splitlines()[-1] == "Nothing was begun."
    assert "no challenge has begun" in shop("gate", "status", "shop").out


def test_a_challenge_begins_and_tells_what_it_waits_for(shop):
    ran = shop("challenge", "shop", "--recipe", "recipe.yaml", "--why", "devices matter")

    assert "Challenge 1 of loop 'shop' began." in ran.out
    told = shop("gate", "status", "shop").out
    assert "challenge 1: FROZEN since" in told
    assert "Begun by a person: devices matter" in told
    assert "Its first model is being trained; once it is trained and works, the next look of `policyloop up` or" in told
    assert "takes it on to LOG-CHECK" in told


def test_status_history_and_explain_speak_of_a_challenge_that_is_proven(shop, lived):
    shop("challenge", "shop", "--recipe", "recipe.yaml")
    lived(n=250, rounds=9, until="RAMP")

    status = json.loads(shop("gate", "status", "shop", "--json").out)
    explained = json.loads(shop("gate", "explain", "shop", "--json").out)
    history = shop("gate", "history", "shop").out

    assert (status["challenge"]["state"], status["challenge"]["share"]) == ("RAMP", 0.5)
    assert explained["is_same"]
    assert explained["low"] > 0
    assert [word for word in ("FROZEN", "LOG-CHECK", "SHADOW", "CANARY", "RAMP") if word in history] == [
        "FROZEN",
        "LOG-CHECK",
        "SHADOW",
        "CANARY",
        "RAMP",
    ]
    assert "Proven better in" in shop("gate", "explain", "shop").out
    assert "the records say the same, to 1e-12" in shop("gate", "explain", "shop").out


def test_a_person_ends_it(shop):
    shop("challenge", "shop", "--recipe", "recipe.yaml")

    ran = shop("gate", "retire", "shop", "--why", "enough")

    assert ran.out == "shop: challenge 1 (RETIRED) ended.\n"
    assert "Ended by a person: enough" in shop("gate", "history", "shop").out


def test_a_person_freezes_and_unfreezes(shop):
    frozen = shop("gate", "freeze", "shop", "--why", "sales start")

    assert "nothing is promoted until `policyloop gate unfreeze shop`" in frozen.out
    assert "promotions are FROZEN" in shop("gate", "status", "shop").out
    assert shop("gate", "unfreeze", "shop").out == "shop: promotions are allowed again.\n"


def test_nothing_waits_for_approval(shop):
    ran = shop("gate", "approve", "shop")

    assert ran.code == 2
    assert "no challenge goes on in loop 'shop'" in ran.err


def test_without_a_challenge_there_is_nothing_to_explain(shop):
    ran = shop("gate", "explain", "shop")

    assert ran.code == 2
    assert "no challenge has begun in loop 'shop'; `policyloop verdicts shop` explains what is live." in ran.err


def test_before_there_is_evidence_the_newest_verdict_is_explained(shop):
    shop("challenge", "shop", "--recipe", "recipe.yaml", "--why", "devices matter")

    ran = shop("gate", "explain", "shop")

    assert ran.code == 0
    assert "? Begun by a person: devices matter" in ran.out
    assert "(? does not say yet)" in ran.out
    assert "that begins with the first settled decision of the canary" in ran.out


def test_a_file_that_is_not_there_is_told(shop):
    ran = shop("challenge", "shop", "--recipe", "nowhere.yaml")

    assert ran.code == 2
    assert "--recipe: is 'nowhere.yaml', which cannot be read: No such file or directory" in ran.err
