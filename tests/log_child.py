"""A process that logs events as fast as it can and prints the seq of each that was acknowledged; to be killed by a test.

Arguments: the log's folder, and the number that its first event gets.
"""

import sys
import threading
from pathlib import Path

from log_scripts import decision
from policyloop.core.clock import SystemClock
from policyloop.log.writer import LogConfig, LogWriter

N_THREADS = 4


def play(log: LogWriter, clock: SystemClock, first: int) -> None:
    n = first
    while True:
        seq = log.append(decision(n, at=clock.now_us()))
        log.wait(seq)
        sys.stdout.write(f"{log.writer} {seq} {n}\n")  # one write a line: threads do not mix theirs
        sys.stdout.flush()
        n += N_THREADS


if __name__ == "__main__":
    folder, first = Path(sys.argv[1]), int(sys.argv[2])
    clock = SystemClock()
    log = LogWriter(folder, clock=clock, config=LogConfig(segment_bytes=65_536, seal_after_s=0.05, low_water_bytes=0))
    for thread in range(N_THREADS):
        threading.Thread(target=play, args=(log, clock, first + thread)).start()
