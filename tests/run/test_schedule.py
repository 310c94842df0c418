"""The schedule: a training is due after so many examples, so long, or by cron; never without anything new."""

from datetime import UTC, datetime

import pytest

from policyloop.core.loop import TrainSpec
from policyloop.run.schedule import LastTraining, due, waits_for

START = int(datetime(2026, 3, 1, 12, 0, tzinfo=UTC).timestamp() * 1e6)
HOUR = 3_600_000_000
LAST = LastTraining(at_us=START, n_examples=100)


@pytest.mark.parametrize(
    ("n_examples", "hours", "reason"),
    [
        (599, 0, None),
        (600, 0, "500 new examples"),
        (101, 3.99, None),
        (101, 4, "4.0 hours since the last training, 1 new example"),
        (100, 400, None),
    ],
)
def test_every_500_examples_or_4_hours_whichever_is_first(n_examples, hours, reason):
    train = TrainSpec(every_examples=500, every_s=4 * 3600)

    assert due(train, now_us=START + int(hours * HOUR), n_examples=n_examples, last=LAST) == reason


@pytest.mark.parametrize(("hours", "is_due"), [(14.9, False), (15, True)])
def test_a_cron_line_is_read_in_utc(hours, is_due):
    train = TrainSpec(every_examples=None, every_s=None, cron="0 3 * * *")

    got = due(train, now_us=START + int(hours * HOUR), n_examples=101, last=LAST)

    assert (got == "cron line '0 3 * * *'") is is_due


def test_what_it_waits_for_is_told_in_words():
    train = TrainSpec(every_examples=500, every_s=4 * 3600)

    assert (
        waits_for(train, now_us=START, n_examples=350, last=LAST)
        == "250 more examples or 2026-03-01 16:00 UTC with any new example"
    )


def test_of_one_it_is_told_as_of_one():
    train = TrainSpec(every_episodes=51, every_s=None)

    assert waits_for(train, now_us=START, n_examples=LAST.n_examples + 50, last=LAST) == "1 more episode"
