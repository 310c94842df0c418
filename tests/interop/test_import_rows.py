"""Importing: all rows or none, through the log, and twice counts once."""

import pyarrow.compute as pc
import pytest

from policyloop.core.clock import SystemClock
from policyloop.core.errors import Fault, Invalid
from policyloop.core.wire import TrackedDecision
from policyloop.interop.import_rows import check_rows, import_rows
from policyloop.interop.imported_row import ImportedRow
from policyloop.join.hours import join_loop
from policyloop.lake import views
from policyloop.lake.ship import ship_log
from policyloop.lake.tables import Lake
from policyloop.log.files import SystemFiles
from policyloop.log.replay import find_events
from policyloop.log.writer import LogWriter
from policyloop.storage.records import open_records, url_of

CONTEXT = {"hour": 9, "device": "phone", "is_new": True}


def a_row(n, *, outcomes=None, **changed):
    decision = TrackedDecision(
        **{
            "loop": "front-page",
            "decision_id": f"d{n}",
            "context": CONTEXT,
            "action": "bold",
            "propensity": 0.7,
            "pmf": [0.2, 0.7, 0.1],
            "policy": "old",
            **changed,
        }
    )
    return ImportedRow(f"row {n}", decision, {} if outcomes is None else outcomes)


ROWS = [
    a_row(1, outcomes={"clicked": True}),
    a_row(2),
    a_row(3, outcomes={"clicked": False}, pmf=None, propensity_kind="estimated"),
]


def written(rows, checks, folder):
    clock = SystemClock()
    writer = LogWriter(folder, clock=clock)
    try:
        return import_rows(lambda: iter(rows), checks, writer=writer, clock=clock)
    finally:
        writer.close()


def test_rows_become_decisions_and_outcomes_in_the_log(checks, tmp_path):
    told = written(ROWS, checks, tmp_path / "log")

    assert (told.n_decisions, told.n_outcomes, told.n_evidence, told.n_repeated) == (3, 2, 2, 0)
    (_, decision), (_, outcome) = find_events(tmp_path / "log", "d1")
    assert (decision.policy, decision.action, decision.draw_version) == ("imported:old", [1], 0)
    assert (outcome.values, outcome.decided_at) == ({"clicked": 1.0}, decision.decided_at)


def test_one_bad_row_keeps_all_out(checks, tmp_path):
    rows = [*ROWS, a_row(4, context={"hour": 99, "device": "phone", "is_new": True}), Fault("row 5", "cannot be read.")]

    with pytest.raises(Invalid) as caught:
        written(rows, checks, tmp_path / "log")

    assert [fault.where for fault in caught.value.faults] == ["row 4.context.hour", "row 5"]
    assert find_events(tmp_path / "log", "d1") == []


def test_faults_are_listed_up_to_a_point(checks):
    with pytest.raises(Invalid) as caught:
        check_rows((Fault(f"row {n}", "cannot be read.") for n in range(1000)), checks, now_us=0)

    assert len(caught.value.faults) == 20


def test_repeated_ids_are_counted(checks):
    assert check_rows(iter([*ROWS, ROWS[0]]), checks, now_us=0).n_repeated == 1


def test_an_undeclared_outcome_is_warned_of_once(checks):
    rows = [a_row(n, outcomes={"cliked": 1.0}) for n in range(5)]

    (warning,) = check_rows(iter(rows), checks, now_us=0).warnings

    assert "no outcome is named 'cliked'; did you mean 'clicked'?" in warning


def test_imported_twice_is_in_the_examples_once(checks, tmp_path):
    records = open_records(url_of(tmp_path))
    lake = Lake(tmp_path / "lake")
    clock = SystemClock()
    for _ in range(2):
        written(ROWS, checks, tmp_path / "log")
        ship_log(lake, records, tmp_path / "log", clock=clock, files=SystemFiles())

    join_loop(lake, records, checks.spec, watermark=clock.now_us() + 3_600_000_000)

    examples = views.examples(lake, "front-page").sort_by("decision_id")
    records.close()
    assert examples["decision_id"].to_pylist() == ["d1", "d2", "d3"]
    assert examples["reward"].to_pylist() == [1.0, 0.0, 0.0]
    assert examples["is_rewarded"].to_pylist() == [True, False, True]
    assert pc.unique(examples["policy"]).to_pylist() == ["imported:old"]
