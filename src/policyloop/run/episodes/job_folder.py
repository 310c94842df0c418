"""The folder of a job: what a training run of episodes leaves while it goes on, so that it can be followed and gone on with.

Question answered: where are the checkpoints and lines of this job, and what did the one before it leave? In the data folder,
`jobs/<id>/`: the files of learn/checkpoints.py, and `told.json` for what is known of the run as a whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policyloop.core.settings import Home
from policyloop.run import jobs
from policyloop.storage.records import Records

_TOLD = "told.json"
_KEPT = 50  # folders of jobs that ended; of older ones the lines go too


@dataclass(frozen=True, slots=True)
class JobFolder:
    """One job's folder, which may not be there yet."""

    path: Path

    def tell(self, facts: Mapping[str, Any]) -> None:
        """Write down what is known of the run as a whole, over what was known before."""
        self.path.mkdir(parents=True, exist_ok=True)
        beside = self.path / f"{_TOLD}.new"
        beside.write_text(json.dumps({**self.told(), **facts}), encoding="utf-8")
        beside.replace(self.path / _TOLD)

    def told(self) -> dict[str, Any]:
        """What is known of the run: `updates` that are wanted, `learner`, `notes`, ...; empty before it began."""
        file = self.path / _TOLD
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        return found


def folder_of(home: Home, job_id: int) -> JobFolder:
    """The folder of a job."""
    return JobFolder(home.path / "jobs" / str(job_id))


def folder_to_go_on_in(home: Home, records: Records, job_id: int) -> JobFolder:
    """The folder of a job that begins; where it retries one that failed, that one's folder becomes its own."""
    folder = folder_of(home, job_id)
    job = jobs.get(records, job_id)
    before = jobs.before(records, job) if job.attempt > 1 else None
    if before is not None and not folder.path.exists():
        older = folder_of(home, before.id)
        if older.path.exists():
            older.path.rename(folder.path)
    return folder


def clear_old(home: Home) -> None:
    """Take out the folders of the oldest jobs, so that lines do not pile up for ever."""
    folders = [file for file in (home.path / "jobs").glob("*") if file.name.isdigit()]
    for folder in sorted(folders, key=lambda file: int(file.name))[:-_KEPT]:
        shutil.rmtree(folder, ignore_errors=True)


def remove_of_loop(home: Home, records: Records, loop: str) -> None:
    """Take out the folders of all jobs of a loop, before its jobs are taken out of the records."""
    for job in jobs.history(records, loop, limit=10**9):
        shutil.rmtree(folder_of(home, job.id).path, ignore_errors=True)
