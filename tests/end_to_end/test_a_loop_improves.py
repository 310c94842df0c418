"""The loop by itself: decisions are joined, learned from, judged and swapped in, without a restart or a failed answer."""

import json
import random
import threading
import time

import pytest

from deployed import deployed, eventually
from policyloop.client import Client


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    with deployed(tmp_path_factory.mktemp("shop")) as running:
        yield running


def visit(client: Client, rng: random.Random) -> str:
    """One visitor: desktop people click on bold, phone people on calm. Answers who decided."""
    device = rng.choice(["phone", "desktop"])
    answer = client.decide("shop", {"hour": rng.randrange(24), "device": device}, timeout=10)
    liked = {"phone": "calm", "desktop": "bold"}[device]
    client.outcome(answer, clicked=answer.action == liked, final=True)
    return answer.policy


def test_a_model_is_trained_judged_and_live_on_every_worker_without_anyone_asking(shop):
    rng = random.Random(1)

    with Client(shop.url) as client:
        for _ in range(80):
            visit(client, rng)
    eventually(lambda: shop.ask("/v1/loops/shop")["loop"]["champion"] is not None)
    champion = shop.ask("/v1/loops/shop")["loop"]["champion"]

    eventually(lambda: {shop.ask("/v1/loops/shop")["loop"]["serving"] for _ in range(8)} == {champion})
    status = shop.status()
    assert status["n_examples"] == 80
    assert status["last_verdict"]["verdict"] == "PROMOTE"
    assert "first model replaces the baseline" in status["last_verdict"]["sentence"]


def test_what_was_learned_is_what_people_like(shop):
    right = {"phone": "calm", "desktop": "bold"}
    taken = [
        (device, shop.ask("/v1/loops/shop/decide", {"context": {"hour": 12, "device": device}, "explore": False})["action"])
        for device in right
    ]

    assert dict(taken) == right


def test_models_are_swapped_under_load_and_no_answer_fails_or_names_a_model_that_was_never_live(shop):
    stop = threading.Event()
    policies: set[str] = set()
    failures: list[Exception] = []

    def visitor(seed: int) -> None:
        rng = random.Random(seed)
        with Client(shop.url) as client:
            while not stop.is_set():
                try:
                    policies.add(visit(client, rng))
                except Exception as error:  # noqa: BLE001 - whatever it is, it is a failed answer
                    failures.append(error)

    n_models = len(shop.ask("/v1/loops/shop/models")["models"])
    visitors = [threading.Thread(target=visitor, args=(seed,)) for seed in range(3)]
    for thread in visitors:
        thread.start()
    eventually(lambda: len(shop.ask("/v1/loops/shop/models")["models"]) >= n_models + 2)
    time.sleep(0.5)
    stop.set()
    for thread in visitors:
        thread.join()

    known = {model["model"] for model in shop.ask("/v1/loops/shop/models")["models"]}
    assert failures == []
    assert policies <= known | {"baseline"}
    assert len(policies - {"baseline"}) >= 2


def test_pause_puts_the_baseline_on_every_worker_and_logs_on_and_resume_ends_it(shop):
    context = {"context": {"hour": 1, "device": "phone"}}
    champion = shop.ask("/v1/loops/shop")["loop"]["champion"]

    shop.run("pause", "shop")
    time.sleep(1.0)
    paused = [shop.ask("/v1/loops/shop/decide", context) for _ in range(16)]
    shop.run("resume", "shop")
    time.sleep(1.0)
    resumed = [shop.ask("/v1/loops/shop/decide", context) for _ in range(16)]

    assert {(a["policy"], a["fallback"], a["logged"]) for a in paused} == {("baseline", True, True)}
    assert all(not a["fallback"] and a["logged"] for a in resumed)
    assert champion is not None


def test_a_decision_replays_from_log_key_and_model(shop):
    answer = shop.ask("/v1/loops/shop/decide", {"context": {"hour": 3, "device": "desktop"}})

    eventually(lambda: "They agree." in shop.run("replay", answer["decision_id"]))

    assert json.loads(shop.run("replay", answer["decision_id"], "--json"))["agrees"] is True


def decided_by(shop):
    """The model that made a decision, by whichever server process took the request."""
    return shop.ask("/v1/loops/shop/decide", {"context": {"hour": 3, "device": "desktop"}})["policy"]


def test_a_person_can_roll_back_in_one_step(shop):
    before = shop.ask("/v1/loops/shop")["loop"]

    shop.run("rollback", "shop", "--why", "a test")
    eventually(lambda: shop.ask("/v1/loops/shop")["loop"]["champion"] == before["previous"])
    eventually(lambda: {decided_by(shop) for _ in range(12)} == {before["previous"] or "baseline"})  # every server process

    assert shop.status()["last_verdict"]["verdict"] == "ROLLBACK"


def test_sigterm_ends_everything_with_0(shop):
    assert shop.stop() == 0
