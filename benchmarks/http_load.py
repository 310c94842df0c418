"""A load generator: keep-alive connections that each send the next request when the last one is answered.

Question answered: how many answers a second does a server give, and what CPU time does its process spend on each?
`python http_load.py PORT PID SECONDS PATH BODIES_FILE` prints the numbers as JSON; a body a line.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import time
from pathlib import Path

import uvloop

N_CONNECTIONS = 32


class Connection(asyncio.Protocol):
    """Sends a request, waits for the whole answer, sends the next; remembers how long each took."""

    def __init__(self, requests: list[bytes], first: int) -> None:
        self.requests, self.next = requests, first
        self.took_s: list[float] = []
        self.n_bad = 0
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self.send()

    def send(self) -> None:
        """The next request."""
        self.sent_s = time.perf_counter()
        self.transport.write(self.requests[self.next])  # type: ignore[attr-defined]
        self.next = (self.next + 1) % len(self.requests)

    def data_received(self, data: bytes) -> None:
        """A part of an answer, or all of it."""
        self.received = received = self.received + data
        end = received.find(b"\r\n\r\n")
        if end < 0:
            return
        at = received.lower().find(b"content-length: ") + 16
        if len(received) < end + 4 + int(received[at : received.find(b"\r\n", at)]):
            return
        self.took_s.append(time.perf_counter() - self.sent_s)
        self.n_bad += received[9:12] not in (b"200", b"201")
        self.received = b""
        self.send()


async def load(port: int, pid: int, seconds: float, requests: list[bytes]) -> dict[str, float]:
    """Keep all connections busy; numbers of the time after the first second."""
    loop = asyncio.get_running_loop()
    connections = [Connection(requests, 16 * i) for i in range(N_CONNECTIONS)]
    for connection in connections:
        await loop.create_connection(lambda c=connection: c, "127.0.0.1", port)
    await asyncio.sleep(1.0)
    for connection in connections:
        connection.took_s.clear()
    began_s, cpu_before_s = time.perf_counter(), cpu_s(pid)
    await asyncio.sleep(seconds)
    elapsed_s, cpu = time.perf_counter() - began_s, cpu_s(pid) - cpu_before_s
    took_s = sorted(t for c in connections for t in c.took_s)
    assert not any(c.n_bad for c in connections), "an answer was neither 200 nor 201"
    n = len(took_s)
    percentiles = statistics.quantiles(took_s, n=100)
    return {
        "per_s": n / elapsed_s,
        "per_cpu_s": n / cpu,
        "cpu_us": cpu / n * 1e6,
        "p50_ms": percentiles[49] * 1e3,
        "p99_ms": percentiles[98] * 1e3,
    }


def cpu_s(pid: int) -> float:
    """User and system time of a process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(port: str, pid: str, seconds: str, path: str, bodies: str) -> None:
    """Load the server and print the numbers."""
    head = f"POST {path} HTTP/1.1\r\nhost: localhost:{port}\r\ncontent-type: application/json\r\n"
    requests = [f"{head}content-length: {len(body)}\r\n\r\n".encode() + body for body in Path(bodies).read_bytes().splitlines()]
    print(json.dumps(uvloop.run(load(int(port), int(pid), float(seconds), requests))))


if __name__ == "__main__":
    main(*sys.argv[1:])
