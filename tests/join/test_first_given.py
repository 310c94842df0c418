"""Records of one decision complete one another where their system logs candidates in part: first come, first given."""

import json

import pytest

from improve_themes import DECISION, REWARD, THEMES, decision, reward
from policyloop.core.clock import US_PER_S
from policyloop.core.spec_file import read_spec
from policyloop.ingest.checks import checks_of
from policyloop.interop.improve_events import event_of
from policyloop.interop.improve_record import read_record
from policyloop.join.examples import join
from policyloop.lake.rows import Placed, decision_rows, outcome_rows

NOW_US = 1_700_000_000_000_000
SPEC = read_spec(THEMES)
CHECKS = checks_of(SPEC, salt=b"s" * 32)


def example_of(*records):
    """The example of a decision whose records came one after the other."""
    placed = []
    for n, record in enumerate(records):
        said = read_record(json.dumps(record).encode(), now_us=NOW_US)
        event, _ = event_of(said, CHECKS, received_at=NOW_US + n)
        placed.append(Placed(event, "w", 1, n, 1, "2023-11-14T22"))
    decisions = decision_rows([p for p in placed if hasattr(p.event, "split")])
    outcomes = outcome_rows([p for p in placed if not hasattr(p.event, "split")])
    (row,) = join(decisions, outcomes, SPEC, watermark=NOW_US + 10 * US_PER_S).to_pylist()
    assert row["decision_id"] == DECISION
    return row


def told(row):
    """Item, sample, context and count of an example."""
    ids = [candidate["id"] for candidate in json.loads(row["actions"])]
    density = json.loads(row["density"])
    sample = ids[density["sample"]] if "sample" in density else None
    return ids[0], sample, json.loads(row["context"])["given"], density["count"]


def test_what_one_record_lacks_another_gives():
    row = example_of(
        decision(item=..., context=..., sample=...),
        decision(item=7, context=..., count=9, sample=None),
        decision(item=8, context={"page": 1}, sample="x"),
        decision(item=8, context={"page": 2}, sample="y"),
        reward(message_id=REWARD, reward=3),
    )

    assert told(row) == ("7", "x", {"page": 1}, 50)
    assert (row["is_conflict"], row["n_duplicates"], row["reward"]) == (False, 3, 3.0)
    assert row["action"] == [0]


def test_of_several_values_the_first_counts_and_later_ones_change_nothing():
    first = decision(item="a", sample="b", context={"page": 1})

    row = example_of(first, decision(item="c", sample="d", context={"page": 2}, count=3))

    assert told(row) == told(example_of(first)) == ("a", "b", {"page": 1}, 50)
    assert not row["is_conflict"]


def test_a_sample_that_turns_out_to_be_the_item_is_one_candidate_with_it():
    row = example_of(decision(item=None, sample=4), decision(item=4, sample=...))

    assert told(row) == ("4", "4", {"page": 7}, 50)
    assert len(json.loads(row["actions"])) == 1


def test_nulls_stay_where_no_record_knows_better():
    assert told(example_of(decision(item=None, sample=None, context=...), decision(item=..., sample=..., context=...))) == (
        "null",
        "null",
        None,
        50,
    )


@pytest.mark.parametrize("is_large_first", [False, True])
def test_a_set_that_is_stored_elsewhere_is_taken_whole(is_large_first):
    records = [decision(item=..., sample=...), decision(item="x" * 2000, sample="y")]

    row = example_of(*(reversed(records) if is_large_first else records))

    assert not row["actions"].startswith("[")
    assert json.loads(row["density"])["sample"] == 1


def test_decisions_with_one_record_are_as_they_were_told():
    assert told(example_of(decision())) == ("0", "4", {"page": 7}, 50)
