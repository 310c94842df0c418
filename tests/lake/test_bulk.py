"""A history enters the tables in columns, exactly once, however often it is tried and wherever it is stopped."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from empty_records import with_records
from fragile_lake import Fault, FragileLake
from histories import SPEC, a_history, a_row, the_last, two_episodes
from policyloop.core.clock import US_PER_HOUR, hour_of
from policyloop.core.errors import Invalid
from policyloop.core.event import ENDED
from policyloop.core.rng import keyed_uniform
from policyloop.core.spec_file import read_spec, to_mapping
from policyloop.join.episode_history import episodes_of
from policyloop.join.hours import join_loop
from policyloop.lake import bulk, dirty, views
from policyloop.lake.bulk import bring_history, fingerprint
from policyloop.lake.maintain import forget
from policyloop.lake.schema import DECISIONS, OUTCOMES, TRANSITIONS
from policyloop.lake.tables import Lake
from policyloop.storage.records import open_records, url_of
from some_events import HOUR, LOOP, SECOND, T0

SALT = b"salt" * 8


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


def bring(lake, records, rows, *, spec=SPEC, now=T0, policy="lqr"):
    table = rows if isinstance(rows, pa.Table) else a_history(rows, spec=spec)
    return bring_history(lake, records, spec, table, policy=policy, salt=SALT, salt_id="s1", now_us=now)


def transitions(lake, records, *, spec=SPEC, watermark=T0):
    join_loop(lake, records, spec, watermark=watermark)
    return lake.rows(TRANSITIONS).sort_by([("episode_id", "ascending"), ("step", "ascending")]).to_pylist()


class NoSpecs:
    """Nobody knows any earlier spec."""

    def spec_named(self, loop, digest):
        return None


def test_a_history_becomes_transitions_at_once(lake, records):
    brought = bring(lake, records, two_episodes())

    rows = transitions(lake, records)
    assert (brought.n_episodes, brought.n_decisions, brought.n_outcomes, brought.is_new) == (2, 3, 3, True)
    assert [(r["episode_id"], r["step"], r["reward"], r["terminated"], r["truncated"]) for r in rows] == [
        ("e1", 0, 12.0, False, False),
        ("e1", 1, 20.0, True, False),
        ("e2", 0, 4.0, False, True),
    ]
    assert rows[2]["next_context"] == '{"x":4,"wind":null}'
    assert rows[0]["state"] == [0.0, 0.0, 0.0]
    assert {(r["policy"], r["spec"], r["action_source"]) for r in rows} == {("imported:lqr", SPEC.digest, "expert")}


def test_episodes_are_split_as_decide_splits_them(lake, records):
    bring(lake, records, two_episodes())

    rows = transitions(lake, records)
    assert {row["episode_id"]: row["split"] for row in rows} == {
        name: keyed_uniform(SALT, LOOP, name, "split") for name in ("e1", "e2")
    }


def test_the_same_history_again_does_nothing_at_all(lake, records):
    first = bring(lake, records, two_episodes())
    versions = lake.snapshot()

    again = bring(lake, records, two_episodes(), now=T0 + 5 * HOUR, policy="another-name")

    assert (again.history, again.is_new) == (first.history, False)
    assert lake.snapshot() == versions


def test_a_history_is_named_by_what_it_says_and_not_by_how_it_lies_in_memory():
    rows = two_episodes()
    whole = a_history(rows)
    in_parts = pa.concat_tables([a_history(rows[:2]), a_history([a_row(9), *rows[2:]]).slice(1)])
    other = [*rows[:-1], the_last(1, episode="e2", x=4.5)]

    name = fingerprint(whole.combine_chunks(), loop=LOOP)

    assert fingerprint(in_parts.combine_chunks(), loop=LOOP) == name
    assert fingerprint(a_history(other), loop=LOOP) != name
    assert fingerprint(whole, loop="another") != name


def test_ids_follow_from_the_history_and_the_row(lake, records, tmp_path):
    brought = bring(lake, records, two_episodes())

    ids = views.decisions(lake, LOOP)["decision_id"].to_pylist()
    assert ids == [f"{brought.history}-{row}" for row in (0, 1, 3)]


def test_times_of_its_own_are_kept(lake, records):
    rows = [{**row, "decided_at": T0 + 30 * SECOND * i} for i, row in enumerate(two_episodes())]
    bring(lake, records, rows, now=T0 + 5 * HOUR)

    found = views.decisions(lake, LOOP)
    assert found["decided_at"].to_pylist() == [T0, T0 + 30 * SECOND, T0 + 90 * SECOND]
    assert set(found["hour"].to_pylist()) == {hour_of(T0)}


def test_without_times_every_window_is_over_and_no_episode_lies_in_two_hours(lake, records, monkeypatch):
    monkeypatch.setattr(bulk, "_ROWS_PER_HOUR", 4)
    rows = [row for i in range(6) for row in _three_steps(f"e{i}")]

    bring(lake, records, rows)

    found = views.decisions(lake, LOOP).to_pandas()
    assert found["decided_at"].max() + 600 * SECOND <= T0
    assert found.groupby("episode_id")["hour"].nunique().max() == 1
    assert found["hour"].nunique() == 4
    assert (np.diff(found["decided_at"]) > 0).all()
    assert {hour_of(at) for at in found["decided_at"]} == set(found["hour"])
    assert len(transitions(lake, records)) == 18


def test_large_histories_go_in_as_several_commits_of_the_same_rows(lake, records, monkeypatch):
    monkeypatch.setattr(bulk, "_ROWS_PER_COMMIT", 5)
    rows = [row for i in range(6) for row in _three_steps(f"e{i}")]

    brought = bring(lake, records, rows)

    app = f"import:{brought.history}:{T0}"
    assert [lake.open(table).transaction_version(app) for table in (DECISIONS, OUTCOMES)] == [4, 4]
    assert len(transitions(lake, records)) == 18


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("breaks_at", range(1, 9))
def test_an_import_that_was_stopped_at_any_commit_is_finished_by_the_next(tmp_path, records, monkeypatch, breaks_at, after):
    monkeypatch.setattr(bulk, "_ROWS_PER_COMMIT", 5)
    rows = [row for i in range(6) for row in _three_steps(f"e{i}")]
    fragile = FragileLake(tmp_path / "lake", breaks_at=breaks_at, after=after)
    with pytest.raises(Fault):
        bring(fragile, records, rows)

    lake = Lake(tmp_path / "lake")
    bring(lake, records, rows, now=T0 + 3 * HOUR)

    decisions, outcomes = lake.rows(DECISIONS), lake.rows(OUTCOMES)
    assert (decisions.num_rows, outcomes.num_rows) == (18, 6)
    assert set(outcomes["hour"].to_pylist()) <= set(decisions["hour"].to_pylist())
    assert [row["reward"] for row in transitions(lake, records)] == [10.0, 20.0, 30.0] * 6


@pytest.mark.parametrize("last_words", ["begun", "decisions", "outcomes", "marked"])
def test_an_import_that_was_killed_is_finished_by_the_next(tmp_path, last_words):
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(_KILLED), str(tmp_path), last_words],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL

    lake, records = Lake(tmp_path / "lake"), open_records(url_of(tmp_path))
    bring(lake, records, two_episodes(), now=T0 + HOUR)

    assert len(transitions(lake, records)) == 3
    assert (lake.rows(DECISIONS).num_rows, lake.rows(OUTCOMES).num_rows) == (3, 3)
    records.close()


def test_a_loop_that_was_forgotten_may_have_the_history_again(lake, records):
    bring(lake, records, two_episodes())
    forget(lake, records, LOOP)
    assert dirty.marks(records, LOOP) == {}

    brought = bring(lake, records, two_episodes(), now=T0 + 1)

    assert brought.is_new
    assert len(transitions(lake, records)) == 3


def test_a_history_that_only_says_what_came_last_was_truncated_there(lake, records):
    bring(lake, records, [a_row(0), the_last(1)])

    (row,) = transitions(lake, records)
    assert (row["terminated"], row["truncated"], row["next_state"][0]) == (False, True, 10.0)


def test_an_end_without_a_last_context_says_so(lake, records):
    bring(lake, records, [a_row(0), a_row(1, terminated=True)])

    (end,) = [row for row in lake.rows(OUTCOMES).to_pylist() if row["name"] == ENDED]
    assert (end["terminated"], end["next_context"]) == (True, None)
    assert [row["step"] for row in transitions(lake, records)] == [0]


def test_fields_that_are_not_stored_are_left_out(lake, records):
    spec = _spec_with(context={"x": "number", "key": {"type": "number", "store": "never"}})
    rows = [{**a_row(0, terminated=True), "context": {"x": 1.5, "key": 7.0}}]

    bring(lake, records, rows, spec=spec)

    assert views.decisions(lake, LOOP)["context"].to_pylist() == ['{"x":1.5}']


FAULTS = {
    "$[1].context.x": (
        [a_row(0), a_row(1, x=float("nan"))],
        "is nan (episode 'e1', step 1); expected a number from -50 to 50.",
    ),
    "$[0].context.x": ([a_row(0, x=51.0), a_row(1, x=99.0)], "1 further rows have the same fault."),
    "$[0].action_value": ([a_row(0, action_value=[1.5])], "expected force from -1 to 1"),
    "$[0].propensity": ([a_row(0, propensity=0.0)], "is 0.0 (episode 'e1', step 0); expected a finite number above 0."),
    "$[1].propensity": ([a_row(0), a_row(1, propensity=None)], "expected a propensity, or the kind `unknown`"),
    "$[0].propensity_kind": ([a_row(0, propensity_kind="chance")], "expected one of probability, density"),
    "$[1].step": ([a_row(3), a_row(3)], "expected steps that rise within an episode, each once"),
    "$[2].step": ([a_row(0), a_row(2), a_row(1)], "steps that rise"),
    "$[2].episode_id": ([a_row(0), a_row(0, episode="e2"), a_row(1)], "the rows of an episode to stand together"),
    "$[0].terminated": ([a_row(0, terminated=True, truncated=True)], "either terminated or truncated"),
    "$[1].terminated": ([a_row(0), a_row(1, truncated=True), a_row(2)], "no decision of the episode after its end"),
    "$[0].action": ([the_last(0)], "a decision before the context that an episode ends in"),
    "$[1].action": ([a_row(0), the_last(1), a_row(2)], "a context without an action at the end alone"),
    "$[0].outcomes.paid": ([a_row(0, outcomes={"paid": 10.0})], "a number from 0 to 9"),
    "$[0].decided_at": ([a_row(0, decided_at=T0 + 1)], "a time that is not in the future"),
    "$[1].decided_at": ([a_row(0, decided_at=T0), a_row(1)], "a time in every row or in none"),
}


@pytest.mark.parametrize("where", FAULTS)
def test_a_fault_is_told_with_its_row_and_nothing_is_written(lake, records, where):
    rows, told = FAULTS[where]

    with pytest.raises(Invalid) as refusal:
        bring(lake, records, rows)

    assert {fault.where: fault.message for fault in refusal.value.faults}.keys() >= {where}
    assert any(told in fault.message for fault in refusal.value.faults if fault.where == where)
    assert not lake.exists(DECISIONS)


def test_all_kinds_of_faults_are_told_at_once(lake, records):
    with pytest.raises(Invalid) as refusal:
        bring(lake, records, [a_row(0, x=99.0, propensity=-1.0), a_row(0, action_value=[2.0])])

    assert len(refusal.value.faults) == 4


def test_columns_that_are_missing_or_unknown_are_named(lake, records):
    table = a_history(two_episodes()).drop_columns(["terminated"]).append_column("reward", pa.nulls(5, pa.float64()))

    with pytest.raises(Invalid) as refusal:
        bring(lake, records, table)

    assert [fault.where for fault in refusal.value.faults] == ["$.terminated", "$.reward"]


def test_boards_keep_every_number_on_the_way_to_a_learner(lake, records):
    spec = _spec_with(
        context={"board": {"type": "tensor", "shape": [2, 2], "dtype": "uint8"}},
        actions={"kind": "discrete", "labels": ["left", "right"]},
        reward={"expression": "paid", "range": [0, 9]},
        baseline="left",
    )
    board = {"action": [1], "action_value": None, "pmf": [[0.5, 0.5]], "propensity_kind": "probability"}
    rows = [
        {**a_row(0, terminated=True, **board), "context": {"board": [[0, 1], [2, 255]]}},
        {**the_last(1), "context": {"board": [[9, 8], [7, 6]]}},
    ]

    bring(lake, records, rows, spec=spec)
    join_loop(lake, records, spec, watermark=T0)

    found, _ = episodes_of(lake, NoSpecs(), spec)
    assert found.state.tolist() == [[[0, 1], [2, 255]]]
    assert found.next_state.tolist() == [[[9, 8], [7, 6]]]
    assert found.pmf.tolist() == [[0.5, 0.5]]


def test_a_history_without_rows_brings_nothing(lake, records):
    brought = bring(lake, records, [])

    assert (brought.n_episodes, brought.n_decisions) == (0, 0)
    assert T0 % US_PER_HOUR == 0


def _three_steps(episode):
    return [
        *(a_row(i, episode=episode, terminated=i == 2) for i in range(3)),
        the_last(3, episode=episode),
    ]


def _spec_with(**changes):
    return read_spec({**to_mapping(SPEC), **changes})


_KILLED = """
    import os, signal, sys
    from pathlib import Path
    from histories import SPEC, a_history, two_episodes
    from policyloop.lake import bulk, dirty
    from policyloop.lake.tables import Lake
    from policyloop.storage.records import open_records, url_of
    from some_events import T0

    home, last_words = Path(sys.argv[1]), sys.argv[2]

    def killed(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    class Mortal(Lake):
        def commit(self, handle, rows, *, segments=None):
            if last_words == "begun":
                killed()
            super().commit(handle, rows, segments=segments)
            if handle.table_uri.rstrip("/").endswith(last_words):
                killed()

    if last_words == "marked":
        bulk._finish = killed
    records = open_records(url_of(home))
    bulk.bring_history(
        Mortal(home / "lake"), records, SPEC, a_history(two_episodes()), policy="lqr", salt=b"salt" * 8, salt_id="s1", now_us=T0
    )
"""
