"""One server process: its own socket on the shared port, loopback alone, and a clean end that answers what was begun."""

import http.client
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from policyloop.core.errors import BadSetting
from policyloop.core.event import Decision
from policyloop.log import folder as log_folder
from policyloop.log.replay import read_segment
from policyloop.server.worker import bind
from running_app import CONTEXT

BODY = json.dumps({"context": CONTEXT}).encode()
DECIDE = "/v1/loops/front-page/decide"
JSON = {"content-type": "application/json"}


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def start(project, port):
    """Start workers; each is ready when `start` returns."""
    workers = []

    def started(worker):
        command = [sys.executable, Path(__file__).with_name("one_worker.py"), project, str(port), worker]
        log = (project / f"stderr-{worker}.log").open("wb")
        workers.append(subprocess.Popen(command, stderr=log))
        log.close()
        wait_until(lambda: b'"serving"' in (project / f"stderr-{worker}.log").read_bytes(), workers[-1])
        return workers[-1]

    yield started
    for process in workers:
        process.kill()
        process.wait()


def wait_until(condition, process):
    deadline_s = time.monotonic() + 60
    while not condition():
        assert process.poll() is None, "the worker ended"
        assert time.monotonic() < deadline_s, "the worker did not come"
        time.sleep(0.02)


def decided(port):
    """The id of a decision made over a connection of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", DECIDE, BODY, JSON)
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    assert answer.status == 200
    return body["decision_id"]


def decisions_in(project):
    """Ids of all decisions in sealed segments, by the number of segments' writers."""
    files = log_folder.segments(project / "data" / "log")
    assert all(file.is_sealed for file in files)
    events = [record.event() for file in files for record in read_segment(file).records]
    return {file.writer for file in files}, {event.decision_id for event in events if isinstance(event, Decision)}


def test_what_was_begun_before_sigterm_is_answered_and_the_exit_code_is_0(project, port, start):
    worker = start("0")
    peer = socket.create_connection(("127.0.0.1", port), timeout=30)
    head = f"POST {DECIDE} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {len(BODY)}\r\n\r\n"
    decided(port)
    peer.sendall(head.encode() + BODY[:10])
    decided(port)  # the half request has reached the application by now

    worker.send_signal(signal.SIGTERM)
    wait_until(lambda: refuses(port), worker)
    worker.send_signal(signal.SIGTERM)
    peer.sendall(BODY[10:])
    with peer.makefile("rb") as file:
        answer = file.read()
    peer.close()

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    assert worker.wait(30) == 0
    assert json.loads(body)["decision_id"] in decisions_in(project)[1]


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False


def test_two_workers_share_a_port_and_tell_each_others_numbers(project, port, start):
    workers = [start("0"), start("1")]
    asked = [decided(port) for _ in range(40)]
    wait_until(lambda: told(port) == 40, workers[0])

    for worker in workers:
        worker.send_signal(signal.SIGTERM)

    assert [worker.wait(30) for worker in workers] == [0, 0]
    writers, found = decisions_in(project)
    assert len(writers) == 2
    assert found == set(asked)
    assert list((project / "data" / "metrics").glob("*.json")) == []


def told(port):
    """How many decisions /metrics tells of, over all workers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    lines = connection.getresponse().read().decode().splitlines()
    connection.close()
    return sum(int(line.rpartition(" ")[2]) for line in lines if line.startswith("policyloop_decisions_total{"))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example.com", "", "127.0.0.1.evil.example"])
def test_no_other_address_than_loopback_is_bound(host):
    with pytest.raises(BadSetting, match=r"expected 127\.0\.0\.1, ::1 or localhost"):
        bind(host, 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_loopback_is_bound_by_number_and_name(host):
    with bind(host, 0) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"


def test_a_port_that_something_else_has_is_told():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(BadSetting, match="expected a free port"):
        bind("127.0.0.1", taken.getsockname()[1])
