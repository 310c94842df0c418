"""Objects: named bytes that are written once, in a folder, in memory or in a bucket, through one library (obstore).

Question answered: are these bytes there, whole and durable, under this name?
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import obstore.store
from obstore.exceptions import AlreadyExistsError, BaseError, NotFoundError

from policyloop.core.errors import PolicyloopError


class ObjectExists(PolicyloopError):
    """An object of that name was there already, and it was to be written only if absent."""

    code = "object_exists"
    status = 409

    def __init__(self, path: str) -> None:
        super().__init__(f"an object named '{path}' exists already; expected a free name. Nothing was written.")


class UnknownObject(PolicyloopError, LookupError):
    """No object has that name."""

    code = "unknown_object"
    status = 404

    def __init__(self, path: str) -> None:
        super().__init__(f"no object is named '{path}'; it was never written, or it was deleted.")


class BadObjectName(PolicyloopError, ValueError):
    """A name that could leave the store's folder or that stores disagree about."""

    code = "bad_object_name"

    def __init__(self, path: str) -> None:
        super().__init__(
            f"the object name {path!r} is not allowed; expected parts of letters, digits, '.', '_', '-' or '=' with '/' "
            f"between, none of them '.' or '..'."
        )


_PROBE = ".probe/if-absent"
_NAME_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-=")


class Objects:
    """A place for objects. Names look like `models/3f.../manifest.json`; an object is never changed half-way."""

    def __init__(self, store: obstore.store.ObjectStore, *, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder  # where a local store lies; None for all others

    def put(self, path: str, data: bytes, *, if_absent: bool = False) -> None:
        """Write an object whole; on a local disk it is durable (file and folders synced) when this returns.

        Args:
            path: its name.
            data: its bytes.
            if_absent: refuse to replace an object of that name.

        Raises:
            ObjectExists: `if_absent`, and there is one.
            BadObjectName: the name is not allowed.
        """
        _check_name(path)
        try:
            self._store.put(path, data, mode="create" if if_absent else "overwrite", use_multipart=False)
        except AlreadyExistsError:
            raise ObjectExists(path) from None
        if self._folder is not None:
            sync_file(self._folder / path, top=self._folder)

    def get(self, path: str) -> bytes:
        """The bytes of an object.

        Raises:
            UnknownObject: there is none of that name.
            BadObjectName: the name is not allowed.
        """
        _check_name(path)
        try:
            return bytes(self._store.get(path).bytes())
        except (NotFoundError, FileNotFoundError):
            raise UnknownObject(path) from None

    def list(self, prefix: str = "") -> Iterator[str]:
        """Names below `prefix` (whole parts: `models/3f`, not `models/3`), in no order."""
        for chunk in self._store.list(prefix or None):
            for entry in chunk:
                yield entry["path"]

    def delete(self, path: str) -> None:
        """Remove an object; one that is not there is no error."""
        _check_name(path)
        try:
            self._store.delete(path)
        except (NotFoundError, FileNotFoundError):
            return

    def has_conditional_put(self) -> bool:
        """Whether the store really refuses a second put of the same name; several writers need that.

        Stores that ignore the condition exist, and lose acknowledged commits: so it is tried, not looked up.
        """
        self.delete(_PROBE)
        try:
            self.put(_PROBE, b"1", if_absent=True)
            self.put(_PROBE, b"2", if_absent=True)
        except ObjectExists:
            return self.get(_PROBE) == b"1"
        except (BaseError, NotImplementedError):
            return False
        else:
            return False
        finally:
            self.delete(_PROBE)


def open_objects(place: str | Path) -> Objects:
    """The objects of a place.

    Args:
        place: a folder (made when it is not there), `memory:`, or a URL such as `s3://bucket/prefix`, `gs://...`, `az://...`;
            credentials of a bucket come from the environment.
    """
    text = str(place)
    if text == "memory:":
        return Objects(obstore.store.MemoryStore())
    if "://" in text and not text.startswith("file://"):
        return Objects(obstore.store.from_url(text))
    folder = Path(text.removeprefix("file://")).resolve()
    return Objects(obstore.store.LocalStore(folder, mkdir=True, automatic_cleanup=True), folder=folder)


def sync_file(path: Path, *, top: Path) -> None:
    """Make a file durable, and its name: the file and the folders above it up to and with `top` are synced."""
    sync(path)
    folder = path.parent
    while True:
        sync(folder)
        if folder in {top, folder.parent}:
            return
        folder = folder.parent


def sync(path: Path) -> None:
    """Hand one file's or folder's bytes to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _check_name(path: str) -> None:
    parts = path.split("/")
    if len(path) > 1024 or any(part in {"", ".", ".."} or not _NAME_CHARACTERS.issuperset(part) for part in parts):
        raise BadObjectName(path)
