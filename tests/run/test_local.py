"""The local runner: a child per job, its end and its last words told, and no child beyond its time."""

import time

import pytest

from policyloop.core import plugins

RUNNER = plugins.load("policyloop.run.runners", "local").create()


def end_of(running, now_s=0.0, tries=200):
    for _ in range(tries):
        ended = running.poll(now_s)
        if ended:
            return ended
        time.sleep(0.05)
    pytest.fail("the child did not end")


def test_a_child_that_ends_well_says_nothing():
    ended = end_of(RUNNER.start("calendar", ["2026"], now_s=0, max_runtime_s=60))

    assert (ended.is_ok, ended.message) == (True, "")


def test_the_last_words_of_a_failing_child_are_kept():
    ended = end_of(RUNNER.start("calendar", ["no-year"], now_s=0, max_runtime_s=60))

    assert not ended.is_ok
    assert "ended with exit code 2" in ended.message
    assert "no-year" in ended.message


def test_a_child_is_stopped_when_its_time_is_over():
    running = RUNNER.start("http.server", ["0", "--bind", "127.0.0.1"], now_s=0, max_runtime_s=5)

    assert running.poll(4.9) is None
    ended = running.poll(5.0)

    assert not ended.is_ok
    assert ended.message.startswith("took longer than its max_runtime and was stopped.")
