"""What plug-ins say may be searched: settings that they take, with values that they accept at both ends."""

import numpy as np
import pytest

from made_history import MOVE, corridor
from policyloop.core import plugins
from policyloop.core.errors import MissingLibrary
from policyloop.core.plugin_settings import names_with, settings_of
from policyloop.core.search_space import Between, OneOf, searched_of
from policyloop.learn.train import LEARNERS
from policyloop.policy.scored import EXPLORERS


def has_its_library(family, name):
    try:
        plugins.load(family, name)
    except MissingLibrary:
        return False
    return True


EPISODES = corridor(20)
# family -> function that makes a plug-in of it -> what it is made of beside its settings
GIVEN = {
    LEARNERS: {
        "create": lambda: {"n_actions": 2, "n_features": 3, "rng": np.random.default_rng(0), "reward_default": 0.0},
        "create_episodic": lambda: {"train": EPISODES, "held_out": EPISODES, "actions": MOVE, "seed": 0},
    },
    EXPLORERS: {"create": lambda: {"n_examples": 100, "reward_span": 1.0}},
}
SAID = [
    (family, name, maker, setting, values)
    for family, makers in GIVEN.items()
    for maker in makers
    for name in plugins.ours(family)
    if name in names_with(family, maker) and has_its_library(family, name)
    for setting, values in (searched_of(plugins.load(family, name)) or {}).items()
]


@pytest.mark.parametrize(
    ("family", "name", "maker", "setting", "values"),
    SAID,
    ids=[f"{name}.{maker}.{setting}" for _, name, maker, setting, _ in SAID],
)
def test_every_searched_value_is_one_that_the_plug_in_takes(family, name, maker, setting, values):
    assert setting in settings_of(family, name, maker)
    for value in values.values if isinstance(values, OneOf) else (values.low, values.high):
        getattr(plugins.load(family, name), maker)(**GIVEN[family][maker](), **{setting: value})


def test_a_range_rises_and_one_of_proportions_is_above_0():
    ranges = [values for *_, values in SAID if isinstance(values, Between)]

    assert len(ranges) >= 4
    assert all(one.low < one.high for one in ranges)
    assert all(one.low > 0 for one in ranges if one.is_log)


def test_a_file_that_says_nothing_is_tried_as_it_is_and_none_only_by_name():
    assert searched_of(plugins.load(LEARNERS, "boosted")) == {}
    assert searched_of(plugins.load(LEARNERS, "automatic")) is None
