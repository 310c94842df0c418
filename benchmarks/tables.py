"""What a loop earns on tables whose right answers are known: shuttle in four settings over five fresh seeds, and digits.

Question answered: does the loop, through its real gate and split, learn as fast as is demanded? The shuttle table is
POLICYLOOP_DEMO_DATA; without it only digits are played. The seeds were fixed before the first run; nothing was tuned on them.
Run: POLICYLOOP_DEMO_DATA=shuttle.trn python benchmarks/tables.py [--json]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from policyloop.simulate.dataset import Dataset, digits, read
from policyloop.simulate.table import TableResult, TableSettings, play

SEEDS = (20261, 20262, 20263, 20264, 20265)
RAREST_SHARE = 0.0005
LONGEST_WORSE = 2000  # decisions that a model worse by .02 than the one it replaced may make, where there is a gate
DEMO_FLOOR = 0.001

# name, settings, figure -> the least that is demanded
SHUTTLE: tuple[tuple[str, TableSettings, dict[str, float]], ...] = (
    (
        "batches of 500, floor .001",
        TableSettings(floor=DEMO_FLOOR),
        {"mean_rolling_100": 0.965, "worst": 0.95, "last_500": 0.985, "greedy_value": 0.985},
    ),
    (
        "per event, floor .001",
        TableSettings(floor=DEMO_FLOOR, batch_size=1),
        {"mean_rolling_100": 0.985, "worst": 0.95, "last_500": 0.985, "greedy_value": 0.985},
    ),
    ("batches of 500, default floor .02", TableSettings(), {"mean_rolling_100": 0.945}),
    ("per event, default floor .02", TableSettings(batch_size=1), {"mean_rolling_100": 0.96}),
    (
        "batches of 500, floor .001, no gate, no split",
        TableSettings(floor=DEMO_FLOOR, gate="off", split=1.0),
        {"mean_rolling_100": 0.97},
    ),
)
DIGITS = TableSettings(once=True, batch_size=1, floor=0.0, split=1.0, gate="off")


def rows() -> Iterator[dict[str, Any]]:
    """A row a setting: figures over the seeds, and what is demanded of them."""
    named = os.environ.get("POLICYLOOP_DEMO_DATA")
    if named:
        shuttle = read(Path(named)).without_rare(RAREST_SHARE)
        for name, settings, demanded in SHUTTLE:
            yield row(f"{shuttle.name}, {name}", shuttle, settings, demanded)
    yield row("digits, once, per event, floor 0, no gate, no split", digits(), DIGITS, {"mean_reward": 0.82})


def row(name: str, data: Dataset, settings: TableSettings, demanded: dict[str, float]) -> dict[str, Any]:
    """Play with every seed."""
    began_s = time.process_time()
    results = [play(data, replace(settings, seed=seed))[0] for seed in SEEDS]
    found = figures(results)
    missed = [figure for figure, least in demanded.items() if found[figure] < least]
    longest = max(result.longest_worse for result in results)
    is_too_long = settings.gate != "off" and longest > LONGEST_WORSE
    return {
        "name": name,
        "figures": found,
        "demanded": demanded,
        "longest_worse": longest,
        "missed": [*missed, *(["longest_worse"] if is_too_long else [])],
        "promotions": [result.promotions for result in results],
        "rejections": [result.rejections for result in results],
        "cpu_s_per_run": round((time.process_time() - began_s) / len(SEEDS), 1),
    }


def figures(results: list[TableResult]) -> dict[str, float]:
    """Means over the seeds, and the worst seed's rolling reward."""
    rolling = [result.mean_rolling_100 or 0.0 for result in results]
    return {
        "mean_rolling_100": round(statistics.mean(rolling), 4),
        "worst": round(min(rolling), 4),
        "last_500": round(statistics.mean(result.last_500 for result in results), 4),
        "greedy_value": round(statistics.mean(result.greedy_value for result in results), 4),
        "mean_reward": round(statistics.mean(result.mean_reward for result in results), 4),
    }


def main() -> None:
    """Print a line per row, or all of them as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true")
    found = list(rows()) if parser.parse_args().json else rows()
    if isinstance(found, list):
        print(json.dumps(found))
        return
    for one in found:
        told = ", ".join(f"{figure} {value:.4f}" for figure, value in one["figures"].items())
        missed = ", ".join(one["missed"]) or "nothing"
        worse = f"longest_worse {one['longest_worse']:,}"
        print(f"{one['name']}: {told}, {worse}; missed: {missed}; {one['cpu_s_per_run']} CPU s a run", flush=True)


if __name__ == "__main__":
    main()
