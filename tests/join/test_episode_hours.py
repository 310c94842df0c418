"""Joining episodes hour by hour, through the real tables: under the hour they begin in, nothing twice, nothing forgotten."""

import random

import pytest

from carts import WINDOW, a_cart_spec, a_step, the_end
from empty_records import with_records
from policyloop.join.episode_hours import episode_audit, join_episodes_of_hour, n_episodes
from policyloop.join.hours import audit_loop, join_loop
from policyloop.lake import dirty
from policyloop.lake.maintain import expire, forget
from policyloop.lake.schema import TRANSITIONS
from policyloop.lake.tables import Lake, in_hours
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, MINUTE, SECOND, T0, sealed

SIXTEEN, SEVENTEEN = "2025-11-24T16", "2025-11-24T17"
FOREVER = T0 + 1_000 * HOUR
SPEC = a_cart_spec()


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


def seen(lake):
    """(episode, step) -> (hour, next state, terminated, truncated)."""
    rows = lake.rows(TRANSITIONS).to_pylist()
    found = {(r["episode_id"], r["step"]): (r["hour"], r["next_state"][0], r["terminated"], r["truncated"]) for r in rows}
    assert len(found) == len(rows), "a step is there twice"
    return found


def test_an_episode_over_two_hours_is_filed_under_the_first(lake, records):
    late = a_step(1, at=T0 + HOUR)
    ship(lake, records, [sealed([a_step(0), late, the_end(1, x=20.0, terminated=True, at=T0 + HOUR + SECOND)])])

    brought = join_loop(lake, records, SPEC, watermark=FOREVER)

    assert brought.n_new == 2
    assert seen(lake) == {("e1", 0): (SIXTEEN, 10.0, False, False), ("e1", 1): (SIXTEEN, 20.0, True, False)}
    assert dirty.marks(records, LOOP) == {}


def test_an_hour_is_due_again_when_its_next_episode_is_over(lake, records):
    other = [a_step(i, episode="e2", at=T0 + 30 * MINUTE + i * SECOND) for i in (0, 1)]
    ship(lake, records, [sealed([a_step(0), the_end(0, x=1.0, terminated=True), *other])])

    first = join_loop(lake, records, SPEC, watermark=T0 + 10 * MINUTE)
    assert (first.n_new, n_episodes(records, LOOP)) == (1, 1)

    idle = join_loop(lake, records, SPEC, watermark=T0 + 30 * MINUTE + SECOND + WINDOW - 1)
    assert idle.n_hours == 0  # nothing can have changed, so it is not even read

    last = join_loop(lake, records, SPEC, watermark=T0 + 30 * MINUTE + SECOND + WINDOW)
    assert (last.n_new, n_episodes(records, LOOP)) == (1, 2)


def test_joining_again_appends_nothing(lake, records):
    ship(lake, records, [sealed([a_step(0), a_step(1), the_end(1, x=2.0, terminated=True)])])
    join_loop(lake, records, SPEC, watermark=FOREVER)
    version = lake.snapshot()[TRANSITIONS]

    _, brought = join_episodes_of_hour(lake, records, SPEC, SIXTEEN, watermark=FOREVER)

    assert (brought.n_new, brought.n_corrected, brought.n_withdrawn) == (0, 0, 0)
    assert lake.snapshot()[TRANSITIONS] == version


def test_a_further_episode_is_appended_and_what_was_there_is_not_written_again(lake, records):
    ship(lake, records, [sealed([a_step(0), the_end(0, x=1.0, terminated=True)])])
    join_loop(lake, records, SPEC, watermark=FOREVER)
    files = set(lake.open(TRANSITIONS).file_uris())

    ship(lake, records, [sealed([a_step(0, episode="e2"), the_end(0, episode="e2", x=2.0, terminated=True)], segment=2)])
    brought = join_loop(lake, records, SPEC, watermark=FOREVER)

    assert (brought.n_new, brought.n_corrected) == (1, 0)
    assert files < set(lake.open(TRANSITIONS).file_uris())


def test_an_episode_that_goes_on_after_all_is_written_anew(lake, records):
    ship(lake, records, [sealed([a_step(0), a_step(1)])])
    join_loop(lake, records, SPEC, watermark=FOREVER)
    assert seen(lake) == {("e1", 0): (SIXTEEN, 10.0, False, True)}

    ship(lake, records, [sealed([a_step(2), the_end(2, x=30.0, terminated=True)], segment=2)])
    brought = join_loop(lake, records, SPEC, watermark=FOREVER)

    assert (brought.n_new, brought.n_corrected) == (0, 1)
    assert [seen(lake)["e1", step][1:] for step in range(3)] == [
        (10.0, False, False),
        (20.0, False, False),
        (30.0, True, False),
    ]


def test_an_episode_moves_to_the_hour_of_a_first_step_that_arrives_late(lake, records):
    ship(lake, records, [sealed([a_step(1, at=T0 + HOUR), the_end(1, x=20.0, terminated=True, at=T0 + HOUR + SECOND)])])
    join_loop(lake, records, SPEC, watermark=FOREVER)
    assert seen(lake) == {("e1", 1): (SEVENTEEN, 20.0, True, False)}

    ship(lake, records, [sealed([a_step(0)], segment=2)])
    join_loop(lake, records, SPEC, watermark=FOREVER)

    assert {step: row[0] for (_, step), row in seen(lake).items()} == {0: SIXTEEN, 1: SIXTEEN}


def test_another_reward_makes_all_transitions_again(lake, records):
    ship(lake, records, [sealed([a_step(0), the_end(0, x=4.0, terminated=True)])])
    join_loop(lake, records, SPEC, watermark=FOREVER)

    twice = a_cart_spec(reward={"expression": "2 * next.x", "range": [-200, 200], "window": "10m"})
    brought = join_loop(lake, records, twice, watermark=FOREVER)

    assert brought.n_corrected == 1
    assert lake.rows(TRANSITIONS)["reward"].to_pylist() == [8.0]


def test_what_becomes_of_every_decision_is_counted_over_hours(lake, records):
    alone = a_step(0, episode=None, decision_id="alone")
    ship(lake, records, [sealed([a_step(0), a_step(1), alone, a_step(0, episode="e2", at=T0 + HOUR)])])
    join_loop(lake, records, SPEC, watermark=T0 + 30 * MINUTE)

    audit = episode_audit(records, LOOP)
    assert (audit.decisions, audit.transitions, audit.no_next, audit.no_episode, audit.waiting) == (4, 1, 1, 1, 1)
    assert [row.decision_id for row in audit.rows] == ["alone", "e1/1"]
    whole = audit_loop(lake, records, LOOP)
    assert (whole.decisions, whole.joined, whole.waiting, whole.unusable) == (4, 1, 1, 2)


def test_any_order_of_shipments_and_joins_gives_the_same_table(tmp_path):
    events = []
    for number in range(6):
        name, at = f"e{number}", T0 + number * 40 * MINUTE
        events += [a_step(i, episode=name, at=at + i * 15 * MINUTE) for i in range(4)]
        if number % 2:
            events.append(the_end(3, episode=name, x=7.0, terminated=True, at=at + HOUR))
    tables = []
    for seed in range(4):
        rng, lake = random.Random(seed), Lake(tmp_path / f"lake{seed}")
        shuffled = events.copy()
        if seed:
            rng.shuffle(shuffled)
        (tmp_path / str(seed)).mkdir()
        records = open_records(url_of(with_records(tmp_path / str(seed))))
        for segment, start in enumerate(range(0, len(shuffled), 7), start=1):
            ship(lake, records, [sealed(shuffled[start : start + 7], segment=segment)])
            if seed:
                join_loop(lake, records, SPEC, watermark=T0 + rng.randrange(8) * HOUR)
        join_loop(lake, records, SPEC, watermark=FOREVER)
        tables.append(seen(lake))
        records.close()

    assert len(tables[0]) == 3 * 3 + 3 * 4
    assert all(table == tables[0] for table in tables[1:])


def test_episodes_of_hours_that_expire_go_from_table_and_index(lake, records):
    ship(lake, records, [sealed([a_step(0), the_end(0, x=1.0, terminated=True), a_step(0, episode="e2", at=T0 + HOUR)])])
    ship(lake, records, [sealed([the_end(0, episode="e2", x=1.0, terminated=True, at=T0 + HOUR)], segment=2)])
    join_loop(lake, records, SPEC, watermark=FOREVER)

    expire(lake, records, LOOP, before=SEVENTEEN)

    assert set(seen(lake)) == {("e2", 0)}
    assert n_episodes(records, LOOP) == 1
    forget(lake, records, LOOP)
    assert lake.rows(TRANSITIONS, where=in_hours(LOOP)).num_rows == 0
    assert n_episodes(records, LOOP) == 0
