"""After a power cut: commits whose files never reached the disk are taken back, so that their segments ship again.

Question answered: is the newest state of this table whole, or a name without its bytes?
The Delta library renames files into place without syncing them; we sync after each commit and delete segments only
then. So a broken commit is always among the newest, and what it held is still in the log. Left alone it would either
stop the table from opening or, worse, say of a segment whose rows are gone that it had been shipped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from policyloop.storage.objects import sync

_NEWEST = 5  # commits that are looked at; at most two writers are between a commit and its sync
_LOG = "_delta_log"
_ASIDE = "_power_cut"


def mend(table: Path) -> list[str]:
    """Take back commits that are not whole, and all after them. Returns what was done, in words; mostly nothing.

    Args:
        table: the folder of a Delta table; one that does not exist is whole.
    """
    commits = sorted((table / _LOG).glob("[0-9]*.json"))[-_NEWEST:]
    removed: set[str] = set()
    broken: list[Path] = []
    for place in reversed(range(len(commits))):
        actions = _actions(commits[place])
        if actions is None or not _has_files(table, actions, removed):
            broken = commits[place:]
        removed.update(action["remove"]["path"] for action in actions or () if "remove" in action)
    checkpoints = _broken_checkpoints(table, int(broken[0].stem) if broken else None)
    for path in [*checkpoints, *reversed(broken)]:
        _set_aside(table, path)
    if broken or checkpoints:
        sync(table / _LOG)
    return [f"{table.name}: commit {int(path.stem)} was cut short by a power cut and is taken back" for path in broken]


def _actions(commit: Path) -> list[dict[str, Any]] | None:
    """What a commit says; None when it cannot be read."""
    try:
        return [msgspec.json.decode(line, type=dict[str, Any]) for line in commit.read_bytes().splitlines()] or None
    except msgspec.MsgspecError:
        return None


def _has_files(table: Path, actions: list[dict[str, Any]], removed: set[str]) -> bool:
    """Whether all files that a commit added, and no later one removed, are there in full."""
    added = (action["add"] for action in actions if "add" in action)
    return all(_size(table / unquote(add["path"])) == add["size"] for add in added if add["path"] not in removed)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else -1


def _broken_checkpoints(table: Path, version: int | None) -> list[Path]:
    """Checkpoints that are cut short or hold what is taken back from `version` on, and the pointer to the last with them.

    A checkpoint only repeats what the commits say, so losing one loses nothing.
    """
    found = sorted((table / _LOG).glob("[0-9]*.checkpoint*.parquet"))
    taken_back = [path for path in found if version is not None and int(path.name.split(".")[0]) >= version]
    broken = [*taken_back, *(path for path in found[-1:] if path not in taken_back and not _is_parquet(path))]
    pointer = table / _LOG / "_last_checkpoint"
    if pointer.exists() and (broken or not _is_json(pointer)):
        broken.append(pointer)
    return broken


def _is_parquet(path: Path) -> bool:
    """Whether the file ends as Parquet files do."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 4))
        return file.read() == b"PAR1"


def _is_json(path: Path) -> bool:
    try:
        msgspec.json.decode(path.read_bytes())
    except msgspec.MsgspecError:
        return False
    return True


def _set_aside(table: Path, path: Path) -> None:
    """Move a file where neither the Delta library nor a reader looks."""
    aside = table / _ASIDE
    aside.mkdir(exist_ok=True)
    path.replace(aside / path.name)
