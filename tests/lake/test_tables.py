"""A table that was made before a column existed goes on: the column is null, and is there from the next write on."""

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from empty_records import with_records
from join_loops import a_spec
from policyloop.join.history import examples_of
from policyloop.join.hours import join_loop
from policyloop.lake import views
from policyloop.lake.schema import EXAMPLE_SCHEMA, EXAMPLES, PARTITIONS
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, T0, a_decision, sealed

LATER = "shadow"
SPEC = a_spec()
EARLIER = pa.schema([field for field in EXAMPLE_SCHEMA if field.name != LATER])


class NoSpecs:
    """Every decision was made under today's spec."""

    def spec_named(self, loop, digest):
        return None


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


@pytest.fixture
def lake(tmp_path, records):
    """Two examples of two hours, in a table without the column."""
    made = Lake(tmp_path / "made")
    ship(made, records, [sealed([a_decision("a"), a_decision("b", at=T0 + HOUR)])])
    join_loop(made, records, SPEC, watermark=T0 + 10 * HOUR)
    lake = Lake(tmp_path / "lake")
    place = str(tmp_path / "lake" / EXAMPLES)
    (tmp_path / "lake").mkdir()
    DeltaTable.create(place, EARLIER, partition_by=PARTITIONS[EXAMPLES])
    write_deltalake(place, made.rows(EXAMPLES).select(EARLIER.names), mode="append")
    return lake


def with_shadow(lake, name):
    """One more row, in the first of the hours."""
    row = lake.rows(EXAMPLES, where=in_hours(LOOP, lake.hours(EXAMPLES, loop=LOOP)[0])).slice(0, 1)
    for column, value in (("decision_id", name), (LATER, "{}")):
        place = EXAMPLE_SCHEMA.get_field_index(column)
        row = row.set_column(place, EXAMPLE_SCHEMA.field(column), pa.array([value]))
    return row


def shadows(lake, **at):
    rows = lake.rows(EXAMPLES, columns=["decision_id", LATER], **at)
    return dict(zip(rows["decision_id"].to_pylist(), rows[LATER].to_pylist(), strict=True))


def test_it_is_read_as_null(lake):
    assert shadows(lake) == {"a": None, "b": None}
    assert views.examples(lake, LOOP).schema.equals(EXAMPLE_SCHEMA)
    assert next(rows.schema.names for rows in lake.tables(EXAMPLES, at_least=1)) == EXAMPLE_SCHEMA.names


def test_rows_that_have_it_are_added_and_the_earlier_version_still_reads(lake):
    lake.commit(lake.open(EXAMPLES), with_shadow(lake, "c"))

    assert shadows(lake) == {"a": None, "b": None, "c": "{}"}
    assert shadows(lake, version=1) == {"a": None, "b": None}


def test_rows_that_have_it_can_replace_others(lake):
    hour = lake.hours(EXAMPLES, loop=LOOP)[0]

    lake.replace(EXAMPLES, with_shadow(lake, "c"), where=in_hours(LOOP, hour))

    assert len(shadows(lake)) == 2
    assert shadows(lake)["c"] == "{}"


def test_files_with_and_without_it_merge(lake):
    lake.commit(lake.open(EXAMPLES), with_shadow(lake, "c"))

    n_merged = sum(lake.merge_files(EXAMPLES, loop=LOOP, hour=hour) for hour in lake.hours(EXAMPLES, loop=LOOP))

    assert n_merged == 2
    assert shadows(lake) == {"a": None, "b": None, "c": "{}"}


def test_the_schema_is_written_anew_once_only(lake, tmp_path):
    for name in ("c", "d"):
        lake.commit(lake.open(EXAMPLES), with_shadow(lake, name))

    commits = sorted((tmp_path / "lake" / EXAMPLES / "_delta_log").glob("*.json"))
    assert ["metaData" in commit.read_text() for commit in commits[1:]] == [False, True, False]


def test_the_join_goes_on_in_it(lake, records, tmp_path):
    ship(lake, records, [sealed([a_decision("c", at=T0 + 2 * HOUR, mixture=[("m", 0.9), ("baseline", 0.1)])], segment=2)])
    join_loop(lake, records, SPEC, watermark=T0 + 10 * HOUR)

    examples, _ = examples_of(lake, NoSpecs(), SPEC)

    assert list(examples.trial.hold_out) == [0.0, 0.0, 0.1]
