"""How many records a second the log takes, and what each costs in CPU.

Three callers' patterns, each durable (synced before the acknowledgement) and fast: one thread that appends 32 events and
waits for the last, as a batch request does; 32 coroutines of one event loop that each wait for their own event, as 32
connections do; and 32 threads that do the same.
Run: python benchmarks/log_throughput.py [seconds per cell] [folder on the disk to measure]
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from policyloop.core.clock import SystemClock
from policyloop.core.event import Decision
from policyloop.log.files import SystemFiles
from policyloop.log.writer import LogConfig, LogWriter

BATCH = 32
N_CALLERS = 32


class CountingFiles(SystemFiles):
    """The machine's files, counting syncs."""

    n_syncs = 0

    def fdatasync(self, fd: int) -> None:
        """Sync and count."""
        self.n_syncs += 1
        super().fdatasync(fd)


def event(now_us: int) -> Decision:
    """A decision of usual size: two fields of context, three actions."""
    return Decision(
        loop="front-page",
        decision_id="0195f3c4-5a00-7000-8000-000000000000",
        decided_at=now_us,
        spec="5" * 32,
        policy="a" * 32,
        context='{"hour":3,"device":"tablet","dwell_s":23.5,"tags":["news","sport"]}',
        split=0.25,
        action=[1],
        propensity=0.5,
        pmf=[[0.25, 0.5, 0.25]],
        draw_version=1,
        salt_id="0badcafe",
    )


def batches(log: LogWriter, clock: SystemClock, seconds: float) -> int:
    """One thread that appends 32 events and waits for the last of them."""
    end = clock.monotonic_s() + seconds
    n = 0
    while clock.monotonic_s() < end:
        for _ in range(BATCH):
            seq = log.append(event(clock.now_us()))
        log.wait(seq)
        n += BATCH
    return n


def coroutines(log: LogWriter, clock: SystemClock, seconds: float) -> int:
    """32 coroutines that each append an event and wait for it."""
    counts = [0] * N_CALLERS

    async def play(place: int) -> None:
        end = clock.monotonic_s() + seconds
        while clock.monotonic_s() < end:
            await log.durable(log.append(event(clock.now_us())))
            counts[place] += 1

    async def play_all() -> None:
        await asyncio.gather(*(play(place) for place in range(N_CALLERS)))

    asyncio.run(play_all())
    return sum(counts)


def threads(log: LogWriter, clock: SystemClock, seconds: float) -> int:
    """32 threads that each append an event and wait for it."""
    counts = [0] * N_CALLERS

    def play(place: int) -> None:
        end = clock.monotonic_s() + seconds
        while clock.monotonic_s() < end:
            log.wait(log.append(event(clock.now_us())))
            counts[place] += 1

    all_threads = [threading.Thread(target=play, args=(place,)) for place in range(N_CALLERS)]
    for thread in all_threads:
        thread.start()
    for thread in all_threads:
        thread.join()
    return sum(counts)


Play = Callable[[LogWriter, SystemClock, float], int]
PATTERNS: dict[str, Play] = {"batch of 32": batches, "32 coroutines": coroutines, "32 threads": threads}


def measure(play: Play, mode: Literal["durable", "fast"], *, seconds: float, on: Path) -> tuple[float, float, float]:
    """Records a second, microseconds of CPU for each, and records for each sync."""
    clock = SystemClock()
    files = CountingFiles()
    with tempfile.TemporaryDirectory(dir=on) as folder:
        log = LogWriter(Path(folder) / "log", clock=clock, files=files, config=LogConfig(mode=mode))
        play(log, clock, seconds / 10)  # warm
        n_syncs, cpu_s, begin_s = files.n_syncs, time.process_time(), time.perf_counter()
        n = play(log, clock, seconds)
        wall_s, cpu_s, n_syncs = time.perf_counter() - begin_s, time.process_time() - cpu_s, files.n_syncs - n_syncs
        log.close()
    return n / wall_s, 1e6 * cpu_s / n, n / max(1, n_syncs)


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    on = Path(sys.argv[2]) if len(sys.argv) > 2 else Path.cwd()
    print(f"{'callers':<14} {'mode':<8} {'records/s':>11} {'CPU us each':>12} {'records a sync':>15}")
    for name, play in PATTERNS.items():
        for mode in ("durable", "fast"):
            rate, cpu_us, together = measure(play, mode, seconds=seconds, on=on)
            print(f"{name:<14} {mode:<8} {rate:>11,.0f} {cpu_us:>12.2f} {together:>15.1f}", flush=True)


if __name__ == "__main__":
    main()
