"""A running application with one loop, shared by the tests that only ask it."""

import pytest

from running_app import apply_loop, running_app


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """The application, running over the whole session; tests that look at what was logged use one of their own."""
    folder = tmp_path_factory.mktemp("served")
    apply_loop(folder)
    with running_app(folder) as app:
        yield app


@pytest.fixture
def project(tmp_path):
    """A project of its own with the loop applied."""
    apply_loop(tmp_path)
    return tmp_path
