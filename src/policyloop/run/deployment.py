"""A deployment: the data folder of one installation, opened. What commands, jobs and the worker stand on.

Question answered: where are this project's records, models, tables and log? Opening makes what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from policyloop.core.clock import Clock, SystemClock
from policyloop.core.errors import NothingToDo
from policyloop.core.settings import Home
from policyloop.lake.tables import Lake
from policyloop.registry.registry import Registry
from policyloop.storage.objects import open_objects
from policyloop.storage.records import Records, open_records, url_of


@dataclass(frozen=True, slots=True)
class Deployment:
    """An open data folder. Safe to share between threads."""

    home: Home
    records: Records
    registry: Registry
    lake: Lake
    clock: Clock


@contextmanager
def open_deployment(home: Home, clock: Clock | None = None) -> Iterator[Deployment]:
    """Open a data folder, and close it at the end of the block.

    Args:
        home: its folders; they are made, for their owner alone, where they are missing.
        clock: dates what is written; None: the system's.
    """
    home.make()
    time = clock or SystemClock()
    records = open_records(url_of(home.path))
    try:
        registry = Registry(records, open_objects(str(home.path)), clock=time)
        yield Deployment(home, records, registry, Lake(home.lake), time)
    finally:
        records.close()


def check_is_there(home: Home) -> None:
    """Refuse to look at data that nobody has made: opening would make an empty folder.

    Raises:
        NothingToDo: there is no data folder yet.
    """
    if not home.path.is_dir():
        raise NothingToDo(
            f"there is no data in '{home.path}' yet; expected a data folder that `policyloop apply` or `policyloop up` made. "
            f"Change to your project's folder, or name the data folder (`--home PATH`, in Python `data=PATH`)."
        )
