"""For tests of others: contracts that every plug-in is held to, and a client that needs no server."""

from policyloop.testing.fake_client import FakeClient

__all__ = ["FakeClient"]
