"""Run the worker process: tables, joins, training, gate; `policyloop up` runs it beside the servers."""

from __future__ import annotations

import signal
import threading

import numpy as np

from policyloop.care.rounds import examiner
from policyloop.cli.options import HomeFolder, UnderSupervisor
from policyloop.cli.project import deployment_of, settings_of
from policyloop.run.notices.sending import Notices
from policyloop.run.notices.webhook import receiver_of
from policyloop.run.supervisor import stop_with_supervisor
from policyloop.run.work import Worker
from policyloop.server.request_log import LogLines

_STDERR = 2


def run(home: HomeFolder = None, under_supervisor: UnderSupervisor = False) -> None:
    """Run the worker until SIGTERM. Of several on one data folder, one works and the others stand by."""
    settings = settings_of(home)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if under_supervisor:
        stop_with_supervisor()
    receiver = receiver_of(settings)
    with deployment_of(settings) as deployment:
        lines = LogLines(_STDERR, clock=deployment.clock, worker="work", level=settings["server.log_level"])
        worker = Worker(deployment, tell=lines.tell, compact_every_s=settings["work.compact_every_s"])
        examine = examiner(settings.home)
        notices = Notices(deployment, receiver, examine=examine, tell=lines.tell, rng=np.random.default_rng())
        with notices.running():
            worker.run(stopping, every_s=settings["work.every_s"])
        lines.close()
