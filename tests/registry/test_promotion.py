"""Promotion and rollback under crashes and races: all of it or nothing, and one winner."""

import subprocess
import sys

import pytest
from sqlalchemy.exc import IntegrityError

from policyloop.gate.verdict import Call, to_json

LOOP = "front-page"

# Another process: opens the registry, says so, waits for a line with a verdict, and promotes.
PROMOTER = """
import os, sys
from pathlib import Path
import sqlalchemy as sa
from policyloop.core.clock import SystemClock
from policyloop.core.errors import PromotionRefused
from policyloop.gate.verdict import from_json
from policyloop.registry.registry import Registry
from policyloop.storage.objects import open_objects
from policyloop.storage.records import open_records, url_of

folder, dies = Path(sys.argv[1]), sys.argv[2] == "dies"
records = open_records(url_of(folder))
registry = Registry(records, open_objects(folder), clock=SystemClock())
if dies:
    sa.event.listen(records.engine, "commit", lambda _: os._exit(9))
print("ready", flush=True)
verdict = from_json(sys.stdin.readline())
try:
    print("promoted", registry.promote("front-page", verdict).champion)
except PromotionRefused as refused:
    print("refused", refused.message)
"""


def other_process(folder, *, dies=False):
    command = [sys.executable, "-c", PROMOTER, str(folder), "dies" if dies else "lives"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def everything(records):
    with records.read() as connection:
        tables = ("loops", "models", "verdicts", "progress")
        return {table: connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall() for table in tables}


@pytest.fixture(params=["promote", "roll_back"])
def act(request, loop, go_live, publish, verdict):
    """A change of champion that is about to be made."""
    first, second, third = go_live(1), go_live(2), publish(3)
    if request.param == "promote":
        return lambda: loop.promote(LOOP, verdict(third, second))
    return lambda: loop.roll_back(LOOP, verdict(second, first, call=Call.ROLLBACK))


@pytest.mark.parametrize("table", ["loops", "models", "verdicts", "progress"])
def test_a_write_that_fails_anywhere_changes_nothing_at_all(loop, records, act, table):
    champion = loop.standing(LOOP).champion
    verb = "INSERT" if table == "verdicts" else "UPDATE"
    with records.write() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER fault BEFORE {verb} ON {table} BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
        )
    before = everything(records)

    with pytest.raises(IntegrityError, match="the disk is full"):
        act()

    assert everything(records) == before
    with records.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER fault")
    assert act().champion != champion


def test_a_process_that_dies_before_the_commit_leaves_the_champion_as_it_was(loop, records, publish, verdict, tmp_path):
    model = publish(1)
    before = everything(records)

    process = other_process(tmp_path, dies=True)
    process.communicate(to_json(verdict(model, None)).decode() + "\n", timeout=60)

    assert process.returncode == 9
    assert everything(records) == before
    assert loop.promote(LOOP, verdict(model, None)).champion == model


def test_of_two_processes_that_promote_at_once_one_wins_and_the_other_is_told(loop, publish, verdict, tmp_path):
    said = [to_json(verdict(publish(seed), None)).decode() + "\n" for seed in (1, 2)]
    processes = [other_process(tmp_path) for _ in said]

    for process, line in zip(processes, said, strict=True):
        process.stdin.write(line)
        process.stdin.flush()
    answers = sorted(process.communicate(timeout=60)[0] for process in processes)

    row = loop.standing(LOOP).row
    assert answers[0] == f"promoted {row.champion}\n"
    assert answers[1].startswith("refused the verdict compares model")
    assert (row.previous, row.anchor, row.version) == (None, row.champion, 2)
    assert len(loop.verdicts(LOOP)) == 1
