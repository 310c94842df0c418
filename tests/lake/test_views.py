"""The views show each event once, whatever the raw tables hold."""

import pytest

from empty_records import with_records
from policyloop.lake import views
from policyloop.lake.rows import outcome_rows
from policyloop.lake.schema import DECISION_SCHEMA, EXAMPLE_SCHEMA, OUTCOME_SCHEMA
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import LOOP, MINUTE, T0, a_decision, an_outcome, sealed


@pytest.fixture
def lake(tmp_path):
    lake, records = Lake(tmp_path / "lake"), open_records(url_of(with_records(tmp_path)))
    events = [
        a_decision("a", at=T0 + 1, policy="later"),
        a_decision("a", policy="first"),
        a_decision("b", at=T0 + 2),
        a_decision("b", at=T0 + 3, pmf=[[0.2, 0.2, 0.6]]),
        an_outcome("a", at=T0 + 2 * MINUTE, values={"cost": 2.0}),
        an_outcome("a", at=T0 + 1 * MINUTE, values={"cost": 1.0, "clicked": 1.0}),
        a_decision("elsewhere", loop="other"),
    ]
    ship(lake, records, [sealed(events)])
    records.close()
    lake.commit(lake.open("decisions"), lake.rows("decisions"))  # as after a restore: every row twice
    lake.commit(lake.open("outcomes"), lake.rows("outcomes"))
    return lake


def test_a_decision_is_shown_once_by_the_record_that_counts(lake):
    rows = views.decisions(lake, LOOP).to_pylist()

    assert [(r["decision_id"], r["policy"], r["is_conflict"]) for r in rows] == [("a", "first", False), ("b", "baseline", True)]


def test_an_outcome_is_shown_once_a_name_by_the_record_that_was_received_first(lake):
    rows = views.outcomes(lake, LOOP).to_pylist()

    assert sorted((r["name"], r["value"]) for r in rows) == [("clicked", 1.0), ("cost", 1.0)]


def test_views_have_the_schema_of_their_tables(lake):
    assert views.decisions(lake, LOOP).schema.equals(DECISION_SCHEMA)
    assert views.outcomes(lake, LOOP).schema.equals(OUTCOME_SCHEMA)
    assert views.examples(lake, LOOP).schema.equals(EXAMPLE_SCHEMA)


def test_a_view_of_an_hour_without_rows_is_empty(lake):
    assert views.decisions(lake, LOOP, hours=["2025-01-01T00"]).num_rows == 0
    assert views.outcomes(lake, "it's no loop").num_rows == 0


def test_an_older_version_still_says_what_it_said(lake):
    assert lake.rows("decisions", version=0).num_rows == 0
    assert views.decisions(lake, LOOP, version=1).num_rows == 2


def test_no_outcomes_are_no_rows():
    assert outcome_rows([]).schema.equals(OUTCOME_SCHEMA)
