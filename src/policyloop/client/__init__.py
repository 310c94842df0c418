"""The Python SDK: ask for decisions, report outcomes, survive an outage. Standard library only, imports nothing of ours.

The same files are the module `policyloop_client` of the small wheel policyloop-client, so every import in this
folder is relative. `AsyncClient` is looked up when it is first used: whoever has no event loop does not load asyncio.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from .answers import Answer, Receipt
from .client import Client
from .errors import ClientError, Refused, SpoolFull, Unavailable

if TYPE_CHECKING:
    from .async_client import AsyncClient

__all__ = ["Answer", "AsyncClient", "Client", "ClientError", "Receipt", "Refused", "SpoolFull", "Unavailable"]


def __getattr__(name: str) -> Any:
    if name != "AsyncClient":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(".async_client", __name__).AsyncClient
