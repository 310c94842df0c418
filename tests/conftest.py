"""What every suite shares: the ledger of seconds, a calm hypothesis, what JAX has compiled, and no modules of other tests."""

import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))
from ledger import suite_of, write_last_run

# Shared machines stall; a deadline would make a true property look false.
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")

_COMPILED = {
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    "JAX_COMPILATION_CACHE_MAX_SIZE": str(2**30),  # with a limit there is a lock, and no process reads what another half wrote
}
_SECONDS: Counter[str] = Counter()
_COUNTS: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    """Workers and every process that a test starts share what is compiled: one size of a network takes seconds."""
    if hasattr(config, "workerinput"):
        return
    folder = tempfile.TemporaryDirectory(prefix="policyloop-compiled-", ignore_cleanup_errors=True)
    config.add_cleanup(folder.cleanup)
    os.environ.update(_COMPILED, JAX_COMPILATION_CACHE_DIR=folder.name)


@pytest.fixture(autouse=True)
def _modules_of_its_own_folder_go_with_a_test(tmp_path_factory):
    """Two tests may each write a `room.py` into the folder where they work: the second is not to find the first one's."""
    known = set(sys.modules)
    path = list(sys.path)
    yield
    folders = str(tmp_path_factory.getbasetemp())
    for name in set(sys.modules) - known:
        if (getattr(sys.modules[name], "__file__", None) or "").startswith(folders):
            del sys.modules[name]
    if sys.path != path:
        sys.path[:] = [place for place in sys.path if not place.startswith(folders)]


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
