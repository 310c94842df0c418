"""A server for the client's tests, a clock, and an address at which nobody listens."""

import socket
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from awaited import Awaited
from scripted_server import Clock, ScriptedServer

from policyloop.client import Client


@pytest.fixture(params=[Client, Awaited], ids=["threads", "asyncio"])
def connect(request):
    """What makes a client: each promise is kept by both kinds."""
    return request.param


@pytest.fixture
def server():
    running = ScriptedServer()
    yield running
    running.stop()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def nobody():
    """The address of a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"
