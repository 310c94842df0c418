"""What a server process counts; `/metrics` tells it.

Labels come from what we know (rows of the endpoint table, loops that are applied), never from what a caller sends, so
that no caller can make the list grow.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from policyloop.core.wire import DecideAnswer
from policyloop.server.metrics import Counter, Gauge, Histogram, Labels

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TEXT_OF_STATUS = {status: str(status) for status in range(100, 600)}
_PROC = Path("/proc/self")


class Numbers:
    """The counters that handlers add to."""

    def __init__(self) -> None:
        self.requests = Counter("policyloop_http_requests_total", "Requests answered.", ("method", "path", "status"))
        self.seconds = Histogram(
            "policyloop_http_request_seconds", "From the whole headers to the last byte of the answer.", "path"
        )
        self.decisions = Counter("policyloop_decisions_total", "Decisions answered.", ("loop", "fallback", "logged"))
        self.outcomes = Counter("policyloop_outcomes_total", "Outcome reports taken.", ("loop", "kind"))
        self.warnings = Counter("policyloop_outcome_warnings_total", "Warnings, such as undeclared outcome names.", ("loop",))
        self.tracked = Counter("policyloop_tracked_rows_total", "Rows of track.", ("status",))
        self.cut_off = Counter("policyloop_connections_cut_off_total", "Connections ended because the peer stalled.")

    def answered(self, method: str, path: str, status: int, took_s: float) -> None:
        """Count one request."""
        self.requests.add((method, path, _TEXT_OF_STATUS[status]))
        self.seconds.observe(path, took_s)

    def decided(self, loop: str, answer: DecideAnswer) -> None:
        """Count one decision."""
        self.decisions.add((loop, "true" if answer.fallback else "false", "true" if answer.logged else "false"))

    def reported(self, loop: str, *, n_accepted: int, n_duplicates: int, n_warnings: int) -> None:
        """Count what came of one body of reports."""
        for kind, n in (("accepted", n_accepted), ("duplicate", n_duplicates)):
            if n:
                self.outcomes.add((loop, kind), n)
        if n_warnings:
            self.warnings.add((loop,), n_warnings)

    def parts(self) -> list[Counter | Gauge | Histogram]:
        """All of them, and what the system knows about the process."""
        return [
            self.requests,
            self.seconds,
            self.decisions,
            self.outcomes,
            self.warnings,
            self.tracked,
            self.cut_off,
            Gauge("process_cpu_seconds_total", "CPU time of the process.", _cpu_s, kind="counter"),
            Gauge("process_resident_memory_bytes", "Memory that the process has.", _memory_bytes),
            Gauge("process_open_fds", "Open file descriptors.", _n_open_files),
        ]


def _cpu_s() -> Mapping[Labels, float]:
    times = os.times()
    return {(): times.user + times.system}


def _memory_bytes() -> Mapping[Labels, float]:
    """Empty where there is no /proc."""
    try:
        return {(): int((_PROC / "statm").read_text().split()[1]) * _PAGE_BYTES}
    except OSError:
        return {}


def _n_open_files() -> Mapping[Labels, float]:
    """Empty where there is no /proc."""
    try:
        return {(): len(os.listdir(_PROC / "fd"))}  # noqa: PTH208 - counting names, no paths needed
    except OSError:
        return {}
