"""From the log's folder into the tables: everything once, nothing deleted that is not there, damage told."""

import pytest

from empty_records import with_records
from fault_fs import HastyFiles
from fragile_lake import Fault, FragileLake
from log_scripts import START_US, SetClock, decision, outcome
from policyloop.lake.ship import ship_log
from policyloop.lake.tables import Lake
from policyloop.lake.watermark import read_watermark
from policyloop.log.folder import QUARANTINE, segments
from policyloop.log.writer import LogConfig, LogWriter
from policyloop.storage.records import open_records, url_of

SECOND = 1_000_000
CONFIG = LogConfig(segment_bytes=64 * 1024, low_water_bytes=0, seal_after_s=3600.0)


@pytest.fixture
def clock():
    return SetClock()


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path / "lake")


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


@pytest.fixture
def records(tmp_path):
    records = open_records(url_of(with_records(tmp_path)))
    yield records
    records.close()


class StickyFiles(HastyFiles):
    """The machine's files, of which only the first few segments can be deleted."""

    def __init__(self, n):
        self.n = n

    def unlink(self, path):
        if path.suffix == ".plog":
            self.n -= 1
            if self.n < 0:
                raise Fault
        super().unlink(path)


def write(folder, clock, *rounds):
    """A writer that seals a segment after each round of events, and closes."""
    writer = LogWriter(folder, clock=clock, config=CONFIG, files=HastyFiles())
    for events in rounds:
        for event in events:
            writer.wait(writer.append(event))
        writer.roll()
    writer.close()


def ship(lake, records, folder, clock, **options):
    return ship_log(lake, records, folder, clock=clock, **({"files": HastyFiles()} | options))


def ids(lake, table):
    return sorted(lake.rows(table)["decision_id"].to_pylist())


def test_the_log_is_empty_and_the_tables_are_full_after_shipping(lake, records, folder, clock):
    write(folder, clock, [decision(1), decision(2)], [outcome(1), outcome(2), decision(3)])

    shipment = ship(lake, records, folder, clock)

    assert (shipment.shipped.n_segments, shipment.shipped.n_decisions, shipment.shipped.n_outcomes) == (2, 3, 2)
    assert segments(folder) == []
    assert ids(lake, "decisions") == ["decision-1", "decision-2", "decision-3"]
    assert ids(lake, "outcomes") == ["decision-1", "decision-2"]


def test_without_writers_the_watermark_is_now(lake, records, folder, clock):
    write(folder, clock, [decision(1)])
    clock.pass_s(5)

    assert ship(lake, records, folder, clock).watermark == START_US + 5 * SECOND


def test_while_a_writer_lives_the_watermark_is_its_promise(lake, records, folder, clock):
    writer = LogWriter(folder, clock=clock, config=CONFIG, files=HastyFiles())
    writer.wait(writer.append(decision(1)))
    clock.pass_s(5)
    writer.roll()
    clock.pass_s(20)

    watermark = ship(lake, records, folder, clock).watermark

    writer.close()
    assert START_US <= watermark <= START_US + 5 * SECOND
    assert ids(lake, "decisions") == ["decision-1"]
    assert read_watermark(records) == watermark


def test_what_is_not_sealed_yet_is_left_alone(lake, records, folder, clock):
    writer = LogWriter(folder, clock=clock, config=CONFIG, files=HastyFiles())
    writer.wait(writer.append(decision(1)))

    shipment = ship(lake, records, folder, clock)

    assert shipment.shipped.n_decisions == 0
    writer.close()
    assert ship(lake, records, folder, clock).shipped.n_decisions == 1


def test_many_small_commits_bring_the_same_rows(lake, records, folder, clock):
    write(folder, clock, *[[decision(i), outcome(i)] for i in range(4)])

    ship(lake, records, folder, clock, records_per_commit=1)

    assert ids(lake, "decisions") == ids(lake, "outcomes") == [f"decision-{i}" for i in range(4)]
    assert lake.open("decisions").version() == 4


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("breaks_at", [1, 2, 3, 4, 5])
def test_after_a_crash_in_the_tables_and_three_restarts_every_event_is_there_once(
    lake, records, folder, clock, tmp_path, breaks_at, after
):
    write(folder, clock, [outcome(1)], [decision(2), outcome(2)])
    ship(lake, records, folder, clock)
    write(folder, clock, [decision(1), decision(3)], [outcome(3)])
    fragile = FragileLake(tmp_path / "lake", breaks_at=breaks_at, after=after)

    for _ in range(3):
        n_files = len(segments(folder))
        try:
            ship(fragile, records, folder, clock)
        except Fault:
            assert len(segments(folder)) == n_files  # a file goes only after its rows are there

    assert ids(lake, "decisions") == ["decision-1", "decision-2", "decision-3"]
    assert sorted(set(ids(lake, "outcomes"))) == ["decision-1", "decision-2", "decision-3"]
    assert set(lake.rows("outcomes")["hour"].to_pylist()) == set(lake.rows("decisions")["hour"].to_pylist())
    assert segments(folder) == []


@pytest.mark.parametrize("n_deleted", [0, 1, 2])
def test_after_a_crash_between_two_deletions_nothing_is_shipped_twice(lake, records, folder, clock, n_deleted):
    write(folder, clock, [decision(1)], [decision(2), outcome(1)], [decision(3)])

    with pytest.raises(Fault):
        ship(lake, records, folder, clock, files=StickyFiles(n_deleted))
    assert len(segments(folder)) == 3 - n_deleted
    ship(lake, records, folder, clock)
    ship(lake, records, folder, clock)

    assert ids(lake, "decisions") == ["decision-1", "decision-2", "decision-3"]
    assert ids(lake, "outcomes") == ["decision-1"]
    assert segments(folder) == []


def test_a_failure_on_the_way_holds_the_watermark(lake, records, folder, clock, tmp_path):
    write(folder, clock, [decision(1)])
    fragile = FragileLake(tmp_path / "lake", breaks_at=1, after=False)

    with pytest.raises(Fault):
        ship(fragile, records, folder, clock)

    assert read_watermark(records) == 0


def test_a_damaged_segment_gives_what_can_be_read_and_is_kept_in_quarantine(lake, records, folder, clock):
    write(folder, clock, [decision(1)], [decision(2)])
    (first, _) = segments(folder)
    data = bytearray(first.path.read_bytes())
    data[4096 + 40] ^= 0xFF  # inside the first record, which the seal knows to be durable
    first.path.write_bytes(data)

    shipment = ship(lake, records, folder, clock)

    assert len(shipment.alarms) == 1
    assert first.path.name in shipment.alarms[0]
    assert [path.name for path in (folder / QUARANTINE).iterdir()] == [first.path.name]
    assert ids(lake, "decisions") == ["decision-2"]


def test_a_segment_without_a_header_is_set_aside_and_does_not_stop_the_others(lake, records, folder, clock):
    write(folder, clock, [decision(1)])
    (first,) = segments(folder)
    write(folder, clock, [decision(2)])
    first.path.write_bytes(b"nothing")

    shipment = ship(lake, records, folder, clock)

    assert len(shipment.alarms) == 1
    assert ids(lake, "decisions") == ["decision-2"]
    assert segments(folder) == []
