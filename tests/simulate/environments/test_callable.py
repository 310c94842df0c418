"""Any callable: one function is an environment, and what it answers is held against what it should."""

import numpy as np
import pytest

from policyloop.core.errors import BadSetting, EnvironmentFailed
from policyloop.simulate.environment import Single, open_environment

ROOMS = "tests.simulate.environments.rooms"


@pytest.fixture(autouse=True)
def _in_the_project(monkeypatch, pytestconfig):
    monkeypatch.chdir(pytestconfig.rootpath)


def opened(function, actions, **settings):
    return open_environment("callable", {"function": f"{ROOMS}:{function}", "actions": actions, **settings})


def single(*args, **settings):
    return Single(opened(*args, **settings), rng=np.random.default_rng(0))


def test_labels_are_told_by_name_and_fields_are_declared_by_their_first_value():
    room = opened("room", ["heat", "wait"])
    one = Single(room, rng=np.random.default_rng(0))
    before = one.context["temperature"]

    one.step(0)

    assert room.problem.context == {"temperature": "number", "is_night": "boolean"}
    assert one.context == {"temperature": pytest.approx(before + 1, rel=1e-6), "is_night": False}


def test_numbers_are_told_by_name():
    one = single("dial", {"turn": [-2, 2]})

    one.step([1.5])

    assert one.context == {"angle": 1.5}


def test_an_episode_of_a_function_is_truncated_at_its_limit():
    one = single("dial", {"turn": [-2, 2]}, max_steps=2)

    ends = [one.step([0.0])[2:] for _ in range(2)]

    assert ends == [(False, False), (False, True)]


def test_text_needs_a_declaration():
    with pytest.raises(BadSetting, match="begins with word = 'hello'; expected a number or a boolean, or `context`"):
        opened("wordy", ["a", "b"])

    declared = opened("wordy", ["a", "b"], context={"word": {"type": "category", "values": ["hello", "bye"]}})
    np.testing.assert_array_equal(declared.start(1, rng=np.random.default_rng(0)).state, [[1.0, 0.0]])
    assert Single(declared, rng=np.random.default_rng(0)).context == {"word": "hello"}


def test_an_answer_of_another_shape_is_told():
    with pytest.raises(EnvironmentFailed, match=r"expected \(next context, what was earned, whether it terminated\)"):
        single("wrong", ["a", "b"]).step(0)


def test_what_the_function_raises_is_told_with_step_line_and_call():
    one = single("broken", ["a", "b"])
    one.step(0)

    with pytest.raises(EnvironmentFailed) as failed:
        one.step(1)

    assert failed.value.message.startswith(f"step 1: '{ROOMS}:broken' raised ValueError: pump broke (rooms.py, line ")
    assert failed.value.message.endswith("Mend the function: it was called with {'angle': 1.0} and 'b'.")


@pytest.mark.parametrize(
    ("function", "told"),
    [
        ("renamed", r"answered {'turned': 0.0}, which has no 'angle'; expected angle in every context"),
        ("lost", r"answered {'angle': nan}, which is not all finite"),
    ],
)
def test_a_context_of_other_fields_or_without_numbers_is_told(function, told):
    with pytest.raises(EnvironmentFailed, match=told):
        single(function, ["a", "b"]).step(0)


def test_a_function_that_cannot_begin_is_told():
    with pytest.raises(EnvironmentFailed, match=r"raised OSError: no plant \(rooms.py, line \d+\) where an episode begins"):
        opened("never_begins", ["a", "b"])


@pytest.mark.parametrize("actions", ["left", ["left"], {"turn": [2, -2]}, {}])
def test_actions_of_no_use_are_refused(actions):
    with pytest.raises(BadSetting, match="actions is"):
        opened("room", actions)
