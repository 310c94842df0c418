"""What every suite shares: the ledger of seconds, and a calm hypothesis."""

import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
from ledger import suite_of, write_last_run

# Shared machines stall; a deadline would make a true property look false.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

_SECONDS: Counter[str] = Counter()
_COUNTS: Counter[str] = Counter()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    suite = suite_of(report.nodeid)
    _SECONDS[suite] += report.duration
    _COUNTS[suite] += report.when == "call"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if len(_SECONDS) < 2:
        return
    write_last_run(_SECONDS, _COUNTS)
    told = ", ".join(f"{suite} {seconds:.1f}" for suite, seconds in _SECONDS.most_common())
    terminalreporter.write_line(f"seconds per suite: {told}")
