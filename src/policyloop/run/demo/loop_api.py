"""What the demo asks the server about its loop, over HTTP as anyone would."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

_TIMEOUT_S = 10.0


class LoopApi:
    """One loop's address."""

    def __init__(self, url: str, loop: str) -> None:
        self._address = f"{url}/v1/loops/{loop}"

    def status(self) -> dict[str, Any]:
        """The loop with its numbers, last job and last verdict."""
        return self._ask(Request(self._address))  # noqa: S310 - our own address

    def train_now(self) -> dict[str, Any]:
        """Queue a training."""
        headers = {"content-type": "application/json"}
        body = b'{"why": "the warm start is over"}'
        return self._ask(Request(f"{self._address}/jobs", data=body, headers=headers))  # noqa: S310 - our own address

    def _ask(self, request: Request) -> dict[str, Any]:
        with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310 - our own address
            found: dict[str, Any] = json.load(answer)
            return found
