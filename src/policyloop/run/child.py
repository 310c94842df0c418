"""The child of a job: `python -m policyloop.run.child HOME LOOP JOB` does it and writes down how it went.

A job refreshes one loop, trains the next model of its challenge, or computes what was asked about it. Whatever it raises is
for the worker to tell: it sees the exit code and the last words.
"""

from __future__ import annotations

import sys
from pathlib import Path

from policyloop.core.errors import NothingToDo
from policyloop.core.settings import Home
from policyloop.run import jobs
from policyloop.run.challenges import challenging
from policyloop.run.deployment import open_deployment
from policyloop.run.questions import evaluations
from policyloop.run.refresh import refresh
from policyloop.run.supervisor import stop_with_supervisor


def main(home: str, loop: str, job: str) -> None:
    """Do what the job is, and mark it as done."""
    stop_with_supervisor()
    with open_deployment(Home(Path(home))) as deployment:
        try:
            kind = jobs.get(deployment.records, int(job)).kind
            if kind == evaluations.JOB:
                message = evaluations.compute_waiting(deployment, loop)
            elif kind == challenging.JOB:
                message = challenging.train_next(deployment, loop)
            else:
                message = refresh(deployment, loop, job_id=int(job)).sentence
        except NothingToDo as error:
            message = error.message
        jobs.finish(deployment.records, int(job), state="done", message=message, now_us=deployment.clock.now_us())


if __name__ == "__main__":
    main(*sys.argv[1:])
