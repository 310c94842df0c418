"""The worker: round by round, what came in is joined, learned from, judged and made live; failures are tried again."""

import time

import pytest
import sqlalchemy as sa

from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.gate.ramp import State
from policyloop.gate.verdict import Call
from policyloop.join.hour_states import n_examples
from policyloop.run import jobs
from policyloop.run.challenges import challenging
from policyloop.run.deployment import open_deployment
from policyloop.run.work import Worker
from policyloop.storage.records import progress
from shop import LIKED, SHOP, Shop


@pytest.fixture
def worker(deployment):
    made = Worker(deployment, tell=lambda level, what, facts: None, compact_every_s=3600)
    yield made
    made.close()


def rounds_until(worker, holds, *, within_s=60):
    deadline_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline_s, "the worker did not get there"
        worker.round()
        time.sleep(0.05)


def test_visits_become_a_champion_that_knows_what_people_like(shop, worker, deployment):
    shop.visit(80)

    rounds_until(worker, lambda: deployment.registry.standing("shop").champion is not None)

    clicks = []
    shop.visit(40, clicks=lambda device, action: clicks.append(LIKED[device] == action) or True)
    (verdict,) = deployment.registry.verdicts("shop")
    assert verdict.verdict.call == Call.PROMOTE
    assert sum(clicks) > 30  # epsilon and floor leave at least .8 of them right


def test_too_few_examples_train_nothing(shop, worker, deployment):
    shop.visit(59)

    for _ in range(4):
        worker.round()

    assert jobs.last(deployment.records, "shop") is None


def test_a_second_worker_stands_by(shop, worker, deployment):
    other = Worker(deployment, tell=lambda level, what, facts: None, compact_every_s=3600)
    worker.round()
    shop.visit(80)

    for _ in range(4):
        other.round()
    other.close()

    assert jobs.last(deployment.records, "shop") is None
    rounds_until(worker, lambda: jobs.last(deployment.records, "shop") is not None)


class LeapingClock(SystemClock):
    """The machine's clock, but its timeouts can be made to pass at once."""

    leapt_s = 0.0

    def monotonic_s(self):
        return super().monotonic_s() + self.leapt_s


def test_a_training_that_takes_too_long_is_stopped_told_and_queued_again(tmp_path):
    clock = LeapingClock()
    with open_deployment(Home(tmp_path / "home"), clock) as deployment:
        deployment.registry.apply(read_spec({**SHOP, "train": {"every": "60 examples", "max_runtime": "1h", "retries": 1}}))
        worker = Worker(deployment, tell=lambda level, what, facts: None, compact_every_s=1e9)
        shop = Shop(deployment)
        shop.visit(80)
        rounds_until(worker, lambda: jobs.last(deployment.records, "shop", states=("running",)) is not None)

        clock.leapt_s = 3601
        worker.round()  # the child has not even begun: it takes longer to start than a round

        failed = jobs.last(deployment.records, "shop", states=("failed",))
        again = jobs.last(deployment.records, "shop")
        assert failed.message.startswith("took longer than its max_runtime and was stopped.")
        assert (again.state, again.attempt) == ("queued", 2)
        assert again.queued_at > failed.ended_at
        shop.log.close()
        worker.close()


def test_a_challenge_that_waits_for_a_person_is_not_looked_at_in_every_round(shop, worker, deployment):
    shop.visit(80)
    rounds_until(worker, lambda: deployment.registry.standing("shop").champion is not None)
    challenging.begin(deployment, "shop", "context: [hour]\n", why="a try")
    rounds_until(worker, lambda: deployment.registry.challenges.open("shop").state == State.LOG_CHECK)
    worker.round()

    looks = [worker._is_look_due("shop", deployment.registry.standing("shop"), 80) for _ in range(3)]
    deployment.registry.freeze("shop", why="sales start")
    after = worker._is_look_due("shop", deployment.registry.standing("shop"), 80)

    assert looks == [False] * 3
    assert after


def test_trouble_with_one_loop_holds_up_no_other(shop, deployment):
    told = []
    deployment.registry.apply(read_spec({**SHOP, "loop": "bad"}))
    shop.visit(60)
    worker = Worker(deployment, tell=lambda level, what, facts: told.append((what, facts.get("loop"))), compact_every_s=3600)
    with deployment.records.write() as connection:  # what the loop's last join left cannot be read any more
        connection.execute(sa.insert(progress).values(name="hour:bad:2026-11-01T07", value=1, text="no JSON"))

    rounds_until(worker, lambda: n_examples(deployment.records, "shop") == 60)
    worker.close()

    assert ("round failed", "bad") in told
