"""What protocols keep of a loop: replaced by name, listed in order, gone with the loop, and remembered while it holds."""

import msgspec
import pytest

from empty_records import with_records
from policyloop.interop.kept import Kept, forget
from policyloop.storage.records import open_records, url_of


class Note(msgspec.Struct):
    text: str


class Clock:
    def __init__(self):
        self.now = 0

    def now_us(self):
        self.now += 1
        return self.now

    def monotonic_s(self):
        return 0.0


@pytest.fixture
def records(tmp_path):
    opened = open_records(url_of(with_records(tmp_path)))
    yield opened
    opened.close()


def test_a_row_is_replaced_by_its_name_and_rows_are_listed_by_their_last_change(records):
    kept = Kept(records, clock=Clock())
    for name, text in [("b", "1"), ("a", "2"), ("b", "3")]:
        kept.put("shelf", "notes", name, Note(text))

    assert kept.all("shelf", "notes", Note) == {"a": Note("2"), "b": Note("3")}
    assert list(kept.all("shelf", "notes", Note)) == ["a", "b"]
    assert kept.find("shelf", "notes", "b", Note) == Note("3")
    assert kept.find("other", "notes", "b", Note) is None
    assert kept.by_loop("notes", "a", Note) == {"shelf": Note("2")}


def test_what_is_removed_is_gone_and_a_loop_takes_all_of_its_rows_along(records):
    kept = Kept(records, clock=Clock())
    kept.put("shelf", "notes", "a", Note("1"))
    kept.put("other", "notes", "a", Note("2"))

    assert kept.remove("shelf", "notes", "a")
    assert not kept.remove("shelf", "notes", "a")
    with records.write() as connection:
        forget(connection, "other")
    assert kept.by_loop("notes", "a", Note) == {}


def test_memory_holds_until_the_version_changes(records):
    version = 1
    kept = Kept(records, clock=Clock(), version=lambda: version)
    kept.put("shelf", "notes", "a", Note("1"))
    assert kept.remembered("shelf", "notes", "a", Note) == Note("1")

    kept.put("shelf", "notes", "a", Note("2"))
    before = kept.remembered("shelf", "notes", "a", Note)
    version = 2

    assert before == Note("1")
    assert kept.remembered("shelf", "notes", "a", Note) == Note("2")
    assert kept.remembered("other", "notes", "a", Note) is None
