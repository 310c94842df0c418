"""Rankings played with people who click by the cascade model: regret falls far below that of random lists."""

import msgspec
import numpy as np
import pytest

from policyloop.core.errors import BadSetting
from policyloop.simulate.ranking import RankingResult, RankingSettings, play
from policyloop.simulate.shelf import Shelf, chance_of_click, click


def test_people_click_the_first_that_attracts_them():
    assert click([0.2, 0.5, 0.9], [0.3, 0.4, 0.1]) == 1
    assert click([0.2, 0.5, 0.9], [0.9, 0.9, 0.95]) is None
    assert click([0.0], [0.0]) is None


def test_the_chance_of_a_click_by_hand():
    assert chance_of_click(np.array([0.5, 0.2])) == pytest.approx(0.6)  # 1 - .5 x .8


def test_most_items_of_a_later_session_are_new():
    shelf = Shelf(4)
    early = {item.id for _ in range(20) for item in shelf.session().offered}
    for _ in range(100):
        late = {item.id for item in shelf.session().offered}

    assert not early & late


def test_it_learns_to_rank_what_it_never_saw():
    told = []

    result = play(RankingSettings(rounds=4, batch_size=250, seed=11), on_session=told.append)

    assert result.n == len(told) == 1000
    assert result.clicked == pytest.approx(np.mean(told))
    assert sum(result.clicks_by_place) == pytest.approx(result.clicked)
    assert result.first_place == result.clicks_by_place[0]
    assert result.random < result.clicked < result.oracle
    assert result.regret < 0.5 * result.regret_of_random
    assert result.regret_ratio == pytest.approx(result.regret / result.regret_of_random)
    assert result.promotions >= 1


def test_it_is_a_function_of_its_seed():
    runs = [play(RankingSettings(rounds=1, batch_size=60, warm_start=40, seed=seed)) for seed in (1, 1, 2)]
    first, again, other = (msgspec.structs.replace(run, seconds=0.0) for run in runs)

    assert first == again
    assert first != other


def test_what_it_means_is_said():
    assert RankingResult.__struct_defaults__[0].startswith("Only the first place is the decision")


def test_settings_have_bounds():
    with pytest.raises(BadSetting, match="rounds is 0; expected a whole number of 1 or more"):
        RankingSettings(rounds=0)
