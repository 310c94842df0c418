"""What every environment promises. A new file in `simulate/environments/` is tested here without an edit."""

import pytest

from policyloop.core import plugins
from policyloop.core.errors import Invalid, MissingLibrary, UnknownName
from policyloop.simulate.environment import FAMILY, actor_of, open_environment
from policyloop.testing.environments import PROMISES

SETTINGS = {
    "callable": {"function": "tests.simulate.environments.rooms:room", "actions": ["heat", "wait"], "max_steps": 40},
    "gymnasium": {"id": "CartPole-v1", "max_steps": 40},
    "tetris": {"rows": 8, "columns": 6, "max_steps": 60},
    "cartpole": {"max_steps": 60},
}


@pytest.fixture(params=plugins.ours(FAMILY))
def environment(request, monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)
    try:
        return open_environment(request.param, SETTINGS.get(request.param))
    except MissingLibrary as missing:
        pytest.skip(str(missing))


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
def test_it_keeps_its_promise(environment, promise):
    promise(environment)


def test_a_setting_that_is_unknown_missing_or_of_another_kind_is_told():
    with pytest.raises(Invalid, match=r"rowz: is a setting that environment 'tetris' does not have.*did you mean 'rows'"):
        open_environment("tetris", {"rowz": 8})
    with pytest.raises(Invalid, match="function: is missing; environment 'callable' needs it"):
        open_environment("callable", {"actions": ["a", "b"]})
    with pytest.raises(Invalid, match="columns: is 'many'; expected a whole number"):
        open_environment("tetris", {"columns": "many"})


def test_an_unknown_environment_or_policy_suggests_the_nearest():
    with pytest.raises(UnknownName, match="no environment is named 'cartpol'; did you mean 'cartpole'"):
        open_environment("cartpol")
    with pytest.raises(UnknownName, match="did you mean 'expert'"):
        actor_of(open_environment("cartpole"), "expret")
