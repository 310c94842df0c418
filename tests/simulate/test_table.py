"""A table played as a bandit problem: what is counted, and that playing goes through split, gate and floor."""

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from policyloop.core.errors import BadSetting, Invalid
from policyloop.simulate.dataset import Dataset
from policyloop.simulate.table import TableResult, TableSettings, play, spec_of


@pytest.fixture(scope="module")
def data():
    """800 rows whose right answer is the corner of the plane that they lie in; one action is never right."""
    x = np.random.default_rng(1).normal(size=(800, 2))
    fields = {"x": {"type": "number"}, "y": {"type": "number"}}
    document = {
        "context": fields,
        "actions": {"kind": "discrete", "labels": ["left", "up", "right", "never"]},
        "outcomes": {"right": {"type": "boolean"}},
        "reward": {"expression": "right", "range": [0, 1]},
    }
    label = np.where(x[:, 0] < -0.3, 0, np.where(x[:, 1] > 0, 1, 2))
    contexts = [{"x": float(a), "y": float(b)} for a, b in x]
    return Dataset(name="corners", document=document, contexts=contexts, label=label)


def equal_but_for_time(result):
    return msgspec.structs.replace(result, seconds=0.0)


@pytest.mark.parametrize("batch_size", [1, 100])
def test_the_policy_learns_and_a_seed_repeats_it(data, batch_size):
    settings = TableSettings(batch_size=batch_size, limit=600, seed=3)

    result, rewards = play(data, settings)
    again, _ = play(data, settings)

    assert result.n == len(rewards) == 600
    assert result.mean_reward == rewards.mean()
    assert result.last_500 == rewards[-500:].mean()
    assert result.greedy_value > data.majority + 0.2
    assert equal_but_for_time(result) == equal_but_for_time(again)


def test_the_rolling_mean_is_over_full_windows_after_the_warm_start(data):
    result, rewards = play(data, TableSettings(batch_size=50, rounds=3, warm_start=20))

    windows = [rewards[i : i + 100].mean() for i in range(51)]
    assert result.mean_rolling_100 == pytest.approx(np.mean(windows))
    assert play(data, TableSettings(batch_size=50, rounds=1))[0].mean_rolling_100 is None


def test_once_visits_every_row_once(data):
    result, _ = play(data, TableSettings(once=True, batch_size=300, warm_start=100))

    assert result.n == 700
    assert result.promotions + result.rejections == 4  # warm start, 300, 600, and what was left


def test_a_loop_without_floor_never_passes_the_gate_again(data):
    gated, _ = play(data, TableSettings(batch_size=100, rounds=3, floor=0.0))
    free, _ = play(data, TableSettings(batch_size=100, rounds=3, floor=0.0, gate="off"))

    assert (gated.promotions, gated.rejections) == (1, 3)  # the first model needs no evidence
    assert (free.promotions, free.rejections) == (4, 0)


def test_without_a_gate_a_worse_model_stays_as_long_as_it_is_worse(data):
    free = TableSettings(batch_size=20, rounds=30, warm_start=20, gate="off", explore="greedy", floor=0.0)

    counts = {play(data, replace(free, seed=seed))[0].longest_worse for seed in range(3)}

    assert all(count % 20 == 0 for count in counts)  # models change at the end of batches
    assert max(counts) > 0


def test_nothing_learned_is_the_uniform_baseline(data):
    result, _ = play(data, TableSettings(batch_size=5, rounds=1, warm_start=5, split=0.01, seed=1))

    assert (result.promotions, result.longest_worse) == (0, 0)
    assert result.greedy_value == pytest.approx(0.25)


def test_per_event_plays_as_many_decisions_as_fifteen_batches_have():
    assert TableSettings(batch_size=1).n_decisions(40_000) == 7500
    assert TableSettings(batch_size=1, rounds=30).n_decisions(40_000) == 30
    assert TableSettings(batch_size=1, limit=90).n_decisions(40_000) == 90
    assert TableSettings().n_decisions(40_000) == 7500
    assert TableSettings(once=True, batch_size=1).n_decisions(1797) == 1697


def test_the_json_has_the_keys_that_scripts_read():
    assert TableResult.__struct_fields__ == (
        "n",
        "mean_reward",
        "mean_rolling_100",
        "last_500",
        "greedy_value",
        "majority",
        "oracle",
        "promotions",
        "rejections",
        "seconds",
        "longest_worse",
    )


def test_the_settings_become_a_loop_spec(data):
    spec = spec_of(data, TableSettings(explore="greedy", floor=0.1, split=0.5, gate="point"))

    assert (spec.explore.name, spec.explore.floor) == ("greedy", 0.1)
    assert spec.train.split == 0.5
    assert spec.gate.refresh.name == "point"
    assert spec.train.window_s is None


def test_an_unknown_explorer_is_refused_with_the_nearest(data):
    with pytest.raises(Invalid, match="did you mean 'squarecb'"):
        play(data, TableSettings(explore="squarecd"))


def test_settings_out_of_range_are_refused():
    with pytest.raises(BadSetting, match="batch_size is 0"):
        TableSettings(batch_size=0)


def test_a_table_that_the_warm_start_uses_up_is_refused(data):
    with pytest.raises(BadSetting, match="the table has 800 rows"):
        play(data, TableSettings(once=True, warm_start=800))
