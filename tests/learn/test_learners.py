"""What every learner promises. A new file in learn/learners is tested here without an edit."""

import pytest

from policyloop.core import plugins
from policyloop.learn.train import LEARNERS
from policyloop.testing.learners import PROMISES


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", plugins.ours(LEARNERS))
def test_it_keeps_its_promise(name, promise):
    promise(plugins.load(LEARNERS, name).create)
