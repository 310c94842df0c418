"""What every policy kind promises. A new file in policy/policies is tested here without an edit."""

import pytest

from policyloop.core import plugins
from policyloop.policy.scored import POLICIES
from policyloop.testing.policies import PROMISES


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", plugins.ours(POLICIES))
def test_it_keeps_its_promise(name, promise):
    promise(plugins.load(POLICIES, name))
