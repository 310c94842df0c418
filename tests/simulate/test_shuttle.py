"""The shuttle loop as a deployment plays it, with the gate's defaults: it learns as fast as before, and nothing worse stays."""

import statistics
from dataclasses import replace
from pathlib import Path

import pytest

from policyloop.simulate.dataset import read
from policyloop.simulate.table import TableSettings, play

DATA = Path(__file__).parents[3] / "shared" / "data" / "shuttle.trn"
SEEDS = (20261, 20262, 20263, 20264, 20265)  # those of benchmarks/tables.py; none was chosen for its result
LONGEST_WORSE = 2000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.exists(), reason="plays shuttle.trn, which is not beside this checkout"),
]


@pytest.mark.parametrize(("batch_size", "mean_rolling_100"), [(500, 0.945), (1, 0.96)], ids=["batches", "per event"])
def test_five_seeds_learn_as_fast_as_demanded_and_no_worse_refresh_stays_over_2000_decisions(batch_size, mean_rolling_100):
    shuttle = read(DATA).without_rare(0.0005)

    results = [play(shuttle, replace(TableSettings(batch_size=batch_size), seed=seed))[0] for seed in SEEDS]

    assert statistics.mean(result.mean_rolling_100 for result in results) >= mean_rolling_100
    assert max(result.longest_worse for result in results) <= LONGEST_WORSE
