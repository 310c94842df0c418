"""A loop to import into, and files to import."""

import pytest

from policyloop.core.spec_file import read_spec
from policyloop.ingest.checks import checks_of


def loop_of(*, labels=("calm", "bold", "playful"), **changed):
    return read_spec(
        {
            "loop": "front-page",
            "context": {"hour": {"type": "integer", "min": 0, "max": 23}, "device": "category", "is_new": "boolean"},
            "actions": {"labels": list(labels)},
            "outcomes": {"clicked": {"type": "boolean", "take": "max"}},
            "reward": {"range": [0, 1]},
            **changed,
        }
    )


@pytest.fixture
def loop():
    return loop_of


@pytest.fixture
def checks():
    return checks_of(loop_of(), salt=b"s" * 32)
