"""The doctor's rounds: a loop is examined without anybody asking, so that what is wrong is told and not only found.

Question answered: what is wrong with this loop now, or waits for a person? Each time in a child of its own: an examination
reads whole tables, and the worker beside it must neither wait for it nor keep its memory.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

from policyloop.care.doctor.diagnose import diagnose
from policyloop.core.settings import Home
from policyloop.run.deployment import Deployment, open_deployment

LIMIT_S = 300.0  # an examination that takes longer is given up, and tried again at the next round


def examiner(home: Home) -> Callable[[str], dict[str, str]]:
    """A function that examines a loop of a data folder: name of the cause -> what is seen and what to do.

    It raises TimeoutError for an examination that takes too long, and RuntimeError for one that failed.
    """

    def examine(loop: str) -> dict[str, str]:
        spawning = multiprocessing.get_context("spawn")
        ours, theirs = spawning.Pipe(duplex=False)
        child = spawning.Process(target=_answer, args=(theirs, str(home.path), loop), daemon=True)
        child.start()
        theirs.close()
        try:
            if not ours.poll(LIMIT_S):
                raise TimeoutError(f"the examination of loop '{loop}' took longer than {LIMIT_S:g} s")
            found: dict[str, str] = ours.recv()
            return found
        except EOFError:
            raise RuntimeError(f"the examination of loop '{loop}' ended without an answer") from None
        finally:
            ours.close()
            child.terminate()
            child.join()

    return examine


def causes_of(deployment: Deployment, loop: str) -> dict[str, str]:
    """What is wrong with a loop, or waits for a person."""
    found = {cause.name: f"{cause.sentence} {cause.advice}" for cause in diagnose(deployment, loop).causes}
    challenge = deployment.registry.challenges.open(loop)
    if challenge is not None and challenge.is_waiting:
        name = f"approval-of-challenge-{challenge.id}"
        found[name] = f"Challenge {challenge.id} is proven, and waits for a person: `policyloop gate approve {loop}`."
    return found


def _answer(told: Connection, home: str, loop: str) -> None:
    """In the child: examine, and send what was found."""
    with told, open_deployment(Home(Path(home))) as deployment:
        told.send(causes_of(deployment, loop))
