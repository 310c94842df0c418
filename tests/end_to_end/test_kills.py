"""kill -9 of servers under load: what was acknowledged is in the tables once, and nothing is that was never sent (D1)."""

import itertools
import os
import random
import signal
import threading
import time
from collections import Counter

import pytest

from deployed import deployed, eventually
from policyloop.client import Client
from policyloop.client.errors import ClientError
from policyloop.core.settings import Home
from policyloop.lake import views
from policyloop.run.by_hand import ship_by_hand
from policyloop.run.deployment import open_deployment

ACKED_BETWEEN_KILLS = 15


class Ledger:
    """What a client sent, and what was acknowledged."""

    def __init__(self) -> None:
        self.sent: set[str] = set()
        self.acked_decisions: set[str] = set()
        self.acked_outcomes: set[str] = set()


def play(url: str, ledger: Ledger, stop: threading.Event, name: str) -> None:
    with Client(url, timeout=2.0) as client:
        for n in itertools.count():
            if stop.is_set():
                return
            decision_id = f"{name}-{n}"
            ledger.sent.add(decision_id)
            try:
                answer = client.decide("shop", {"hour": n % 24, "device": "phone"}, decision_id=decision_id)
                ledger.acked_decisions.add(answer.decision_id)
                client.outcome(answer, clicked=n % 3 == 0, outcome_id=decision_id, final=True)
                ledger.acked_outcomes.add(decision_id)
            except ClientError:
                continue


def kill_and_audit(folder, *, n_kills: int, seed: int) -> tuple[Ledger, Counter, Counter]:
    """Play, kill workers at random moments, end, ship what is left; the ledger, and each id's rows in the views."""
    rng = random.Random(seed)
    ledgers = [Ledger() for _ in range(3)]
    stop = threading.Event()
    with deployed(folder) as running:
        players = [threading.Thread(target=play, args=(running.url, own, stop, f"p{i}")) for i, own in enumerate(ledgers)]
        for thread in players:
            thread.start()
        for n in range(1, n_kills + 1):
            eventually(lambda n=n: sum(len(own.acked_decisions) for own in ledgers) >= n * ACKED_BETWEEN_KILLS)
            time.sleep(rng.uniform(0.0, 0.3))
            eventually(lambda: len(running.workers()) > 0)
            os.kill(rng.choice(running.workers()), signal.SIGKILL)
        time.sleep(1.0)
        stop.set()
        for thread in players:
            thread.join()
        running.stop()
    with open_deployment(Home(folder / "policyloop-data")) as deployment:
        with ship_by_hand(deployment) as is_ours:
            assert is_ours
        decisions = Counter(views.decisions(deployment.lake, "shop")["decision_id"].to_pylist())
        outcomes = Counter(views.outcomes(deployment.lake, "shop")["outcome_id"].to_pylist())
    total = Ledger()
    for ledger in ledgers:
        total.sent |= ledger.sent
        total.acked_decisions |= ledger.acked_decisions
        total.acked_outcomes |= ledger.acked_outcomes
    return total, decisions, outcomes


def check(total: Ledger, decisions: Counter, outcomes: Counter) -> None:
    assert total.acked_decisions - decisions.keys() == set()
    assert total.acked_outcomes - outcomes.keys() == set()
    assert [i for i, n in (decisions + outcomes).items() if decisions[i] > 1 or outcomes[i] > 1] == []
    assert (decisions.keys() | outcomes.keys()) - total.sent == set()


def test_after_twenty_kills_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path):
    total, decisions, outcomes = kill_and_audit(tmp_path, n_kills=20, seed=7)

    assert len(total.acked_decisions) >= 20 * ACKED_BETWEEN_KILLS
    check(total, decisions, outcomes)


@pytest.mark.slow
def test_after_three_hundred_kills_nothing_acknowledged_is_lost_and_nothing_is_there_twice(tmp_path):
    total, decisions, outcomes = kill_and_audit(tmp_path, n_kills=300, seed=11)

    assert len(total.acked_decisions) >= 300 * ACKED_BETWEEN_KILLS
    check(total, decisions, outcomes)
