"""A record of the Improve track protocol is a decision or a reward, or every fault of it is told."""

import json

import pytest
from msgspec import UNSET

from improve_themes import DECISION, REWARD, decision, ksuid, reward
from policyloop.core.errors import Invalid
from policyloop.interop.improve_record import ImproveDecision, ImproveReward, read_record

NOW_US = 1_700_000_000_000_000


def read(record):
    return read_record(json.dumps(record).encode(), now_us=NOW_US)


def faults_of(record):
    with pytest.raises(Invalid) as caught:
        read(record)
    return {fault.where: fault.message for fault in caught.value.faults}


def test_the_presence_of_count_makes_a_decision():
    got = read(decision(reward="what a decision does not know is ignored", timestamp=[], type=7))

    assert got == ImproveDecision(message_id=DECISION, model="appconfig", item=0, context={"page": 7}, count=50, sample=4)


def test_without_count_it_is_a_reward():
    assert read(reward()) == ImproveReward(message_id=REWARD, model="appconfig", decision_id=DECISION, reward=100.0)


def test_older_clients_say_variant_and_givens():
    got = read(decision(item=..., context=..., variant="asd", givens=[1], type="decision"))

    assert (got.item, got.context) == ("asd", [1])


def test_null_is_an_item_and_a_sample_and_what_is_not_sent_is_no_sample():
    nulls = read(decision(item=None, sample=None))
    fewest = read(decision(item=..., context=..., sample=...))

    assert (nulls.item, nulls.sample) == (None, None)
    assert (fewest.item, fewest.context, fewest.sample) == (None, None, UNSET)


def test_of_one_candidate_there_is_no_other_to_sample():
    assert read(decision(count=1, sample=...)).count == 1
    assert faults_of(decision(count=1, sample=None)) == {
        "$.sample": "is sent with count 1; expected none, since there was no other candidate to draw it from."
    }


def test_ids_of_the_future_are_refused_to_the_second():
    assert read(decision(message_id=ksuid(NOW_US))).message_id
    assert faults_of(decision(message_id=ksuid(NOW_US + 1_000_000))) == {
        "$.message_id": "is a KSUID of the future; expected one made until now. Set the client's clock right."
    }
    assert set(faults_of(reward(decision_id=ksuid(NOW_US + 1_000_000)))) == {"$.decision_id"}


@pytest.mark.parametrize("name", ["a", "9", "A.b-c_d", "x" * 64])
def test_models_may_have_names_that_loops_may_not(name):
    assert read(decision(model=name)).model == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "x" * 65, "a b", "a\n", "a/b", "ä", 7, None, ["a"]])
def test_other_names_are_none(name):
    assert set(faults_of(decision(model=name))) == {"$.model"}


@pytest.mark.parametrize("count", [0, -1, 1.5, 2.0, "2", True, None, [], 2**53 + 1, 10**400])
def test_a_count_is_a_whole_number_of_at_least_one(count):
    assert set(faults_of(decision(count=count))) == {"$.count"}


@pytest.mark.parametrize("value", [None, True, "1", [], {}, 10**400])
def test_a_reward_is_a_finite_number(value):
    assert set(faults_of(reward(reward=value))) == {"$.reward"}


def test_all_faults_are_told_at_once():
    got = faults_of({"message_id": "x", "model": "", "decision_id": 1, "reward": "2", "what is this": 3})

    assert got == {
        "$.message_id": "is 'x'; expected a KSUID: 27 letters and digits.",
        "$.model": "is ''; expected a letter or digit, then up to 63 letters, digits, dots, dashes and underscores.",
        "$.decision_id": "is 1; expected a KSUID: 27 letters and digits.",
        "$.reward": "is '2'; expected a finite number.",
    }


def test_what_is_neither_is_told_what_it_may_be():
    record = {"message_id": DECISION, "model": "a"}

    assert faults_of(record) == {"$": "has neither count nor reward; expected count for a decision, or decision_id and reward."}
    assert faults_of(record | {"reward": 1}) == {
        "$.decision_id": "is missing; expected the decision's message_id: 27 letters and digits."
    }
    assert faults_of(record | {"decision_id": DECISION}) == {"$.reward": "is missing; expected a finite number."}
