"""Clearing: what a loop received up to a moment goes, once all of it is in the tables; what comes after stays."""

import pytest

from policyloop.join.hour_states import n_examples
from policyloop.join.hours import join_loop
from policyloop.lake import views
from policyloop.run import clearing
from policyloop.run.by_hand import ship_by_hand


@pytest.fixture
def join(deployment):
    def joined():
        with ship_by_hand(deployment) as is_ours:
            assert is_ours
            join_loop(deployment.lake, deployment.records, deployment.registry.standing("shop").spec)

    return joined


def n_rows(deployment):
    return [view(deployment.lake, "shop").num_rows for view in (views.decisions, views.outcomes, views.examples)]


def test_everything_before_the_wish_goes_and_everything_after_it_stays(shop, deployment, join):
    shop.visit(5)
    join()
    assert n_rows(deployment) == [5, 5, 5]
    clearing.ask(deployment.records, "shop", before_us=deployment.clock.now_us())
    shop.visit(3)

    join()

    assert n_rows(deployment) == [3, 3, 3]
    assert n_examples(deployment.records, "shop") == 3
    assert clearing.wishes(deployment.records) == {}


def test_what_is_still_in_the_log_goes_too(shop, deployment, join):
    shop.visit(4)
    clearing.ask(deployment.records, "shop", before_us=deployment.clock.now_us())
    shop.log.close()  # a writer that lives may still have something of before

    join()

    assert n_rows(deployment) == [0, 0, 0]


def test_a_wish_waits_until_all_that_it_is_about_is_in_the_tables(shop, deployment, join):
    shop.visit(2)
    join()
    ahead_us = deployment.clock.now_us() + 3_600_000_000
    clearing.ask(deployment.records, "shop", before_us=ahead_us)

    join()

    assert n_rows(deployment) == [2, 2, 2]
    assert clearing.wishes(deployment.records) == {"shop": ahead_us}


def test_other_loops_models_and_specs_are_not_touched(shop, deployment, join):
    before = deployment.registry.spec_history("shop")
    shop.visit(2)
    clearing.ask(deployment.records, "other", before_us=deployment.clock.now_us())

    join()

    assert n_rows(deployment) == [2, 2, 2]
    assert deployment.registry.spec_history("shop") == before
