"""A deployment in this process, for rooms that need one: a real log, real tables, real records, a loop with visitors."""

import pytest

from clinic import Clinic
from empty_records import with_records
from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment
from same_every_run import SetClock, give_salt
from shop import SHOP, Shop


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(with_records(tmp_path / "home")), SystemClock()) as opened:
        yield opened


@pytest.fixture
def shop(deployment):
    deployment.registry.apply(read_spec(SHOP))
    opened = Shop(deployment)
    yield opened
    opened.log.close()


@pytest.fixture
def clinic(tmp_path):
    """A function that opens a loop like the shop, with some of its spec changed, in a deployment whose time a test sets."""
    opened = []
    with open_deployment(Home(with_records(tmp_path / "clinic")), SetClock()) as at_home:
        give_salt(at_home)

        def admit(seed=0, **changes):
            opened.append(Clinic(at_home, seed, **changes))
            return opened[-1]

        yield admit
        for one in opened:
            one.log.close()
