"""What every policy kind promises. A new file in policy/policies is tested here without an edit."""

import pytest

from policyloop.core import plugins
from policyloop.core.errors import MissingLibrary
from policyloop.policy.scored import POLICIES
from policyloop.testing.policies import PROMISES


def loaded(name):
    """The plug-in; what needs a library that is left out is skipped."""
    try:
        return plugins.load(POLICIES, name)
    except MissingLibrary as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", plugins.ours(POLICIES))
def test_it_keeps_its_promise(name, promise):
    promise(loaded(name))
