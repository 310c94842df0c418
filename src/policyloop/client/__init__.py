"""The Python SDK: ask for decisions, report outcomes, survive an outage. Standard library only, imports nothing of ours.

The same files are the module `policyloop_client` of the small wheel policyloop-client, so every import in this
folder is relative.
"""

from .answers import Answer, Receipt
from .client import Client
from .errors import ClientError, Refused, SpoolFull, Unavailable

__all__ = ["Answer", "Client", "ClientError", "Receipt", "Refused", "SpoolFull", "Unavailable"]
