"""Records of the Improve track protocol in our words: two candidates, their number, and rewards that need no window."""

import json

import msgspec
import pytest

from improve_themes import DECISION, REWARD, THEMES, decision, reward
from policyloop.core.clock import from_iso
from policyloop.core.errors import Invalid
from policyloop.core.spec_file import read_spec
from policyloop.ingest.checks import checks_of
from policyloop.ingest.json_values import MAX_STRING_CHARS
from policyloop.interop.improve_events import event_of, name_of
from policyloop.interop.improve_record import read_record

NOW_US = 1_700_000_000_000_000
MADE_AT = from_iso("2022-11-25T11:20:13Z")


def events(record, **changes):
    checks = checks_of(read_spec(THEMES | changes), salt=b"s" * 32)
    return event_of(read_record(json.dumps(record).encode(), now_us=NOW_US), checks, received_at=NOW_US)


def event(record, **changes):
    return events(record, **changes)[0]


def features_of(event):
    return [candidate["features"]["features"] for candidate in msgspec.json.decode(event.actions)]


def faults_of(record, **changes):
    with pytest.raises(Invalid) as caught:
        event(record, **changes)
    return {fault.where: fault.message for fault in caught.value.faults}


def test_a_decision_offers_its_item_and_the_sample_and_keeps_how_many_there_were():
    got = event(decision(item={"text": "a"}, sample={"text": "b"}))

    assert (got.loop, got.decision_id, got.policy) == ("themes", DECISION, "imported:improve")
    assert features_of(got) == [{"text": "a"}, {"text": "b"}]
    assert got.action == [0]
    assert got.density == {"family": "sampled", "count": 50, "sample": 1}
    assert json.loads(got.context) == {"given": {"page": 7}}


def test_no_propensity_is_claimed():
    got = event(decision())

    assert got.propensity_kind == "estimated"
    assert got.propensity != got.propensity
    assert (got.pmf, got.mask) == (None, None)


def test_the_id_tells_when_the_client_decided_and_the_server_when_it_heard_of_it():
    got = event(decision())

    assert (got.occurred_at, got.decided_at) == (MADE_AT, NOW_US)


def test_values_that_are_no_objects_are_features_of_that_name():
    got = event(decision(item=3, sample=[1, "x"], context="here"))

    assert features_of(got) == [{"item": 3}, {"item": [1, "x"]}]
    assert json.loads(got.context) == {"given": {"given": "here"}}


def test_a_null_item_has_no_features_and_a_missing_context_no_value():
    got = event(decision(item=None, sample=0, context=...))

    assert features_of(got) == [None, {"item": 0}]
    assert json.loads(got.context) == {"given": None}


def test_a_sample_that_equals_the_item_is_the_same_candidate():
    got = event(decision(item={"a": 1, "b": 2}, sample={"b": 2, "a": 1}))

    assert len(features_of(got)) == 1
    assert got.density == {"family": "sampled", "count": 50, "sample": 0}


def test_without_a_sample_the_item_stands_alone():
    assert event(decision(sample=...)).density == {"family": "sampled", "count": 50}
    assert event(decision(count=1, sample=...)).density == {"family": "sampled", "count": 1}


@pytest.mark.parametrize(
    ("item", "name"),
    [
        ("dark", "dark"),
        ("a b/c", "a b/c"),
        (0, "0"),
        ("0", '"0"'),
        (1.5, "1.5"),
        (None, "null"),
        ("null", '"null"'),
        (True, "true"),
    ],
)
def test_short_items_are_their_own_names_and_no_two_share_one(item, name):
    assert name_of(item) == name


def test_other_items_are_named_by_their_content_whatever_the_order_of_their_keys():
    assert name_of({"a": 1, "b": [2]}) == name_of({"b": [2], "a": 1}) != name_of({"a": 1, "b": [3]})
    names = [name_of(item) for item in ({"a": 1}, [1], "", "x" * 257, "a\nb")]
    assert len(set(names)) == 5
    assert all(name.startswith("item-") for name in names)


def test_declared_fields_are_taken_by_name_and_faults_are_told_where_the_client_wrote_them():
    declared = {
        "context": {"page": {"type": "integer", "min": 0}},
        "actions": {"kind": "candidates", "features": {"price": {"type": "number", "min": 0}}},
    }

    got = event(decision(item={"price": 2}, sample={"price": 3}), **declared)

    assert json.loads(got.context) == {"page": 7}
    assert [one["features"] for one in msgspec.json.decode(got.actions)] == [{"price": 2.0}, {"price": 3.0}]
    assert faults_of(decision(item={"price": -1}, sample={}, context={"page": -7}), **declared) == {
        "$.context.page": "is -7; expected a whole number of at least 0.",
        "$.item.price": "is -1; expected a finite number of at least 0.",
        "$.sample.price": "is missing; expected a finite number of at least 0.",
    }
    assert set(faults_of(decision(item=3, context=4), **declared)) == {"$.context", "$.item", "$.sample"}


def test_what_the_fields_have_no_place_for_is_kept_whole_beside_them():
    text, many, deep = "x" * 100_000, list(range(501)), json.loads("[" * 40 + "]" * 40)

    got, offered = events(decision(item=text, sample={"deep": deep, "many": many}))

    assert got.actions == offered.digest
    assert features_of(offered)[0] == {"item": text[:MAX_STRING_CHARS]}
    assert len(features_of(offered)[1]["many"]) == 499
    assert set(got.extra) == {"item", "sample"}
    assert json.loads(got.extra["item"]) == text
    assert json.loads(got.extra["sample"]) == {"deep": deep, "many": many}
    assert event(decision()).extra is None


def test_what_may_not_be_stored_is_not_kept_beside_the_fields_either():
    got = event(decision(context="x" * 100_000), context={"given": {"type": "json", "optional": True, "store": "never"}})

    assert "xxx" not in got.context
    assert got.extra is None


def test_a_reward_is_known_by_its_own_id_and_belongs_to_the_moment_of_its_decision():
    got = event(reward(reward=-2.5))

    assert (got.decision_id, got.outcome_id, got.values) == (DECISION, REWARD, {"reward": -2.5})
    assert (got.occurred_at, got.decided_at, got.received_at) == (MADE_AT, MADE_AT, NOW_US)


def test_a_reward_is_the_outcome_of_that_name_or_the_only_one():
    only = event(reward(reward=1), outcomes={"liked": "boolean"}, reward={"expression": "liked", "range": [0, 1]})
    named = event(reward(), outcomes={"liked": "boolean", "reward": "number"})

    assert only.values == {"liked": 1.0}
    assert named.values == {"reward": 100.0}
    assert faults_of(
        reward(), outcomes={"liked": "boolean", "paid": "number"}, reward={"expression": "paid", "range": [0, 1]}
    ) == {"$.model": "is 'appconfig', a loop with the outcomes liked, paid; expected one named reward."}


def test_a_loop_of_labels_takes_rewards_and_no_decisions():
    labels = {"actions": {"labels": ["a", "b"]}, "baseline": "a"}

    assert event(reward(), **labels).values == {"reward": 100.0}
    assert set(faults_of(decision(), **labels)) == {"$.model"}
