"""Settings of learners of episodes: every fault at once, and which learner suits which actions."""

import pytest

pytest.importorskip("jax", reason="needs the extra rl")

from made_history import MOVE, STEP, corridor, ladder
from policyloop.core import plugins
from policyloop.core.errors import BadSetting
from policyloop.core.loop import ActionSpec, BoxPart, LabelledPart
from policyloop.learn.networks.settings import check_numbers
from policyloop.learn.train import LEARNERS

GEARED = ActionSpec(
    kind="tuple",
    box=(BoxPart(name="throttle", low=0.0, high=1.0),),
    choices=(LabelledPart(name="gear", labels=("low", "high")),),
)


def create(name, history, actions, **settings):
    return plugins.load(LEARNERS, name).create_episodic(history, history, actions=actions, seed=1, **settings)


def test_a_learning_rate_typed_three_minus_two_is_refused():
    with pytest.raises(BadSetting, match=r"learner.learning_rate is 1; expected a number above 0, at most 0.1"):
        create("cql", corridor(5), MOVE, learning_rate=3 - 2)


def test_all_numbers_out_of_range_are_told_at_once():
    with pytest.raises(BadSetting) as refused:
        check_numbers({"learning_rate": float("nan"), "target_rate": 0.5, "expectile": 1.0, "conservative_weight": True})

    told = str(refused.value)
    assert "learner.learning_rate is nan" in told
    assert "learner.expectile is 1.0; expected a number above 0, at most 0.999" in told
    assert "learner.conservative_weight is True; expected 0 to 1e+06" in told
    assert "target_rate" not in told


@pytest.mark.parametrize("setting", [{"width": 0}, {"depth": 2.5}, {"batch": -1}, {"n_samples": 0}, {"width": True}])
def test_sizes_are_whole_numbers(setting):
    (name,) = setting

    with pytest.raises(BadSetting, match=rf"learner.{name} is {setting[name]}; expected a whole number from 1 to"):
        create("cql", corridor(5), MOVE, **setting)


@pytest.mark.parametrize("name", ["bc", "cql", "iql", "rebrac", "td3_bc"])
def test_learners_of_numbers_refuse_labels_and_say_who_takes_them(name):
    with pytest.raises(BadSetting, match=f"learner.name is {name}, which learns about numbers.*Expected cql_discrete or dqn"):
        create(name, ladder(5), STEP)


@pytest.mark.parametrize("name", ["cql_discrete", "dqn"])
def test_learners_of_labels_refuse_numbers_and_say_who_takes_them(name):
    with pytest.raises(BadSetting, match=f"learner.name is {name}, which learns about labels.*Expected rebrac, cql, iql"):
        create(name, corridor(5), MOVE)


@pytest.mark.parametrize("name", ["cql", "cql_discrete", "dqn", "fqi", "rebrac", "td3_bc"])
def test_other_learners_refuse_labels_beside_numbers_and_say_who_takes_them(name):
    with pytest.raises(BadSetting, match=rf"learner.name is {name}, .* labels and numbers at once. Expected iql or bc"):
        create(name, corridor(5), GEARED)
