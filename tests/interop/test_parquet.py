"""Parquet in the shape of our own tables comes in again as decisions and outcomes."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from policyloop.core.errors import Fault, Invalid
from policyloop.interop.formats import parquet

ROW = {
    "decision_id": "d1",
    "context": '{"hour": 9, "device": "phone", "is_new": true}',
    "action": [1],
    "pmf": [[0.2, 0.7, 0.1]],
    "propensity": 0.7,
    "propensity_kind": "probability",
    "policy": "imported:old",
    "decided_at": 1_700_000_000_000_000,
    "outcomes": [("clicked", 1.0)],
    "is_conflict": False,
}
TYPES = {"outcomes": pa.map_(pa.string(), pa.float64()), "mask": pa.list_(pa.bool_())}


@pytest.fixture
def read(tmp_path, loop):
    def rows(*rows, outcome=None):
        columns = {name: pa.array([row.get(name) for row in rows], TYPES.get(name)) for name in rows[0]}
        file = tmp_path / "rows.parquet"
        pq.write_table(pa.table(columns), file)
        return list(parquet.read(file, loop(), policy="file", outcome=outcome))

    return rows


def without(*names, **changed):
    return {name: value for name, value in (ROW | changed).items() if name not in names}


def test_a_row_of_examples_becomes_a_decision_and_its_outcomes(read):
    (row,) = read(ROW)

    assert (row.decision.decision_id, row.decision.action, row.decision.pmf) == ("d1", 1, [0.2, 0.7, 0.1])
    assert (row.decision.policy, row.decision.occurred_at) == ("old", "2023-11-14T22:13:20.000000Z")
    assert row.decision.context == {"hour": 9, "device": "phone", "is_new": True}
    assert row.outcomes == {"clicked": True}


def test_a_reward_alone_is_reported_as_the_only_outcome(read):
    rewarded, unrewarded = read(
        without("outcomes", reward=1.0, is_rewarded=True), without("outcomes", reward=0.0, is_rewarded=False)
    )

    assert rewarded.outcomes == {"clicked": True}
    assert unrewarded.outcomes == {}


def test_an_object_may_stand_there_as_text(tmp_path, loop):
    about = [{"about": '{"a": [1]}'}, {"about": {"a": [1]}}, {"about": "no object"}]
    fields = {"about": {"type": "json"}}
    pq.write_table(pa.table({"context": [json.dumps(one) for one in about], "action": ["bold"] * 3}), tmp_path / "rows.parquet")

    rows = parquet.read(tmp_path / "rows.parquet", loop(context=fields), policy="file", outcome=None)

    assert [row.decision.context["about"] for row in rows] == [{"a": [1]}, {"a": [1]}, "no object"]


def test_little_is_enough(read):
    (row,) = read({"context": {"hour": 9, "device": None}, "action": "bold"})

    assert row.decision.context == {"hour": 9}
    assert (row.decision.action, row.decision.propensity_kind, row.decision.policy) == ("bold", "unknown", "file")


def test_conflicts_are_left_out(read):
    assert len(read(ROW, without(is_conflict=True))) == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"action": [0, 1]}, "action is [0, 1]; expected an index, a list of one index, or a label."),
        ({"context": "[1]"}, "context is '[1]'; expected a JSON object."),
        ({"pmf": [[1.0], [1.0]]}, "pmf has 2 parts; expected one, as the loop's actions are discrete."),
        ({"propensity_kind": "density"}, "propensity_kind is 'density'; expected probability, point, estimated, unknown in a"),
    ],
)
def test_a_row_that_cannot_be_read_is_a_fault(read, changed, message):
    (fault,) = read(ROW | changed)

    assert isinstance(fault, Fault)
    assert fault.message.startswith(message)


def test_a_file_without_what_is_needed_is_refused(read):
    with pytest.raises(Invalid, match="has no column context; expected at least context and action"):
        read(without("context"))


def test_what_is_no_parquet_is_refused(tmp_path, loop):
    (tmp_path / "x.parquet").write_text("not parquet")

    with pytest.raises(Invalid, match=r"cannot be read: .*; expected a Parquet file"):
        list(parquet.read(tmp_path / "x.parquet", loop(), policy="p", outcome=None))
    with pytest.raises(Invalid, match=r"cannot be read: .*; expected a Parquet file"):
        list(parquet.read(tmp_path / "y.parquet", loop(), policy="p", outcome=None))
