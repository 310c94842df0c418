"""Loops whose callers bring the actions along go the whole way: decided, logged, joined, learned, judged, served, replayed."""

import random
import time

import pytest

from empty_records import with_records
from market import MARKET, Market, offer
from policyloop.core.clock import SystemClock
from policyloop.core.event import ActionSet
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.join.history import examples_of
from policyloop.lake.schema import ACTION_SETS
from policyloop.log import folder as log_folder
from policyloop.log.replay import read_segment
from policyloop.run import jobs
from policyloop.run.deployment import open_deployment
from policyloop.run.questions.rebuild import rebuild
from policyloop.run.work import Worker


@pytest.fixture
def market(deployment):
    opened = market_of(deployment)
    yield opened
    opened.log.close()


@pytest.fixture
def worker(deployment):
    made = worker_of(deployment)
    yield made
    made.close()


def market_of(deployment):
    deployment.registry.apply(read_spec(MARKET))
    return Market(deployment)


def worker_of(deployment):
    return Worker(deployment, tell=lambda level, what, facts: None, compact_every_s=3600)


def rounds_until(worker, holds, *, at_most=2000):
    for _ in range(at_most):
        if holds():
            return
        worker.round()
        time.sleep(0.02)  # a child at work needs the processor more than the rounds that wait for it
    raise AssertionError("the worker did not get there")


def test_buyers_teach_it_what_to_offer_them_from_things_that_no_one_saw_before(market, worker, deployment):
    market.visit(400)

    rounds_until(worker, lambda: deployment.registry.standing("market").champion is not None)
    hits = market.visit(100)

    assert sum(hits) > 55  # at random 25; epsilon and floor leave at least .8 of what it knows
    assert jobs.last(deployment.records, "market", states=("failed",)) is None


def test_a_large_set_is_logged_once_and_read_back_with_each_decision(market, worker, deployment):
    offered = offer(random.Random(1), 100)
    for _ in range(5):
        market.decide(actions=offered)
    decided = market.decide(actions=offered, exclude=[one.id for one in offered[1:]])
    market.log.roll()

    logged = [record.event() for file in log_folder.segments(deployment.home.log) for record in read_segment(file).records]
    sets = [record for record in logged if isinstance(record, ActionSet)]
    rounds_until(worker, lambda: deployment.lake.exists(ACTION_SETS))

    assert len(sets) == 1
    assert decided.event.actions == sets[0].digest
    assert deployment.lake.rows(ACTION_SETS).num_rows == 1
    assert decided.answer.action == offered[0].id


def test_examples_carry_what_was_offered_padded_to_the_largest_set(market, worker, deployment):
    spec = read_spec(MARKET)
    market.visit(20, n_candidates=3)
    market.visit(20, n_candidates=60)
    rounds_until(worker, lambda: len(examples_of(deployment.lake, deployment.registry, spec)[0]) == 40)

    examples, _ = examples_of(deployment.lake, deployment.registry, spec)

    assert examples.allowed.shape == (40, 60)
    assert examples.allowed.sum(axis=1).tolist() == [3] * 20 + [60] * 20
    assert [len(one) for one in examples.candidates] == [3] * 20 + [60] * 20
    assert examples.pmf.sum(axis=1) == pytest.approx(1.0)
    taken = examples.pmf[range(40), examples.action]
    assert taken == pytest.approx(examples.propensity)
    assert 0 <= examples.candidates[5].features[1]["price"] <= 1


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A deployment with a market whose champion has learned from 80 buyers, and its worker."""
    home = Home(with_records(tmp_path_factory.mktemp("taught") / "home"))
    with open_deployment(home, SystemClock()) as deployment:
        market, worker = market_of(deployment), worker_of(deployment)
        market.visit(80)
        rounds_until(worker, lambda: deployment.registry.standing("market").champion is not None)
        yield deployment, market, worker
        worker.close()
        market.log.close()


@pytest.mark.parametrize("n_candidates", [4, 100])
@pytest.mark.parametrize("is_shipped", [False, True])
def test_a_ranking_replays_from_the_log_and_from_the_tables(taught, n_candidates, is_shipped):
    deployment, market, worker = taught
    decided = market.decide(actions=offer(random.Random(2), n_candidates), n=4)
    market.log.roll()
    if is_shipped:
        for _ in range(3):
            worker.round()

    found = rebuild(deployment, decided.answer.decision_id)

    assert decided.answer.policy != "baseline"
    assert found.replay.agrees
    assert found.replay.is_ranking_alike
    assert [found.names[place] for place in decided.event.action] == decided.answer.ranking
    assert len(set(decided.answer.ranking)) == 4


def test_one_id_with_two_sets_is_a_conflict_even_where_the_probabilities_are_the_same(market, deployment, worker):
    spec = read_spec(MARKET)
    other = Market(deployment)  # another process, which does not remember the first
    market.decide(actions=offer(random.Random(1)), decision_id="d-1")
    other.decide(actions=offer(random.Random(2)), decision_id="d-1")
    market.decide(actions=offer(random.Random(3)), decision_id="d-2")
    other.decide(actions=offer(random.Random(3)), decision_id="d-2")
    for name in ("d-1", "d-2"):
        market.report(name, bought=True)
    market.log.roll()
    other.log.close()

    rounds_until(worker, lambda: len(examples_of(deployment.lake, deployment.registry, spec)[0]) > 0)

    examples, _ = examples_of(deployment.lake, deployment.registry, spec)
    assert len(examples) == 1


def test_a_set_that_was_lost_costs_its_own_decisions_alone(market, deployment, worker):
    spec = read_spec(MARKET)
    market.visit(5, n_candidates=60)
    market.visit(5, n_candidates=3)
    rounds_until(worker, lambda: len(examples_of(deployment.lake, deployment.registry, spec)[0]) == 10)
    before, _ = examples_of(deployment.lake, deployment.registry, spec)
    lost = before.candidates[0].digest

    deployment.lake.remove(ACTION_SETS, where=f"set_hash = '{lost}'")
    after, _ = examples_of(deployment.lake, deployment.registry, spec)

    assert len(after) == 9
    assert lost not in [one.digest for one in after.candidates]
