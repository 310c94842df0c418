"""A commit that did not reach the disk is taken back, and its segments ship again: nothing is lost, nothing twice."""

import json

import pytest

from empty_records import with_records
from policyloop.lake.maintain import clean, compact
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import a_decision, an_outcome, sealed

FIRST = sealed([a_decision("a"), an_outcome("a")], segment=1)
SECOND = sealed([a_decision("b"), an_outcome("b")], segment=2)


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


@pytest.fixture
def lake(tmp_path, records):
    """Both segments shipped; the second is still in the log, as just before its deletion."""
    lake = Lake(tmp_path / "lake")
    ship(lake, records, [FIRST])
    ship(lake, records, [SECOND])
    return lake


def newest_commit(tmp_path, table):
    return max((tmp_path / "lake" / table / "_delta_log").glob("*.json"))


def newest_data(tmp_path, table):
    actions = [json.loads(line) for line in newest_commit(tmp_path, table).read_text().splitlines()]
    (added,) = [action["add"]["path"] for action in actions if "add" in action]
    return tmp_path / "lake" / table / added


def ids(lake, table):
    return sorted(lake.rows(table)["decision_id"].to_pylist())


@pytest.mark.parametrize("table", ["decisions", "outcomes"])
@pytest.mark.parametrize("what", ["empty commit", "zeros for a commit", "empty data", "data cut short", "no data"])
def test_a_cut_in_the_newest_commit_costs_nothing(lake, records, tmp_path, table, what):
    commit, data = newest_commit(tmp_path, table), newest_data(tmp_path, table)
    if what == "empty commit":
        commit.write_bytes(b"")
    elif what == "zeros for a commit":
        commit.write_bytes(bytes(commit.stat().st_size))
    elif what == "empty data":
        data.write_bytes(b"")
    elif what == "data cut short":
        data.write_bytes(data.read_bytes()[:-1])
    else:
        data.unlink()

    (told,) = lake.mend()
    ship(lake, records, [SECOND])

    assert told == f"{table}: commit 2 was cut short by a power cut and is taken back"
    assert ids(lake, "decisions") == ids(lake, "outcomes") == ["a", "b"]
    assert lake.mend() == []


def test_whole_tables_are_left_alone(lake):
    before = lake.snapshot()

    assert lake.mend() == []

    assert lake.snapshot() == before


def test_files_that_were_merged_and_cleaned_away_are_not_missed(lake):
    compact(lake, at_least=2)
    assert clean(lake, retention_hours=0) > 0

    assert lake.mend() == []
    assert ids(lake, "decisions") == ["a", "b"]


def test_a_checkpoint_of_a_commit_that_is_taken_back_goes_with_it(lake, records, tmp_path):
    lake.open("decisions").create_checkpoint()
    newest_data(tmp_path, "decisions").write_bytes(b"")

    lake.mend()
    ship(lake, records, [SECOND])

    assert ids(lake, "decisions") == ["a", "b"]


def test_a_cut_in_the_very_first_commit_leaves_a_table_that_can_be_made_again(records, tmp_path):
    lake = Lake(tmp_path / "lake")
    lake.open("decisions")
    newest_commit(tmp_path, "decisions").write_bytes(b"")

    lake.mend()
    ship(lake, records, [FIRST])

    assert ids(lake, "decisions") == ["a"]


@pytest.mark.parametrize("what", ["pointer", "checkpoint", "both"])
def test_a_checkpoint_that_was_cut_short_is_done_without(lake, tmp_path, what):
    lake.open("decisions").create_checkpoint()
    log = tmp_path / "lake" / "decisions" / "_delta_log"
    if what != "checkpoint":
        (log / "_last_checkpoint").write_bytes(b"")
    if what != "pointer":
        next(log.glob("*.checkpoint.parquet")).write_bytes(b"")

    assert lake.mend() == []  # nothing that was said is taken back

    assert ids(lake, "decisions") == ["a", "b"]
    assert lake.open("decisions").version() == 2
