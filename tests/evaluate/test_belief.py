"""Belief: one answer, with the reasons in words."""

import math
from dataclasses import replace

import numpy as np
import pytest

from policyloop.evaluate.belief import Answer, belief_of
from policyloop.evaluate.overlap import Overlap, overlap

GOOD = Overlap(n=10_000, ess=6000.0, largest_share=0.001, tail_share=0.05, largest=4.0, unsupported=0.0)


def test_a_log_that_saw_enough_is_believed():
    got = belief_of(GOOD)

    assert (got.answer, got.reasons) == (Answer.YES, ())
    assert got.sentence == "The log has seen enough of what the policy would do."


def test_propensities_that_were_written_with_four_digits_are_believed():
    thirds = overlap(np.full(3000, 0.3333), np.full(3000, 1 / 3))

    assert belief_of(thirds).answer == Answer.YES


@pytest.mark.parametrize(
    ("change", "answer", "reason"),
    [
        ({"ess": 29.0}, Answer.REFUSE, "10,000 examples are worth no more than 29 of equal weight; at least 30 are needed."),
        (
            {"ess": 199.0},
            Answer.WITH_CARE,
            "10,000 examples are worth no more than 199 of equal weight; better 200 are needed.",
        ),
        ({"largest_share": 0.51}, Answer.REFUSE, "One example carries 51% of the squared weight: all hangs on it."),
        ({"largest_share": 0.11}, Answer.WITH_CARE, "One example carries 11% of the squared weight: all hangs on it."),
        (
            {"unsupported": 0.06},
            Answer.REFUSE,
            "6.0% of what the policy would do are actions that the log gave the probability 0",
        ),
        ({"unsupported": 0.01}, Answer.WITH_CARE, "1.0% of what the policy would do"),
        ({"mean_weight": 0.5, "mean_weight_z": -9.0}, Answer.REFUSE, "9.0 standard errors off): the log does not reach"),
        ({"mean_weight": 1.2, "mean_weight_z": 4.0}, Answer.WITH_CARE, "propensities are smaller than the true chances"),
        ({"n": 0}, Answer.REFUSE, "There is no example."),
        ({"ess": 0.0}, Answer.REFUSE, "The log never took an action that the policy would take"),
    ],
)
def test_what_speaks_against_it_is_said_with_its_number(change, answer, reason):
    got = belief_of(replace(GOOD, **change))

    assert got.answer == answer
    assert reason in got.sentence


def test_support_that_cannot_be_known_is_no_reason():
    assert belief_of(replace(GOOD, unsupported=math.nan)).answer == Answer.YES


def test_the_strictest_reason_comes_first():
    got = belief_of(replace(GOOD, ess=150.0, unsupported=0.5))

    assert got.answer == Answer.REFUSE
    assert [reason.split(" ")[0] for reason in got.reasons] == ["50.0%", "10,000"]


def test_few_examples_that_carry_the_estimate_are_told_with_what_the_interval_covers_instead():
    some, many = belief_of(GOOD, lopsidedness=0.4), belief_of(GOOD, lopsidedness=0.8)

    assert some.answer == many.answer == Answer.WITH_CARE
    assert "its 95 % interval covers about 91 % instead" in some.sentence
    assert "covers far less than that" in many.sentence


def coverage_of_rare_rewards(n_expected, *, runs=4000, n=100_000):
    """How often a normal interval covers when so many rewards of changing size are expected among many examples without."""
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(runs):
        seen = rng.exponential(size=rng.poisson(n_expected))
        mean = seen.sum() / n
        half = 1.96 * np.sqrt(((seen**2).sum() / n - mean**2) / n)
        covered += abs(mean - n_expected / n) <= half
    return 100 * covered / runs


@pytest.mark.parametrize("n_expected", [450, 112, 28, 18])
def test_the_coverage_that_is_foretold_is_what_simulation_shows(n_expected):
    lopsidedness = 6 / 2**1.5 / np.sqrt(n_expected)  # third moment 6, second 2: .1, .2, .4 and .5
    foretold = 95 - 23 * lopsidedness**2

    covered = coverage_of_rare_rewards(n_expected)

    assert abs(covered - foretold) < 2.0
    assert (covered < 93) == (lopsidedness > 0.25)


def test_a_policy_beyond_the_logs_reach_is_refused_by_its_probabilities_alone():
    logged = np.tile([0.5, 0.5, 0.0], (1000, 1))
    target = np.tile([0.4, 0.4, 0.2], (1000, 1))

    seen = overlap(np.full(1000, 0.5), np.full(1000, 0.4), target_pmf=target, logged_pmf=logged)

    assert seen.unsupported == pytest.approx(0.2)
    assert belief_of(seen).answer == Answer.REFUSE
