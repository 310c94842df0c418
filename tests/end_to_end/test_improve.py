"""An app that speaks the Improve track protocol teaches a loop, which then decides for it; late and early rewards count."""

import json
import random
import time
from itertools import count
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from deployed import deployed, eventually
from improve_themes import TRACK, ksuid
from policyloop.core.settings import Home
from policyloop.lake import views
from policyloop.run.deployment import open_deployment

LOOP = """\
loop: shop
aliases: [Theme.Picker]
context: {given: {type: json, optional: true}}
actions: {kind: candidates}
outcomes: {reward: {type: number, min: 0, max: 1}}
reward: {expression: reward, range: [0, 1], window: 1s}
baseline: first
train: {every: 100 examples}
"""
STYLES = ["dark", "light", "plain", "loud"]
NUMBERS = count()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("shop"), loop=LOOP) as running:
        yield running


def track(shop, **record):
    """One record, taken; each in a connection of its own, so that every worker is met."""
    body = json.dumps({"model": "Theme.Picker"} | record).encode()
    with urlopen(Request(shop.url + TRACK, data=body, method="POST"), timeout=10) as answer:
        assert json.load(answer) == {"status": "success"}


def new_id() -> str:
    """An id made in the second before this one."""
    return ksuid((time.time_ns() // 10**9 - 1) * 10**6, next(NUMBERS))


def evening(shop, rng):
    """One visitor: by night people like dark, by day light. The app chooses by even chance."""
    hour = rng.choice([3, 12])
    chosen, *others = rng.sample(STYLES, len(STYLES))
    name = new_id()
    record = {"item": {"style": chosen}, "count": 4, "sample": {"style": rng.choice(others)}, "context": {"hour": hour}}
    track(shop, message_id=name, **record)
    if chosen == {3: "dark", 12: "light"}[hour]:
        track(shop, message_id=new_id(), decision_id=name, reward=1)


def chosen_by_us(shop, hour):
    """What our own decide would choose for a visitor, of all four."""
    candidates = [{"id": style, "features": {"style": style}} for style in STYLES]
    asked = {"context": {"given": {"hour": hour}}, "actions": candidates, "explore": False}
    return shop.ask("/v1/loops/shop/decide", asked)["action"]


def example_of(shop, name):
    """The example of a decision; None before there is one."""
    with open_deployment(Home(shop.home)) as deployment:
        found = [row for row in views.examples(deployment.lake, "shop").to_pylist() if row["decision_id"] == name]
    return found[0] if found else None


def test_what_an_app_tracked_is_learned_and_decided_by(shop):
    rng = random.Random(5)

    for _ in range(240):
        evening(shop, rng)

    eventually(lambda: shop.ask("/v1/loops/shop")["loop"]["serving"] != "baseline")
    eventually(lambda: (chosen_by_us(shop, 3), chosen_by_us(shop, 12)) == ("dark", "light"))


def test_rewards_count_before_their_decision_and_after_its_window_each_once(shop):
    name, early, late = new_id(), new_id(), new_id()

    track(shop, message_id=early, decision_id=name, reward=0.25)
    eventually(lambda: shop.status()["audit"]["orphan"] == 1)
    track(shop, message_id=name, item=None, count=2, sample="other")
    eventually(lambda: example_of(shop, name) is not None)
    before = example_of(shop, name)
    time.sleep(2)
    for _ in range(2):
        track(shop, message_id=late, decision_id=name, reward=0.5)
    eventually(lambda: example_of(shop, name)["version"] > before["version"])

    assert before["reward"] == 0.25
    assert example_of(shop, name)["reward"] == 0.75
    assert example_of(shop, name)["n_outcomes"] == 2


def test_a_refusal_is_in_the_protocols_shape(shop):
    with pytest.raises(HTTPError) as caught:
        track(shop, message_id=new_id(), item=1, count=0)

    assert caught.value.code == 400
    told = json.load(caught.value)
    assert told == {
        "error": {"message": "$.count: is 0; expected how many candidates there were: a whole number of at least 1."}
    }
