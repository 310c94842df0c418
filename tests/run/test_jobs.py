"""Jobs: queued once, one a loop at a time, and taken up again when their worker died."""

import pytest

from empty_records import with_records
from policyloop.run import jobs
from policyloop.storage.records import open_records, url_of


@pytest.fixture
def records(tmp_path):
    opened = open_records(url_of(with_records(tmp_path)))
    yield opened
    opened.close()


def queue(records, loop="front-page", n=500):
    return jobs.queue(records, loop, reason="asked for", n_examples=n, now_us=1)


def test_a_job_that_waits_is_not_queued_twice(records):
    first = queue(records)

    second = queue(records)

    assert (first.state, second) == ("queued", None)


def test_a_job_can_be_queued_while_another_of_the_loop_runs_and_waits_for_it(records):
    queue(records)
    running = jobs.claim(records, now_us=2)

    waiting = queue(records, n=1000)

    assert waiting is not None
    assert jobs.claim(records, now_us=3) is None
    jobs.finish(records, running.id, state="done", message="", now_us=4)
    assert jobs.claim(records, now_us=5).id == waiting.id


def test_loops_do_not_wait_for_one_another(records):
    queue(records, "a")
    queue(records, "b")

    assert [jobs.claim(records, now_us=2).loop, jobs.claim(records, now_us=2).loop] == ["a", "b"]


def test_what_ran_when_the_worker_died_is_queued_again(records):
    queue(records)
    job = jobs.claim(records, now_us=2)

    n = jobs.take_back_abandoned(records)

    assert n == 1
    assert jobs.claim(records, now_us=9).id == job.id


def test_a_retry_is_the_next_attempt_for_the_same_reason(records):
    queue(records)
    job = jobs.claim(records, now_us=2)
    jobs.finish(records, job.id, state="failed", message="out of memory", now_us=3)

    again = jobs.retry(records, job, not_before_us=40)

    assert (again.attempt, again.reason, again.n_examples) == (2, "asked for", 500)
    assert [j.message for j in jobs.history(records, "front-page")] == [None, "out of memory"]
    assert jobs.last(records, "front-page", states=("failed",)).id == job.id


def test_a_retry_waits_for_its_time(records):
    queue(records)
    job = jobs.claim(records, now_us=2)
    jobs.finish(records, job.id, state="failed", message="out of memory", now_us=3)
    jobs.retry(records, job, not_before_us=40)

    assert jobs.claim(records, now_us=39) is None
    assert jobs.claim(records, now_us=40).attempt == 2


def test_a_training_taken_up_by_hand_leaves_no_other_waiting(records):
    queue(records)
    died = jobs.claim(records, now_us=2)
    waiting = queue(records, n=1000)
    elsewhere = queue(records, loop="another")

    taken_up = jobs.begin(records, "front-page", reason="asked for", n_examples=1000, now_us=3)

    assert (taken_up.id, taken_up.state) == (died.id, "running")
    left = jobs.get(records, waiting.id)
    assert (left.state, left.message) == ("done", f"left to job {died.id}")
    assert jobs.get(records, elsewhere.id).state == "queued"
