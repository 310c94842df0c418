"""Times of a history, in whatever form and zone they were written."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest

from policyloop.interop.historian.times import times_of

NOON = int(datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()) * 1_000_000


def at(values, *, zone="UTC", **options):
    return times_of(pa.chunked_array([pa.array(values)]), zone=zone, **options)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-02T12:00:00Z",
        "2026-03-02 12:00:00",
        "2026-03-02T13:00:00+01:00",
        str(NOON // 1_000_000),
        NOON // 1_000_000,
        NOON // 1000,
        NOON,
        NOON * 1000,
        NOON / 1e6,
        datetime(2026, 3, 2, 12),
        datetime(2026, 3, 2, 12, tzinfo=UTC),
    ],
    ids=str,
)
def test_noon_is_noon_however_it_is_written(written):
    assert at([written]).at_us.tolist() == [NOON]


def test_a_date_is_its_midnight():
    assert at([date(2026, 3, 2)]).at_us.tolist() == at(["2026-03-02"]).at_us.tolist() == [NOON - 12 * 3600 * 1_000_000]


def test_a_format_may_be_named():
    assert at(["02.03.2026 12:00:00"], time_format="%d.%m.%Y %H:%M:%S").at_us.tolist() == [NOON]


def test_a_local_time_is_of_its_zone_and_an_offset_is_taken_at_its_word():
    told = at(["2026-03-02T13:00:00", "2026-03-02T12:00:00Z"], zone="Europe/Berlin")

    assert told.at_us.tolist() == [NOON, NOON]


def test_the_hour_that_autumn_has_twice_is_counted_and_the_one_that_spring_skips_never_was():
    told = at(["2026-10-25T02:30:00", "2026-03-29T02:30:00", "2026-03-02T13:00:00"], zone="Europe/Berlin")

    assert (told.n_twice, told.is_bad.tolist(), told.is_skipped.tolist()) == (1, [False, True, False], [False, True, False])
    assert told.later_us.tolist() == [3_600_000_000, 0, 0]
    assert told.at_us[0] == int(datetime(2026, 10, 25, 0, 30, tzinfo=UTC).timestamp()) * 1_000_000  # its first pass


def test_what_is_no_time_is_marked():
    assert at(["2026-03-02T12:00:00Z", "soon", None]).is_bad.tolist() == [False, True, True]
