"""A process that starts writers which log as fast as they can, and kills them when it is told to.

Arguments: the log's folder, and the folder for the ledgers. Commands on stdin: `start N` begins a writer whose first
event has the number N, and answers with its pid; `kill PID` kills it, and answers when it is gone. Each writer keeps a
ledger file N of what was acknowledged.
It forks, because twenty imports would take most of a test's time; it has no threads of its own.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from log_scripts import decision
from policyloop.core.clock import SystemClock
from policyloop.log.writer import LogConfig, LogWriter

N_THREADS = 4


def play(log: LogWriter, clock: SystemClock, first: int, ledger: int) -> None:
    n = first
    while True:
        seq = log.append(decision(n, at=clock.now_us()))
        log.wait(seq)
        os.write(ledger, f"{log.writer} {seq} {n}\n".encode())  # one write a line: it is there even if we die now
        n += N_THREADS


def write_until_killed(folder: Path, ledgers: Path, first: int) -> None:
    ledger = os.open(ledgers / str(first), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    clock = SystemClock()
    log = LogWriter(folder, clock=clock, config=LogConfig(segment_bytes=65_536, seal_after_s=0.05, low_water_bytes=0))
    for thread in range(N_THREADS):
        threading.Thread(target=play, args=(log, clock, first + thread, ledger)).start()
    threading.Event().wait()


if __name__ == "__main__":
    folder, ledgers = Path(sys.argv[1]), Path(sys.argv[2])
    for line in sys.stdin:
        command, number = line.split()
        if command == "start":
            pid = os.fork()
            if pid == 0:
                write_until_killed(folder, ledgers, int(number))
            print(pid, flush=True)
        else:
            os.kill(int(number), signal.SIGKILL)
            os.waitpid(int(number), 0)
            print("gone", flush=True)
