"""A deployment in this process, for rooms that need one: a real log, real tables, real records, a loop with visitors."""

import pytest

from policyloop.core.clock import SystemClock
from policyloop.core.settings import Home
from policyloop.core.spec_file import read_spec
from policyloop.run.deployment import open_deployment
from shop import SHOP, Shop


@pytest.fixture
def deployment(tmp_path):
    with open_deployment(Home(tmp_path / "home"), SystemClock()) as opened:
        yield opened


@pytest.fixture
def shop(deployment):
    deployment.registry.apply(read_spec(SHOP))
    opened = Shop(deployment)
    yield opened
    opened.log.close()
