"""Joining hour by hour, through the real tables: nothing twice, nothing forgotten, corrections on top."""

import random
from dataclasses import replace

import pytest

from empty_records import with_records
from join_loops import a_spec
from policyloop.core.event import Decision
from policyloop.join.hour_states import hour_states
from policyloop.join.hours import audit_loop, join_hour, join_loop
from policyloop.lake import dirty, views
from policyloop.lake.maintain import compact
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, MINUTE, T0, a_decision, an_outcome, sealed

SIXTEEN = "2025-11-24T16"
SEVENTEEN = "2025-11-24T17"
SPEC = a_spec()


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


def seen(lake, *, without=()):
    """The view of the examples, by decision."""
    rows = views.examples(lake, LOOP).to_pylist()
    return {row["decision_id"]: {k: v for k, v in row.items() if k not in without} for row in rows}


def test_matured_examples_are_in_the_view_and_the_mark_is_gone(lake, records):
    ship(lake, records, [sealed([a_decision(), an_outcome()])])

    brought = join_loop(lake, records, SPEC, watermark=T0 + 10 * MINUTE)

    assert (brought.n_hours, brought.n_new) == (1, 1)
    assert seen(lake)["d1"]["outcomes"] == [("clicked", 1.0)]
    assert dirty.marks(records, LOOP) == {}


def test_an_hour_stays_marked_until_nothing_in_it_waits(lake, records):
    ship(lake, records, [sealed([a_decision("a"), a_decision("b", at=T0 + 30 * MINUTE)])])

    first = join_loop(lake, records, SPEC, watermark=T0 + 10 * MINUTE)
    assert (first.n_new, dirty.marks(records, LOOP)) == (1, {SIXTEEN: 1})

    idle = join_loop(lake, records, SPEC, watermark=T0 + 40 * MINUTE - 1)
    assert idle.n_hours == 0  # nothing can have changed, so it is not even read

    last = join_loop(lake, records, SPEC, watermark=T0 + 40 * MINUTE)
    assert (last.n_new, dirty.marks(records, LOOP)) == (1, {})


def test_joining_again_appends_nothing(lake, records):
    ship(lake, records, [sealed([a_decision(), an_outcome(), a_decision("d2")])])
    join_loop(lake, records, SPEC, watermark=T0 + HOUR)
    version = lake.snapshot()["examples"]

    _, brought = join_hour(lake, SPEC, SIXTEEN, watermark=T0 + HOUR)

    assert (brought.n_new, brought.n_corrected) == (0, 0)
    assert lake.snapshot()["examples"] == version


def test_what_arrives_late_makes_a_corrected_example(lake, records):
    ship(lake, records, [sealed([a_decision(), a_decision("other")])])
    join_loop(lake, records, SPEC, watermark=T0 + HOUR)

    ship(lake, records, [sealed([an_outcome(at=T0 + 3 * HOUR, occurred_at=T0 + MINUTE)], segment=2)])
    brought = join_loop(lake, records, SPEC, watermark=T0 + 4 * HOUR)

    assert (brought.n_new, brought.n_corrected) == (0, 1)
    assert lake.rows("examples").num_rows == 3
    corrected = seen(lake)["d1"]
    assert (corrected["version"], corrected["is_rewarded"], corrected["matured_at"]) == (2, True, T0 + 10 * MINUTE)
    assert audit_loop(lake, records, LOOP).arrived_late == 1


def test_a_duplicate_across_two_hours_is_one_example(lake, records):
    ship(lake, records, [sealed([a_decision(at=T0 + HOUR - 1, policy="first")], writer=1)])
    ship(lake, records, [sealed([a_decision(at=T0 + HOUR + 1, policy="second"), an_outcome(at=T0 + HOUR + MINUTE)], writer=2)])

    join_loop(lake, records, SPEC, watermark=T0 + 2 * HOUR)

    example = seen(lake)["d1"]
    assert (example["policy"], example["n_duplicates"], example["is_rewarded"]) == ("first", 1, True)


def test_a_duplicate_across_two_hours_that_comes_in_the_other_order_is_the_same_example(lake, records):
    ship(lake, records, [sealed([a_decision(at=T0 + HOUR + 1, policy="second")], writer=2)])
    ship(lake, records, [sealed([a_decision(at=T0 + HOUR - 1, policy="first")], writer=1)])

    join_loop(lake, records, SPEC, watermark=T0 + 2 * HOUR)

    example = seen(lake)["d1"]
    assert (example["policy"], example["decided_at"], example["hour"]) == ("first", T0 + HOUR - 1, SEVENTEEN)


def test_a_changed_reward_makes_the_examples_anew(lake, records):
    ship(lake, records, [sealed([a_decision(), an_outcome(), a_decision("d2")])])
    join_loop(lake, records, SPEC, watermark=T0 + HOUR)
    other = a_spec(expression="0.5 * clicked")

    brought = join_loop(lake, records, other, watermark=T0 + HOUR)

    assert (brought.n_corrected, seen(lake)["d1"]["reward"], seen(lake)["d2"]["reward"]) == (1, 0.5, 0.0)


def test_a_longer_window_withdraws_examples_that_are_no_longer_settled(lake, records):
    ship(lake, records, [sealed([a_decision("early"), a_decision("late", at=T0 + 30 * MINUTE)])])
    join_loop(lake, records, SPEC, watermark=T0 + 40 * MINUTE)
    assert set(seen(lake)) == {"early", "late"}

    brought = join_loop(lake, records, a_spec(window_s=1800.0), watermark=T0 + 40 * MINUTE)

    assert (brought.n_withdrawn, set(seen(lake))) == (1, {"early"})
    assert set(dirty.marks(records, LOOP)) == {SIXTEEN}

    join_loop(lake, records, a_spec(window_s=3600.0 * 24), watermark=T0 + 40 * MINUTE)
    assert seen(lake) == {}


def test_a_deferred_decision_becomes_an_example_when_its_activation_comes(lake, records):
    ship(lake, records, [sealed([a_decision(is_deferred=True)])])
    assert join_loop(lake, records, SPEC, watermark=T0 + 24 * HOUR).n_new == 0

    activation = an_outcome(outcome_id="$activated", values={"$activated": None}, at=T0 + 25 * HOUR)
    ship(lake, records, [sealed([activation], segment=2)])

    assert join_loop(lake, records, SPEC, watermark=T0 + 26 * HOUR).n_new == 1


def test_an_outcome_that_never_finds_its_decision_is_unplaced_and_then_an_orphan(lake, records):
    ship(lake, records, [sealed([a_decision(), an_outcome("nobody", at=T0 + MINUTE)])])
    join_loop(lake, records, SPEC, watermark=T0)

    audit = audit_loop(lake, records, LOOP)
    assert (audit.unplaced, audit.orphan, audit.decisions) == (1, 0, 1)

    with records.write() as connection:
        connection.exec_driver_sql("INSERT INTO progress (name, value) VALUES ('watermark', ?)", (T0 + HOUR,))
    audit = audit_loop(lake, records, LOOP)
    assert (audit.unplaced, audit.orphan) == (0, 1)


def test_the_audit_of_a_loop_is_the_sum_of_its_hours(lake, records):
    ship(lake, records, [sealed([a_decision("a"), an_outcome("a"), a_decision("b", at=T0 + HOUR)])])
    join_loop(lake, records, SPEC, watermark=T0 + 24 * HOUR)

    audit = audit_loop(lake, records, LOOP)

    assert set(hour_states(records, LOOP)) == {SIXTEEN, SEVENTEEN}
    assert (audit.decisions, audit.joined, audit.unrewarded) == (2, 1, 1)


def test_another_loop_s_hours_are_left_alone(lake, records):
    ship(lake, records, [sealed([a_decision(), a_decision("x", loop="other")])])

    join_loop(lake, records, SPEC, watermark=T0 + HOUR)

    assert dirty.marks(records, "other") == {SIXTEEN: 1}
    assert join_loop(lake, records, replace(SPEC, loop="other"), watermark=T0 + HOUR).n_new == 1


def some_day(rng):
    """Two hundred events of two hours: duplicates, conflicts, late ones, early ones, unknown ids."""
    events = []
    for i in range(60):
        at = T0 + rng.randrange(2 * HOUR)
        decision = a_decision(f"d{i}", at=at, is_deferred=i % 10 == 0, action=[i % 3])
        events.append(decision)
        if i % 7 == 0:
            events.append(a_decision(f"d{i}", at=at + 5, pmf=[[0.2, 0.3, 0.5]] if i % 14 else decision.pmf, action=[i % 3]))
    for i in range(130):
        at = T0 + rng.randrange(4 * HOUR)
        values = {rng.choice(["clicked", "dwell_s", "cost", "liked"]): rng.choice([0.0, 0.1, 0.3, 1.0])}
        happened = rng.choice([None, at - rng.randrange(HOUR)])
        events.append(an_outcome(f"d{rng.randrange(65)}", at=at, outcome_id=f"o{i % 90}", values=values, occurred_at=happened))
    for i in range(0, 60, 20):
        events.append(an_outcome(f"d{i}", at=T0 + HOUR, outcome_id="$activated", values={"$activated": None}))
    return events


def test_any_way_through_the_tables_gives_the_same_examples(tmp_path):
    events = some_day(random.Random(99))
    expected = through_tables(tmp_path / "straight", [events], random.Random(0), n_rounds=1)
    assert len(expected) > 50

    for seed in range(2):
        rng = random.Random(seed)
        rng.shuffle(events)
        got = through_tables(tmp_path / str(seed), [events[0::3], events[1::3], events[2::3]], rng, n_rounds=3)

        assert got == expected


def through_tables(home, by_writer, rng, *, n_rounds):
    """Ship the writers' events in rounds, some segments again, joining and compacting in between."""
    home.mkdir()
    lake, records = Lake(home / "lake"), open_records(url_of(with_records(home)))
    shipped = []
    for turn in range(n_rounds):
        segments = [sealed(events[turn::n_rounds], writer=w + 1, segment=turn + 1) for w, events in enumerate(by_writer)]
        ship(lake, records, [*rng.sample(shipped, min(len(shipped), 1)), *segments] if turn < 2 else segments)
        shipped += segments
        join_loop(lake, records, SPEC, watermark=T0 + turn * HOUR)
        if turn == 1:
            compact(lake, at_least=2)
    join_loop(lake, records, SPEC, watermark=T0 + 100 * HOUR)
    records.close()
    # The record that counts is told by its time; which writer wrote it, and which hour it was first filed under, is chance.
    return seen(lake, without=("writer", "seq", "version", "hour"))


def test_events_of_the_day_are_of_every_kind():
    events = some_day(random.Random(99))
    decided = {e.decision_id for e in events if isinstance(e, Decision)}

    assert len(events) > len({(type(e), e.decision_id, getattr(e, "outcome_id", "")) for e in events})
    assert any(e.decision_id not in decided for e in events)
