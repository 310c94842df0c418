"""Estimators on the Open Bandit data, which others have published values for, and policies that its log cannot tell about."""

import csv
import gzip
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from policyloop.evaluate.belief import Answer, belief_of
from policyloop.evaluate.estimators import ips, snips
from policyloop.evaluate.overlap import overlap

DATA = Path(__file__).parents[3] / "shared" / "data" / "open_bandit"
N_ACTIONS = {"all": 80, "men": 34}


@cache
def log_of(policy, campaign):
    """Rewards, propensities and actions of the 10,000 rows; all positions together."""
    file = DATA / policy / campaign / f"{campaign}.csv.gz"
    if not file.exists():
        pytest.skip("the Open Bandit data is not beside the project")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines))
    reward = np.array([float(row["click"]) for row in rows])
    propensity = np.array([float(row["propensity_score"]) for row in rows])
    return reward, propensity, np.array([int(row["item_id"]) for row in rows])


@pytest.mark.parametrize(("campaign", "by_ips", "by_snips"), [("all", 0.00235964, 0.00233371), ("men", 0.00300863, 0.00318942)])
def test_the_uniform_policys_value_is_the_published_one(campaign, by_ips, by_snips):
    reward, propensity, action = log_of("bts", campaign)
    k = N_ACTIONS[campaign]
    uniform = np.full((len(reward), k), 1 / k)

    assert ips.estimate(reward, propensity, action=action, target_pmf=uniform).value == pytest.approx(by_ips, abs=1e-8)
    assert snips.estimate(reward, propensity, action=action, target_pmf=uniform).value == pytest.approx(by_snips, abs=1e-8)


def belief_in(campaign, item):
    """May an estimate of always showing this item, from the log of the learning policy, be believed?"""
    _, propensity, action = log_of("bts", campaign)
    return belief_of(overlap(propensity, (action == item).astype(np.float64)))


def test_a_policy_that_the_log_cannot_tell_about_is_refused_with_the_reason():
    """Item 54 was shown four times in 10,000 decisions, with chances down to a few in a hundred thousand."""
    got = belief_in("all", 54)

    assert got.answer == Answer.REFUSE
    assert "10,000 examples are worth no more than 3 of equal weight" in got.sentence
    assert "One example carries 82% of the squared weight" in got.sentence
    assert "standard errors off): the log does not reach what the policy would do" in got.sentence


@pytest.mark.parametrize("campaign", ["all", "men"])
def test_every_item_that_was_hardly_shown_is_refused(campaign):
    _, _, action = log_of("bts", campaign)
    k = N_ACTIONS[campaign]
    rare = np.flatnonzero(np.bincount(action, minlength=k) < 30)

    assert len(rare)
    assert {belief_in(campaign, item).answer for item in rare} == {Answer.REFUSE}


def test_what_the_log_really_did_is_believed():
    _, propensity, action = log_of("random", "all")

    got = belief_of(overlap(propensity, np.full(len(action), 1 / 80)))

    assert got.answer == Answer.YES
