"""Following a job: its lines as they are written, until it ends.

Question answered: how does the training run that goes on right now, in whichever process, go? Only files and records are read,
so following neither helps nor hinders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from policyloop.learn.checkpoints import lines_of
from policyloop.run import jobs
from policyloop.run.deployment import Deployment
from policyloop.run.episodes.job_folder import JobFolder, folder_of
from policyloop.run.jobs import OPEN_STATES, Job


def follow(deployment: Deployment, job_id: int, *, sleep: Callable[[], None]) -> Iterator[dict[str, Any]]:
    """A line for every checkpoint of a job, those that are there at once and the others as they come; ends with the job.

    A search has those of all its attempts, each with its `attempt`.

    Args:
        job_id: of the job.
        sleep: waits a little.

    Raises:
        NothingToDo: there is no such job.
    """
    folder, n_told = folder_of(deployment.home, job_id), 0
    while True:
        is_open = jobs.get(deployment.records, job_id).state in OPEN_STATES  # before the lines: none is written after the end
        lines = all_lines(folder)
        yield from lines[n_told:]
        n_told = max(n_told, len(lines))
        if not is_open:
            return
        sleep()


def all_lines(folder: JobFolder) -> list[dict[str, Any]]:
    """The lines of a job so far: of its run, or of the runs of its attempts in order."""
    if (folder.path / "metrics.jsonl").exists():
        return lines_of(folder.path)
    attempts = sorted(folder.path.glob("attempt-*"))
    return [{"attempt": int(one.name.split("-")[1]), **line} for one in attempts for line in lines_of(one)]


def progress_of(deployment: Deployment, job: Job) -> tuple[int, int] | None:
    """How many updates a job has done, and how many it is to do; None of jobs that have no such thing."""
    folder = folder_of(deployment.home, job.id)
    wanted = folder.told().get("updates")
    if wanted is None:
        return None
    lines = lines_of(folder.path)
    return (int(lines[-1]["n_updates"]) if lines else 0), int(wanted)
