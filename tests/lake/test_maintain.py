"""Upkeep changes how the tables lie on the disk, and not what they say."""

from contextlib import suppress

import pytest
from deltalake.exceptions import CommitFailedError

from empty_records import with_records
from join_loops import a_spec
from policyloop.core.event import ActionSet
from policyloop.join.hours import join_loop
from policyloop.lake import dirty, views
from policyloop.lake.maintain import clean, compact, expire, forget, maintain
from policyloop.lake.place import hours_of
from policyloop.lake.tables import Lake
from policyloop.lake.write import ship
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, MINUTE, T0, a_decision, an_outcome, sealed


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


@pytest.fixture
def lake(tmp_path, records):
    """Three shipments into two hours, joined after each, so that an example is corrected."""
    lake = Lake(tmp_path / "lake")
    shipments = [
        [a_decision("a"), a_decision("b", at=T0 + HOUR)],
        [an_outcome("a", at=T0 + 3 * HOUR, occurred_at=T0 + MINUTE)],
        [a_decision("c", at=T0 + 1), an_outcome("nobody", at=T0 + 1)],
    ]
    for number, events in enumerate(shipments, 1):
        ship(lake, records, [sealed(events, segment=number)])
        join_loop(lake, records, a_spec(), watermark=T0 + 10 * HOUR)
    return lake


def told(lake):
    return [view(lake, LOOP).to_pylist() for view in (views.decisions, views.outcomes, views.examples)]


def n_files(lake, table):
    return len(lake.open(table).file_uris())


def test_merging_keeps_the_views_equal_and_the_latest_examples_only(lake):
    before = told(lake)
    assert lake.rows("examples").num_rows == 4

    assert compact(lake, at_least=2) > 0

    assert told(lake) == before
    assert lake.rows("examples").num_rows == 3
    assert n_files(lake, "examples") == n_files(lake, "decisions") == 2


def test_hours_with_few_files_are_left_alone(lake):
    before = lake.snapshot()

    assert compact(lake) == 0

    assert lake.snapshot() == before


def test_what_was_shipped_is_remembered_after_merging_and_cleaning(lake, records):
    compact(lake, at_least=2)
    clean(lake, retention_hours=0)

    ship(lake, records, [sealed([a_decision("a"), a_decision("b", at=T0 + HOUR)], segment=1)])

    assert lake.rows("decisions").num_rows == 3


def test_cleaning_deletes_what_no_version_needs_but_keeps_what_is_pinned(lake):
    pinned = lake.snapshot()
    before = views.examples(lake, LOOP, version=pinned["examples"])
    compact(lake, at_least=2)

    assert clean(lake, keep=[pinned], retention_hours=0) == 0
    assert views.examples(lake, LOOP, version=pinned["examples"]).equals(before)

    assert clean(lake, retention_hours=0) > 0
    assert views.examples(lake, LOOP).sort_by("decision_id")["reward"].equals(before.sort_by("decision_id")["reward"])


def test_upkeep_with_nothing_to_do_says_so(lake):
    assert maintain(lake) is None


def test_expired_hours_are_gone_from_tables_and_records(lake, records):
    expire(lake, records, LOOP, before="2025-11-24T17")

    assert [len(rows) for rows in told(lake)] == [1, 0, 1]
    assert set(hours_of(records, [(LOOP, "a"), (LOOP, "b")])) == {(LOOP, "b")}
    assert set(dirty.marks(records, LOOP)) <= {"2025-11-24T17"}


def test_a_forgotten_loop_has_nothing_left_and_others_keep_theirs(lake, records):
    ship(lake, records, [sealed([a_decision("x", loop="other")], segment=9)])

    forget(lake, records, LOOP)

    assert told(lake) == [[], [], []]
    assert dirty.marks(records, LOOP) == {}
    assert views.decisions(lake, "other").num_rows == 1
    assert hours_of(records, [(LOOP, "a"), ("other", "x")]) == {("other", "x"): "2025-11-24T16"}


def test_sets_of_candidates_are_put_together_and_each_is_kept_once_as_it_first_came(tmp_path, records):
    lake = Lake(tmp_path / "lake")
    texts = {"aa": '[{"id":"x"}]', "bb": '[{"id":"y"}]', "cc": '[{"id":"z"}]'}
    came = [("aa", 5), ("bb", 4), ("aa", 3), ("cc", 7), ("aa", 9), ("bb", 6)]
    for number, (digest, at) in enumerate(came, 1):
        a_set = ActionSet(loop=LOOP, digest=digest, received_at=T0 + at, actions=texts[digest])
        ship(lake, records, [sealed([a_set], segment=number)])
    other = ActionSet(loop="other", digest="aa", received_at=T0, actions=texts["aa"])
    ship(lake, records, [sealed([other], segment=len(came) + 1)])

    assert compact(lake, at_least=2) > 0

    kept = sorted(lake.rows("action_sets").to_pylist(), key=lambda row: (row["loop"], row["set_hash"]))
    assert [(row["loop"], row["set_hash"], row["first_seen_at"] - T0, row["actions"]) for row in kept] == [
        (LOOP, "aa", 3, texts["aa"]),
        (LOOP, "bb", 4, texts["bb"]),
        (LOOP, "cc", 7, texts["cc"]),
        ("other", "aa", 0, texts["aa"]),
    ]
    assert n_files(lake, "action_sets") == 2
    assert compact(lake, at_least=2) == 0


def test_a_set_that_comes_while_others_are_put_together_is_not_lost(tmp_path, records):
    lake = Lake(tmp_path / "lake")
    for number, digest in enumerate(["aa", "aa"], 1):
        a_set = ActionSet(loop=LOOP, digest=digest, received_at=T0 + number, actions="[]")
        ship(lake, records, [sealed([a_set], segment=number)])
    handle = lake.open("action_sets")
    rows = lake.rows("action_sets", version=handle.version()).slice(0, 1)
    late = [ActionSet(loop=LOOP, digest=digest, received_at=T0, actions="[]") for digest in ("aa", "cc")]
    ship(lake, records, [sealed(late, segment=3)])

    with suppress(CommitFailedError):
        lake.replace_through(handle, rows, where="loop = 'front-page' AND set_hash IN ('aa')")

    assert set(lake.rows("action_sets")["set_hash"].to_pylist()) == {"aa", "cc"}
