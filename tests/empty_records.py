"""A records database with nothing in it, made once and copied: to make one takes longer than most tests that need one.

How one is made, step by step, is tested in tests/storage/test_records.py, which makes its own.
"""

import functools
import tempfile
from pathlib import Path

from policyloop.storage.records import open_records, url_of

NAME = "records.sqlite"


def with_records(folder: Path) -> Path:
    """The folder, with such a database in it where it has none; made where it is missing."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = folder / NAME
    if not file.exists():
        file.touch(mode=0o600)
        file.write_bytes(_empty())
    return folder


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        open_records(url_of(Path(folder))).close()
        return (Path(folder) / NAME).read_bytes()
