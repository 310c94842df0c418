"""Work by hand: done here while nobody works, left to the worker while one does, and never by two at once."""

import pytest

from deployed import eventually
from policyloop.core.clock import US_PER_S
from policyloop.core.errors import NothingToDo
from policyloop.core.rng import uuid7
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.run import jobs
from policyloop.run.by_hand import ask_worker, join_by_hand, ship_by_hand, train_by_hand
from policyloop.run.deployment import open_deployment
from policyloop.run.lease import LEASE_S, WORK, Lease, holder_here
from policyloop.storage.records import leases
from served import HandClock
from shop import SHOP


@pytest.fixture
def worker(deployment):
    """Somebody else's lease, taken."""
    lease = Lease(deployment.records, WORK, holder=uuid7(1), clock=deployment.clock)
    assert lease.take()
    return lease


def spec_of(deployment):
    return deployment.registry.standing("shop").spec


def test_a_training_by_hand_brings_everything_up_to_date_first(shop, deployment):
    shop.visit(80)

    made = train_by_hand(deployment, spec_of(deployment))

    assert made.model == deployment.registry.standing("shop").champion
    assert 0 < made.n_examples < 80
    assert made.sentence == f"model {made.model[:12]} from {made.n_examples} examples: PROMOTE. {made.verdict.sentence}"


def test_while_a_worker_has_the_lease_nothing_is_done_here(shop, deployment, worker):
    shop.visit(80)

    assert not join_by_hand(deployment, spec_of(deployment))
    assert train_by_hand(deployment, spec_of(deployment)) is None
    assert deployment.registry.models("shop") == []


def test_another_command_of_a_person_is_waited_for(shop, deployment):
    shop.visit(80)
    other = Lease(deployment.records, WORK, holder=holder_here("hand", deployment.clock), clock=deployment.clock)
    assert other.take()

    made = train_by_hand(deployment, spec_of(deployment), on_wait=other.give_back)

    assert made is not None


def test_the_worker_is_asked_once(shop, deployment):
    first, is_new = ask_worker(deployment, "shop")
    again, is_new_again = ask_worker(deployment, "shop")

    assert (is_new, is_new_again) == (True, False)
    assert first.id == again.id
    assert [job.id for job in jobs.history(deployment.records, "shop")] == [first.id]


def test_the_lease_is_given_back_whatever_happens(shop, deployment):
    with pytest.raises(NothingToDo):
        train_by_hand(deployment, spec_of(deployment))

    assert join_by_hand(deployment, spec_of(deployment))


def test_work_that_takes_long_keeps_the_lease(tmp_path):
    clock = HandClock()
    with open_deployment(Home(tmp_path), clock) as deployment:
        deployment.registry.apply(read_spec(SHOP))
        other = Lease(deployment.records, WORK, holder=uuid7(1), clock=clock)
        taken_by_another = []

        with ship_by_hand(deployment, renew_every_s=0.01) as is_ours:
            for _ in range(3):
                clock.sleep(LEASE_S * 0.9)
                eventually(lambda: expires_at(deployment) == clock.now_us() + LEASE_S * US_PER_S)
                taken_by_another.append(other.take())

    assert is_ours
    assert taken_by_another == [False] * 3


def expires_at(deployment):
    with deployment.records.read() as connection:
        return connection.execute(leases.select()).one().expires_at
