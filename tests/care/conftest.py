"""The deployment in this process that tests here work on, and a loop whose time a test sets."""

import pytest

from clinic import Clinic, SetClock
from in_process import deployment, shop
from policyloop.core.settings import Home
from policyloop.run.deployment import open_deployment

__all__ = ["clinic", "deployment", "shop"]


@pytest.fixture
def clinic(tmp_path):
    """A function that opens a loop like the shop, with some of its spec changed."""
    opened = []
    with open_deployment(Home(tmp_path / "clinic"), SetClock()) as at_home:

        def admit(seed=0, **changes):
            opened.append(Clinic(at_home, seed, **changes))
            return opened[-1]

        yield admit
        for one in opened:
            one.log.close()
