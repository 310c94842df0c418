"""The watermark promises that nothing below it is missing, and never falls."""

import pytest

from empty_records import with_records
from policyloop.lake.watermark import Promises, _raise_to, read_watermark, watermark_of
from policyloop.log.folder import Beat
from policyloop.storage.records import open_records, url_of

NOW = 1_000


def beats(**by_writer):
    return {writer: Beat(time=time, segment=segment, pid=1) for writer, (time, segment) in by_writer.items()}


def test_it_is_the_smallest_promise_of_the_living_writers():
    promises = Promises(NOW, beats(a=(900, 4), b=(700, 2)))

    assert watermark_of(promises, []) == 700


def test_without_living_writers_it_is_now():
    assert watermark_of(Promises(NOW, {}), []) == NOW


def test_a_clock_ahead_of_ours_does_not_carry_it_beyond_now():
    assert watermark_of(Promises(NOW, beats(a=(5_000, 1))), []) == NOW


def test_a_promised_segment_that_is_not_in_the_tables_holds_it():
    promises = Promises(NOW, beats(a=(900, 4)))

    assert watermark_of(promises, [("a", 4)]) == 0
    assert watermark_of(promises, [("a", 5)]) == 900  # being written now; what it holds is later than the promise


def test_what_a_dead_writer_left_is_waited_for():
    assert watermark_of(Promises(NOW, beats(a=(900, 4))), [("dead", 1)]) == 0


def test_a_writer_that_has_not_promised_anything_yet_holds_it():
    assert watermark_of(Promises(NOW, beats(a=(900, 4), new=(0, 0))), []) == 0


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


def test_it_never_falls(records):
    assert read_watermark(records) == 0

    assert [_raise_to(records, time) for time in (5, 9, 7, 0, 10)] == [5, 9, 9, 9, 10]

    assert read_watermark(records) == 10
