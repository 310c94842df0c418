"""The watermark: the moment up to which everything that was received is in the tables.

Question answered: may a decision whose window ended then be settled, or can something still come from the log?
It is the smallest promise of the living writers ("every record below `time` is in a segment <= n"), once all those
segments are in the tables. Writers that died promise nothing, but what they left is waited for. It never falls.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from policyloop.core.clock import Clock
from policyloop.log import folder as log_folder
from policyloop.log.folder import Beat
from policyloop.storage.insert import insert_into
from policyloop.storage.records import Records, progress

_NAME = "watermark"


@dataclass(frozen=True, slots=True)
class Promises:
    """What the writers had promised at a moment."""

    now: int  # microseconds; read before the writers were listed, so that one that starts later writes later times
    beats: Mapping[str, Beat]


def read_promises(folder: Path, clock: Clock) -> Promises:
    """The promises as they are now; take them before shipping, so that what they name is sealed when it is shipped."""
    now = clock.now_us()
    return Promises(now, log_folder.beats(folder))


def watermark_of(promises: Promises, left: Collection[tuple[str, int]]) -> int:
    """The watermark that the promises allow, in microseconds; 0 when something is still missing.

    Args:
        promises: as they were before the shipment.
        left: (writer, segment) of the segments that are not in the tables after it, open ones too.
    """
    for writer, segment in left:
        beat = promises.beats.get(writer)
        if beat is None or segment <= beat.segment:
            return 0
    return min([promises.now, *(beat.time for beat in promises.beats.values())])


def advance(records: Records, folder: Path, promises: Promises) -> int:
    """Move the stored watermark on after a shipment, never back; returns where it stands."""
    left = [(file.writer, file.segment) for file in log_folder.segments(folder)]
    return _raise_to(records, watermark_of(promises, left))


def read_watermark(records: Records) -> int:
    """Where the watermark stands, in microseconds; 0 before the first shipment."""
    with records.read() as connection:
        return connection.execute(sa.select(progress.c.value).where(progress.c.name == _NAME)).scalar() or 0


def _raise_to(records: Records, time: int) -> int:
    """Store the time if it is above the stored one; returns the larger."""
    with records.write() as connection:
        statement = insert_into(connection, progress).values(name=_NAME, value=time)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[progress.c.name], set_={"value": time}, where=progress.c.value < time
            )
        )
        return int(connection.execute(sa.select(progress.c.value).where(progress.c.name == _NAME)).scalar_one())
