"""Shipping promises: exactly once into the tables, whatever is repeated and wherever it breaks."""

import pyarrow.compute as pc
import pytest

from empty_records import with_records
from fragile_lake import Fault, FragileLake
from policyloop.core.clock import hour_of
from policyloop.core.errors import CorruptLog
from policyloop.core.event import pack_floats
from policyloop.lake import dirty
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.write import Sealed, ship
from policyloop.log.segment import Record
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, MINUTE, T0, a_decision, an_outcome, sealed, writer_name


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


def ids(lake, table, **where):
    return sorted(lake.rows(table, **where)["decision_id"].to_pylist())


def test_events_are_rows_of_their_tables_after_shipping(lake, records):
    done = ship(lake, records, [sealed([a_decision(), an_outcome(values={"clicked": 1.0, "dwell_s": 30.0})])])

    (decision,) = lake.rows("decisions").to_pylist()
    assert decision["pmf"] == [[0.5, 0.3, 0.2]]
    assert decision["hour"] == "2025-11-24T16"
    assert (decision["writer"], decision["seq"]) == (writer_name(1), 1000)
    outcomes = lake.rows("outcomes")
    assert sorted(zip(outcomes["name"].to_pylist(), outcomes["value"].to_pylist(), strict=True)) == [
        ("clicked", 1.0),
        ("dwell_s", 30.0),
    ]
    assert (done.n_segments, done.n_decisions, done.n_outcomes, done.n_unplaced) == (1, 1, 1, 0)


def test_every_field_of_an_event_reaches_its_column(lake, records):
    from_client = a_decision(
        "d1",
        occurred_at=T0 - 5,
        mixture=[("a", 0.9), ("b", 0.1)],
        side="b",
        actions='["x","y"]',
        mask=[True, False, True],
        action_value=[0.25],
        density={"family": "normal", "sd": 2.0},
        action_source="policy",
        action_value_estimate=0.125,
        baseline_action=1,
        shadow='{"m":[0]}',
        draw_version=1,
        salt_id="abcd",
        is_clamped=True,
        is_fallback=True,
        is_deferred=True,
        subject="k",
        episode_id="e",
        step=3,
        trace_id="t",
        extra={"new": [1]},
    )
    seen = an_outcome(
        values={"$executed": None},
        occurred_at=T0 + 1,
        decided_at=T0,
        slot=2,
        final=True,
        terminated=False,
        truncated=True,
        next_context="{}",
        executed="2",
        is_clamped=True,
        extra={"k": 1},
    )

    ship(lake, records, [sealed([from_client, seen])])

    (row,) = lake.rows("decisions").to_pylist()
    assert row["mixture"] == [{"policy": "a", "share": 0.9}, {"policy": "b", "share": 0.1}]
    assert (row["density"], row["extra"]) == ('{"family":"normal","sd":2.0}', '{"new":[1]}')
    plain = [
        "occurred_at",
        "side",
        "actions",
        "mask",
        "action_value",
        "action_source",
        "action_value_estimate",
        "baseline_action",
    ]
    plain += [
        "shadow",
        "draw_version",
        "salt_id",
        "is_clamped",
        "is_fallback",
        "is_deferred",
        "subject",
        "episode_id",
        "step",
        "trace_id",
    ]
    assert {name: row[name] for name in plain} == {name: getattr(from_client, name) for name in plain}
    (row,) = lake.rows("outcomes").to_pylist()
    assert (row["name"], row["value"], row["extra"]) == ("$executed", None, '{"k":1}')
    plain = ["occurred_at", "decided_at", "slot", "final", "terminated", "truncated", "next_context", "executed", "is_clamped"]
    assert {name: row[name] for name in plain} == {name: getattr(seen, name) for name in plain}


def test_a_pmf_stored_as_raw_bytes_is_a_list_of_numbers_in_the_table(lake, records):

    ship(lake, records, [sealed([a_decision(pmf=[pack_floats([1 / 50] * 50)])])])

    assert lake.rows("decisions")["pmf"].to_pylist() == [[[0.02] * 50]]


def test_a_segment_that_is_shipped_again_changes_nothing(lake, records):
    first = sealed([a_decision("a"), an_outcome("a")], segment=1)
    second = sealed([a_decision("b")], segment=2)
    ship(lake, records, [first, second])

    ship(lake, records, [first])
    ship(lake, records, [first, second, sealed([a_decision("c")], segment=3)])

    assert ids(lake, "decisions") == ["a", "b", "c"]
    assert ids(lake, "outcomes") == ["a"]


def test_the_commit_records_the_last_segment_of_every_writer(lake, records):
    ship(lake, records, [sealed([a_decision("a")], writer=1, segment=4), sealed([a_decision("b")], writer=2, segment=9)])

    handle = lake.open("decisions")

    assert handle.transaction_version(writer_name(1)) == 4
    assert handle.transaction_version(writer_name(2)) == 9
    assert handle.transaction_version(writer_name(3)) is None


def test_two_shippers_at_once_cannot_both_commit_a_segment(lake, records):
    rows = _rows_of(lake, records)
    one, other = lake.open("decisions"), lake.open("decisions")
    lake.commit(one, rows, segments={writer_name(7): 1})

    with pytest.raises(Exception, match="Concurrent transaction failed"):
        lake.commit(other, rows, segments={writer_name(7): 1})


def _rows_of(lake, records):
    ship(lake, records, [sealed([a_decision()])])
    return lake.rows("decisions")


def test_an_outcome_is_filed_under_the_hour_of_its_decision_however_late_it_comes(lake, records):
    ship(lake, records, [sealed([a_decision(at=T0)], segment=1)])

    ship(lake, records, [sealed([an_outcome(at=T0 + 5 * HOUR)], segment=2)])

    assert lake.rows("outcomes")["hour"].to_pylist() == ["2025-11-24T16"]


def test_a_hint_of_the_client_is_stored_and_not_trusted(lake, records):
    ship(lake, records, [sealed([a_decision(at=T0), an_outcome(decided_at=T0 + 3 * HOUR)])])

    assert lake.rows("outcomes")["hour"].to_pylist() == ["2025-11-24T16"]


def test_a_repeated_decision_is_filed_under_its_first_hour(lake, records):
    ship(lake, records, [sealed([a_decision(at=T0 + HOUR - 1)], writer=1)])

    ship(lake, records, [sealed([a_decision(at=T0 + HOUR + 1)], writer=2)])

    assert lake.rows("decisions")["hour"].to_pylist() == ["2025-11-24T16"] * 2


def test_an_outcome_that_comes_before_its_decision_waits_and_is_placed_then(lake, records):
    early = ship(lake, records, [sealed([an_outcome("d1"), an_outcome("never")], segment=1)])
    assert (early.n_unplaced, lake.hours("outcomes", loop=LOOP)) == (2, ["unknown"])

    ship(lake, records, [sealed([a_decision("d1")], segment=2)])

    assert ids(lake, "outcomes", where=in_hours(LOOP, "2025-11-24T16")) == ["d1"]
    assert ids(lake, "outcomes", where=in_hours(LOOP, "unknown")) == ["never"]


def test_the_same_id_in_two_loops_is_two_decisions(lake, records):
    ship(lake, records, [sealed([a_decision(loop="a"), a_decision(loop="b", at=T0 + HOUR), an_outcome(loop="b")])])

    assert lake.hours("decisions", loop="a") == ["2025-11-24T16"]
    assert lake.hours("outcomes", loop="b") == ["2025-11-24T17"]


def test_hours_with_new_rows_are_marked_and_unknown_is_not(lake, records):
    ship(lake, records, [sealed([a_decision("a"), a_decision("b", at=T0 + HOUR), an_outcome("nobody")])])
    assert dirty.marks(records, LOOP) == {"2025-11-24T16": 1, "2025-11-24T17": 1}

    ship(lake, records, [sealed([an_outcome("b")], segment=2)])

    assert dirty.marks(records, LOOP) == {"2025-11-24T16": 1, "2025-11-24T17": 2}


def test_a_mark_made_during_a_join_survives_that_join(records):
    dirty.mark(records, [(LOOP, "2025-11-24T16")])
    seen = dirty.marks(records, LOOP)["2025-11-24T16"]
    dirty.mark(records, [(LOOP, "2025-11-24T16")])

    with records.write() as connection:
        dirty.clear(connection, LOOP, "2025-11-24T16", marked=seen)

    assert dirty.marks(records, LOOP) == {"2025-11-24T16": 2}


def test_a_record_that_is_no_event_is_named_and_nothing_is_shipped(lake, records):
    bad = Sealed(writer_name(1), 1, [Record(writer_name(1), 1, 17, 9, 1, b"\x80")])

    with pytest.raises(CorruptLog, match=r"record 17 of writer .* kind 9"):
        ship(lake, records, [sealed([a_decision()]), bad])

    assert not lake.exists("decisions")


def test_an_outcome_without_a_name_is_not_lost(lake, records):
    ship(lake, records, [sealed([a_decision(), an_outcome(values={}, final=True)])])

    assert lake.rows("outcomes").select(["name", "final"]).to_pylist() == [{"name": "", "final": True}]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("breaks_at", range(1, 7))
def test_a_crash_at_any_step_leaves_every_event_in_the_tables_once(lake, records, tmp_path, breaks_at, after):
    shipments = [
        [sealed([an_outcome("d1", outcome_id="early"), an_outcome("nobody")], segment=1)],
        [
            sealed([a_decision("d1"), an_outcome("d1", outcome_id="o2")], segment=2),
            sealed([a_decision("d2")], writer=2, segment=1),
        ],
    ]
    fragile = FragileLake(tmp_path / "lake", breaks_at=breaks_at, after=after)

    for shipment in shipments:
        try:
            ship(fragile, records, shipment)
        except Fault:
            ship(lake, records, shipment)

    assert ids(lake, "decisions") == ["d1", "d2"]
    outcomes = lake.rows("outcomes")
    placed = outcomes.filter(pc.not_equal(outcomes["hour"], "unknown"))
    assert sorted(set(placed["outcome_id"].to_pylist())) == ["early", "o2"]
    identities = {(r["writer"], r["seq"], r["name"]) for r in outcomes.to_pylist()}
    assert len(identities) == 3  # raw rows may repeat while one waits, identities may not
    assert ids(lake, "outcomes", where=in_hours(LOOP, "unknown")) == ["nobody"]
    assert set(dirty.marks(records, LOOP)) == {"2025-11-24T16"}


def test_windows_of_late_hours_sort_as_text_as_they_do_in_time():
    hours = [hour_of(T0 + i * HOUR + MINUTE) for i in range(60)]

    assert hours == sorted(hours)
