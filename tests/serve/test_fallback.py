"""The fallback: the baseline's probabilities, and a breaker that opens on errors and slow calls and closes again."""

import numpy as np

from front_page import CONTEXT, front_page
from policyloop.core.loop import ExploreSpec
from policyloop.core.policy import Actions
from policyloop.serve.fallback import MAX_ERRORS, MAX_SLOW, REST_S, WINDOW, Breaker, baseline_of


def pmf_of(baseline: str, allowed=(True, True, True), floor=0.3):
    spec = front_page(baseline=baseline, explore=ExploreSpec(floor=floor))
    return baseline_of(spec).probabilities(CONTEXT, Actions(spec.labels, np.array(allowed)))


def test_a_label_is_served_with_the_floor():
    np.testing.assert_allclose(pmf_of("bold"), [0.1, 0.8, 0.1])


def test_first_is_the_first_label():
    np.testing.assert_allclose(pmf_of("first"), [0.8, 0.1, 0.1])


def test_uniform_is_even():
    np.testing.assert_allclose(pmf_of("uniform"), [1 / 3, 1 / 3, 1 / 3])


def test_the_first_allowed_action_stands_in_for_a_masked_label():
    np.testing.assert_allclose(pmf_of("bold", (True, False, True)), [0.85, 0.0, 0.15])


def test_without_a_floor_the_baseline_is_certain():
    np.testing.assert_array_equal(pmf_of("bold", floor=0.0), [0, 1, 0])


def test_a_breaker_opens_after_more_errors_than_it_allows():
    breaker = Breaker(budget_s=0.1)
    for _ in range(MAX_ERRORS):
        breaker.bad(0.0)
    assert not breaker.is_open(0.0)

    breaker.bad(0.0)

    assert breaker.is_open(0.0)
    assert breaker.is_open(REST_S - 0.1)
    assert not breaker.is_open(REST_S)


def test_a_breaker_opens_when_most_calls_are_slow():
    breaker = Breaker(budget_s=0.1)
    for _ in range(MAX_SLOW):
        breaker.good(0.2, 0.0)
    assert not breaker.is_open(0.0)

    breaker.good(0.2, 0.0)

    assert breaker.is_open(0.0)


def test_few_errors_among_many_good_calls_never_open_it():
    breaker = Breaker(budget_s=0.1)

    for call in range(100 * WINDOW):
        if call % 50 == 0:
            breaker.bad(0.0)
        else:
            breaker.good(0.2 if call % 3 == 0 else 0.01, 0.0)

    assert not breaker.is_open(0.0)


def test_after_its_rest_one_good_call_closes_it_and_one_bad_call_opens_it():
    breaker = Breaker(budget_s=0.1)
    for _ in range(MAX_ERRORS + 1):
        breaker.bad(0.0)

    breaker.bad(REST_S)
    assert breaker.is_open(REST_S + 1)
    breaker.good(0.01, 2 * REST_S)
    breaker.bad(2 * REST_S)

    assert not breaker.is_open(2 * REST_S)


def test_after_its_rest_a_slow_call_opens_it_again():
    breaker = Breaker(budget_s=0.1)
    for _ in range(MAX_ERRORS + 1):
        breaker.bad(0.0)

    breaker.good(0.2, REST_S)

    assert breaker.is_open(REST_S)
