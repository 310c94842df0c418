"""What every learner promises. A new file in learn/learners is tested here without an edit."""

import pytest

from policyloop.core import plugins
from policyloop.core.errors import MissingLibrary
from policyloop.core.plugin_settings import names_with
from policyloop.learn.train import LEARNERS
from policyloop.testing.learners import PROMISES


def loaded(name):
    """The plug-in; what needs a library that is left out is skipped."""
    try:
        return plugins.load(LEARNERS, name)
    except MissingLibrary as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", [name for name in names_with(LEARNERS, "create") if name in plugins.ours(LEARNERS)])
def test_it_keeps_its_promise(name, promise):
    promise(loaded(name).create)
