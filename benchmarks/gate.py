"""The gate in worlds whose truth is known: false promotions, power, roll-backs, coverage, and what an event costs.

Run: python benchmarks/gate.py [--runs 1000] [--seed 0]
Each line is `policyloop simulate gate` with the options that it tells. Lines are shared among the cores, so CPU time is told
and no wall time. Bounds of the demanded numbers stand beside what was measured.
"""

from __future__ import annotations

import argparse
import math
import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from policyloop.gate.chunk import Chunk, chunk_of
from policyloop.gate.evidence import begin, update
from policyloop.gate.limits import Limits, limits_of
from policyloop.simulate.gate.belief import Belief
from policyloop.simulate.gate.binomial import exact_interval
from policyloop.simulate.gate.play import GateResult, GateSettings, chunk_in, limits_in, play
from policyloop.simulate.gate.world import world_of

N_EVENTS, LOOK_EVERY = 20_000, 500


@dataclass(frozen=True)
class Cell:
    """One number that is demanded."""

    name: str
    world: str
    lift: float
    events: int = N_EVENTS
    rule: str = "proven-better"
    canary: float | None = None
    at_most: float | None = None  # of the share
    at_least: float | None = None
    median: float | None = None  # at most so many events


CELLS = [
    *(Cell("G1", world, lift, at_most=0.05) for world in ("stationary", "adaptive", "canary", "rare") for lift in (0.0, -0.02)),
    Cell("G1", "rare", 0.0, canary=0.0, at_most=0.05),
    Cell("G1", "drift", 0.0, at_most=0.05),
    Cell("G1", "delayed", 0.0, at_most=0.05),
    Cell("G2", "canary", 0.05, events=6_000, at_least=0.95),
    Cell("G2", "canary", 0.02, at_least=0.70),
    Cell("G2", "stationary", 0.10, at_least=0.95),
    Cell("G2", "stationary", 0.05, at_least=0.60),
    Cell("", "adaptive", 0.05),
    Cell("", "rare", 0.02),
    Cell("", "drift", 0.02),
    Cell("", "delayed", 0.02),
    Cell("", "mislogged", 0.02),
    Cell("G4", "hold-out", -0.10, median=4_000),
    Cell("G4", "hold-out", -0.20, median=1_300),
    Cell("G4", "hold-out", 0.0, at_most=0.01),
    Cell("G6", "stationary", 0.0, rule="normal", at_least=0.10),
    Cell("G6", "canary", 0.0, rule="normal", at_least=0.10),
    Cell("", "adaptive", 0.0, rule="normal"),
    Cell("", "rare", 0.0, rule="normal"),
    Cell("", "canary", 0.0, rule="point"),
]
COVERED = (("canary", 0.02), ("stationary", 0.02), ("adaptive", 0.0), ("rare", 0.002))


def main() -> None:
    """Measure, and print the tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--runs", type=int, default=1000)
    asked.add_argument("--seed", type=int, default=0)
    told = asked.parse_args()
    update_us = statistics.median(update_cost_us() for _ in range(5))
    print(f"{told.runs:,} runs a line, seed {told.seed}, a look every {LOOK_EVERY} events up to {N_EVENTS:,} or as told\n")
    print(
        f"{'':3} {'world':11} {'rule':13} {'lift':>8} {'events':>7} {'share':>6} {'95 % exact':>15} {'99 % upper':>10} "
        f"{'median':>7} {'frozen':>6} {'CPU s':>6}  bound"
    )
    n = len(CELLS)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for cell, (result, cpu_s) in zip(CELLS, pool.map(played, CELLS, [told.runs] * n, [told.seed] * n), strict=True):
            print(line(cell, result, cpu_s), flush=True)
        print("\nG8: the two-sided 95 % sequence covers the truth at all 20,000 times at once (bound: 95 % of the runs)")
        n = len(COVERED)
        for (world, lift), missed in zip(COVERED, pool.map(n_missed, COVERED, [told.runs] * n, [told.seed] * n), strict=True):
            low, high = exact_interval(told.runs - missed, told.runs)
            is_met = verdict(missed <= 0.05 * told.runs)
            print(f"    {world:11} {lift:+8.3f}  {1 - missed / told.runs:.3f} [{low:.3f}, {high:.3f}]  {is_met}")
    n_stakes = len(begin(limits_of(low=0.0, high=1.0, least_propensity=0.02)).better.stake)
    print(
        f"\nG10: an update takes {update_us:.2f} us of CPU per event in chunks of {LOOK_EVERY}, median of 5 (bound: 2) "
        f"{verdict(update_us <= 2)}; the state is {n_stakes} stakes a side, however many events came"
    )


def played(cell: Cell, runs: int, seed: int) -> tuple[GateResult, float]:
    """One line, with the CPU seconds it took."""
    began_s = time.process_time()
    settings = GateSettings(
        world=cell.world,
        lift=cell.lift,
        events=cell.events,
        look_every=LOOK_EVERY,
        canary=cell.canary,
        rule=cell.rule,
        runs=runs,
        seed=seed,
    )
    return play(settings), time.process_time() - began_s


def line(cell: Cell, result: GateResult, cpu_s: float) -> str:
    """The line of the table."""
    share = result.rolled_back if cell.world == "hold-out" else result.promoted
    hits = round(share * result.runs)
    low, high = exact_interval(hits, result.runs)
    upper = exact_interval(hits, result.runs, level=0.98)[1]
    median = "-" if result.median_events is None else f"{result.median_events:,.0f}"
    canary = "" if cell.canary is None else f" (canary {cell.canary:g})"
    return (
        f"{cell.name:3} {cell.world:11} {result.rule:13} {result.true_lift:+8.4f} {cell.events:7,} {share:6.3f} "
        f"[{low:.3f}, {high:.3f}] {upper:10.3f} {median:>7} {result.frozen:6.3f} {cpu_s:6.0f}  "
        f"{bound(cell, result, share, upper)}{canary}"
    )


def bound(cell: Cell, result: GateResult, share: float, upper: float) -> str:
    """What is demanded, and whether it is met."""
    if cell.at_most is not None:
        is_met = share <= cell.at_most and (cell.name != "G1" or upper <= 0.07)
        return f"<= {cell.at_most:g} {verdict(is_met)}"
    if cell.at_least is not None:
        is_met = share > cell.at_least if cell.name == "G6" else share >= cell.at_least
        return f"{'>' if cell.name == 'G6' else '>='} {cell.at_least:g} {verdict(is_met)}"
    if cell.median is not None:
        return (
            f"median <= {cell.median:,.0f} {verdict(result.median_events is not None and result.median_events <= cell.median)}"
        )
    return ""


def verdict(is_met: bool) -> str:
    """In a word."""
    return "met" if is_met else "MISSED"


def n_missed(cell: tuple[str, float], runs: int, seed: int) -> int:
    """In how many runs the interval left the truth out at any of its 20,000 times."""
    missed = 0
    for run in range(runs):
        phi, limits, lift = pseudo_outcomes_of(*cell, np.random.default_rng([seed, run]))
        missed += bool(is_left_out(phi, lift, limits).any())
    return missed


def pseudo_outcomes_of(world: str, lift: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], Limits, float]:
    """All pseudo-outcomes of one run, their limits, and the truth."""
    played_in = world_of(world, lift=lift, canary=None, rng=rng)
    past = played_in.past()
    belief = Belief(played_in.n_cells, past.pmf.shape[1])
    belief.learn(past)
    limits = limits_in(played_in, belief)

    def chunks() -> Iterator[NDArray[np.float64]]:
        for _ in range(N_EVENTS // LOOK_EVERY):
            events = played_in.events(LOOK_EVERY)
            yield chunk_in(events, belief, limits).phi
            belief.learn(events)

    return np.concatenate(list(chunks())), limits, played_in.lift


def is_left_out(phi: NDArray[np.float64], truth: float, limits: Limits, *, alpha: float = 0.05) -> NDArray[np.bool_]:
    """(n,) whether the truth is outside of the interval after each event: the wealth of all bets against it, all at once."""
    left_out = np.zeros(len(phi), dtype=bool)
    evidence = begin(limits)
    for stakes, gain, its_truth in ((evidence.better.stake, phi, truth), (evidence.worse.stake, -phi, -truth)):
        stake = np.array(stakes)[:, np.newaxis]
        won = (np.log1p(stake * gain) - stake * its_truth).cumsum(axis=1)
        left_out |= np.logaddexp.reduce(won, axis=0) - math.log(len(stakes)) > math.log(2 / alpha)
    return left_out


def update_cost_us(n: int = 200_000) -> float:
    """Microseconds of CPU that an event costs in an update, the making of its pseudo-outcome included."""
    played_in = world_of("canary", lift=0.02, canary=0.1, rng=np.random.default_rng(0))
    limits = limits_of(low=0.0, high=1.0, least_propensity=0.02, ceiling=0.6, champion_share=0.9, challenger_share=0.1)
    chunks = [played_in.events(LOOK_EVERY) for _ in range(n // LOOK_EVERY)]
    evidence = begin(limits)
    began_s = time.process_time()
    for events in chunks:
        chunk: Chunk = chunk_of(
            events.reward,
            events.propensity,
            action=events.action,
            challenger_pmf=events.challenger_pmf,
            champion_pmf=events.champion_pmf,
            predicted=events.champion_pmf,
            limits=limits,
        )
        evidence = update(evidence, chunk, limits=limits)
    return (time.process_time() - began_s) / n * 1e6


if __name__ == "__main__":
    main()
